package ecrsim

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

// ListImageReferrers implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html
func (s *Service) ListImageReferrers(_ context.Context, in *ecr.ListImageReferrersInput) (*ecr.ListImageReferrersOutput, error) {
	r, err := s.repo("ListImageReferrers", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if in.SubjectId == nil {
		return nil, invalid("subjectId", "must be given")
	}
	all := []types.ImageReferrer{}
	for _, i := range r.sortedImages() {
		if i.subject != aws.ToString(in.SubjectId.ImageDigest) || !i.in(false) {
			continue
		}
		all = append(all, types.ImageReferrer{ArtifactStatus: types.ArtifactStatusActive, ArtifactType: orNil(i.artifactType),
			Digest: aws.String(i.digest), MediaType: aws.String(i.mediaType), Size: aws.Int64(int64(len(i.text)))})
	}
	part, next, ok := page.Of(all, in.NextToken, int(defaultTo(in.MaxResults, 20)))
	if !ok {
		return nil, invalidToken()
	}
	return &ecr.ListImageReferrersOutput{Referrers: part, NextToken: next}, nil
}
