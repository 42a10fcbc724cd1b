package ecrx

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// getPolicyAPI is GetLifecyclePolicy of *ecr.Client.
type getPolicyAPI interface {
	GetLifecyclePolicy(context.Context, *ecr.GetLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.GetLifecyclePolicyOutput, error)
}

// readPolicy is the repository's policy and its text; nil and "" where it has
// none.
func readPolicy(ctx context.Context, api getPolicyAPI, repo Repository) (*Policy, string, error) {
	out, err := api.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RegistryId: repo.registry(), RepositoryName: &repo.Name}, repo.there)
	switch {
	case isA[*types.LifecyclePolicyNotFoundException](err):
		return nil, "", nil
	case err != nil:
		return nil, "", fmt.Errorf("repository %s: %w", repo, err)
	}
	text := aws.ToString(out.LifecyclePolicyText)
	p, err := ParsePolicy(text)
	if err != nil {
		return nil, text, fmt.Errorf("repository %s: %w", repo, err)
	}
	return p, text, nil
}
