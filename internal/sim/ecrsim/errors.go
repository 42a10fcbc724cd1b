package ecrsim

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// Texts are those of https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html
// and of error reports in the field (docs/aws/ecr.md 1.5).

func (s *Service) noRepository(name string) error {
	return &types.RepositoryNotFoundException{Message: aws.String(fmt.Sprintf(
		"The repository with name '%s' does not exist in the registry with id '%s'", name, s.w.Account))}
}

func (s *Service) noImage(id types.ImageIdentifier, repo string) error {
	return &types.ImageNotFoundException{Message: aws.String(fmt.Sprintf(
		"The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
		orNull(id.ImageDigest), orNull(id.ImageTag), repo, s.w.Account))}
}

func (s *Service) noPolicy(repo string) error {
	return &types.LifecyclePolicyNotFoundException{Message: aws.String(fmt.Sprintf(
		"Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", repo, s.w.Account))}
}

// denied is the form of IAM's refusal for a resource of another account:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (s *Service) denied(operation, registry, repo string) error {
	return op.Error("AccessDeniedException", fmt.Sprintf(
		"User: arn:%[1]s:iam::%[2]s:user/simulated is not authorized to perform: ecr:%[3]s on resource: arn:%[1]s:ecr:%[4]s:%[5]s:repository/%[6]s because no resource-based policy allows the ecr:%[3]s action",
		s.w.Partition, s.w.Account, operation, s.w.Region, registry, repo))
}

func invalid(parameter, constraint string) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(
		"Invalid parameter at '%s' failed to satisfy constraint: '%s'", parameter, constraint))}
}

func invalidToken() error { return invalid("nextToken", "must be a token of an earlier answer") }

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}
