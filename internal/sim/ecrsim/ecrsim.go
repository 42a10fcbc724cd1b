// Package ecrsim simulates Amazon ECR: repositories, images by digest and tag,
// lifecycle policies that the clock executes, and the archive storage class.
//
// All methods are called inside the clock's Do.
package ecrsim

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// Service is the private registry of one account in one region, and what is
// known of registries elsewhere.
type Service struct {
	w        *world.World
	repos    map[string]*repository
	external map[string]string // reference -> digest
	removed  map[string]bool   // references of other registries that are gone
	rules    []cacheRule
	pushes   int
	history  []PolicyExecution

	replication []types.ReplicationRule
	elsewhere   func(region string) *Service
}

// New returns a registry without repositories.
func New(w *world.World) *Service {
	return &Service{w: w, repos: map[string]*repository{}, external: map[string]string{}, removed: map[string]bool{}}
}

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) {
	op.On(t, s.CreateRepository)
	op.On(t, s.DeleteRepository)
	op.On(t, s.DescribeRepositories)
	op.On(t, s.PutImageTagMutability)
	op.On(t, s.TagResource)
	op.On(t, s.UntagResource)
	op.On(t, s.ListTagsForResource)
	op.On(t, s.PutImage)
	op.On(t, s.BatchGetImage)
	op.On(t, s.BatchDeleteImage)
	op.On(t, s.DescribeImages)
	op.On(t, s.ListImages)
	op.On(t, s.ListImageReferrers)
	op.On(t, s.UpdateImageStorageClass)
	op.On(t, s.PutLifecyclePolicy)
	op.On(t, s.GetLifecyclePolicy)
	op.On(t, s.DeleteLifecyclePolicy)
	op.On(t, s.StartLifecyclePolicyPreview)
	op.On(t, s.GetLifecyclePolicyPreview)
	op.On(t, s.GetAuthorizationToken)
	op.On(t, s.DescribeRegistry)
	op.On(t, s.PutReplicationConfiguration)
	op.On(t, s.BatchCheckLayerAvailability)
	op.On(t, s.GetDownloadUrlForLayer)
	op.On(t, s.InitiateLayerUpload)
	op.On(t, s.UploadLayerPart)
	op.On(t, s.CompleteLayerUpload)
	op.On(t, s.DescribePullThroughCacheRules)
}

// repo finds a repository. A registry of another account denies access: its
// repositories have no policy for this one (docs/aws/ecr.md 1.7).
func (s *Service) repo(operation string, registry, name *string) (*repository, error) {
	if id := aws.ToString(registry); id != "" && id != s.w.Account {
		return nil, s.denied(operation, id, aws.ToString(name))
	}
	r, ok := s.repos[aws.ToString(name)]
	if !ok {
		return nil, s.noRepository(aws.ToString(name))
	}
	return r, nil
}

func (s *Service) sortedRepos() []*repository {
	names := slices.Sorted(maps.Keys(s.repos))
	all := make([]*repository, len(names))
	for i, n := range names {
		all[i] = s.repos[n]
	}
	return all
}
