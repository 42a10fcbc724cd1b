package ecrsim

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// BatchDeleteImage implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html:
// by tag the tag goes, and with the last one the image; by digest the image and
// all its tags; an image that an index lists stays.
func (s *Service) BatchDeleteImage(_ context.Context, in *ecr.BatchDeleteImageInput) (*ecr.BatchDeleteImageOutput, error) {
	r, err := s.repo("BatchDeleteImage", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if n := len(in.ImageIds); n < 1 || n > 100 {
		return nil, invalid("imageIds", "Member must have length between 1 and 100, inclusive")
	}
	out := &ecr.BatchDeleteImageOutput{ImageIds: []types.ImageIdentifier{}, Failures: []types.ImageFailure{}}
	for _, id := range in.ImageIds {
		i, failure := r.find(id)
		if failure != nil {
			out.Failures = append(out.Failures, *failure)
			continue
		}
		tags := r.tagsOf(i.digest)
		if id.ImageTag != nil && len(tags) > 1 {
			delete(r.tags, *id.ImageTag)
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: aws.String(i.digest), ImageTag: id.ImageTag})
			continue
		}
		if parents := r.parents(i.digest); len(parents) > 0 {
			out.Failures = append(out.Failures, types.ImageFailure{ImageId: &id,
				FailureCode:   types.ImageFailureCodeImageReferencedByManifestList,
				FailureReason: aws.String("Requested image referenced by manifest list: " + listed(parents))})
			continue
		}
		s.remove(r, i)
		if len(tags) == 0 {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: aws.String(i.digest)})
		}
		for _, t := range tags {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: aws.String(i.digest), ImageTag: aws.String(t)})
		}
	}
	return out, nil
}

func listed(digests []string) string { return "[" + strings.Join(digests, ", ") + "]" }
