package ecrsim

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

var digestPattern = regexp.MustCompile(`^[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+$`)

// find finds an image of any status. Failure codes are those of
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html
func (r *repository) find(id types.ImageIdentifier) (*image, *types.ImageFailure) {
	fail := func(code types.ImageFailureCode, reason string) (*image, *types.ImageFailure) {
		return nil, &types.ImageFailure{ImageId: &id, FailureCode: code, FailureReason: aws.String(reason)}
	}
	digest := aws.ToString(id.ImageDigest)
	switch {
	case id.ImageDigest == nil && id.ImageTag == nil:
		return fail(types.ImageFailureCodeMissingDigestAndTag, "Invalid request parameters: both tag and digest cannot be null")
	case id.ImageDigest != nil && !digestPattern.MatchString(digest):
		return fail(types.ImageFailureCodeInvalidImageDigest, "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'")
	case id.ImageTag != nil:
		at, ok := r.tags[*id.ImageTag]
		if !ok {
			return fail(types.ImageFailureCodeImageNotFound, "Requested image not found")
		}
		if id.ImageDigest != nil && at != digest {
			return fail(types.ImageFailureCodeImageTagDoesNotMatchDigest, "The image tag does not match the image digest")
		}
		digest = at
	}
	i, ok := r.images[digest]
	if !ok {
		return fail(types.ImageFailureCodeImageNotFound, "Requested image not found")
	}
	return i, nil
}

// BatchGetImage implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html.
// It counts as a pull: "When an image is pulled, the BatchGetImage API is
// called once" (docs/aws/ecr.md 1.2; which call stamps the time is UNCERTAIN).
// An archived image fails as ImageInaccessible (UNCERTAIN, docs/aws/ecr.md 1.4).
func (s *Service) BatchGetImage(_ context.Context, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	r, err := s.repo("BatchGetImage", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if n := len(in.ImageIds); n < 1 || n > 100 {
		return nil, invalid("imageIds", "Member must have length between 1 and 100, inclusive")
	}
	out := &ecr.BatchGetImageOutput{Images: []types.Image{}, Failures: []types.ImageFailure{}}
	for _, id := range in.ImageIds {
		i, failure := r.find(id)
		if failure == nil && i.status != types.ImageStatusActive {
			failure = &types.ImageFailure{ImageId: &id, FailureCode: types.ImageFailureCodeImageInaccessible,
				FailureReason: aws.String("Requested image is not accessible: its status is " + string(i.status))}
		}
		if failure != nil {
			out.Failures = append(out.Failures, *failure)
			continue
		}
		i.pulled = s.w.Now()
		out.Images = append(out.Images, s.imageShape(r, i, id.ImageTag))
	}
	return out, nil
}

func (s *Service) imageShape(r *repository, i *image, tag *string) types.Image {
	return types.Image{
		ImageId:                &types.ImageIdentifier{ImageDigest: aws.String(i.digest), ImageTag: tag},
		ImageManifest:          aws.String(i.text),
		ImageManifestMediaType: aws.String(i.mediaType),
		RegistryId:             aws.String(s.w.Account),
		RepositoryName:         aws.String(r.name),
	}
}
