package ecrsim

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// replicationTime is how long a replica takes: "The majority of images replicate in
// less than 30 minutes"
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html).
const replicationTime = 10 * time.Minute

// Elsewhere sets how the registries of other regions are found.
func (s *Service) Elsewhere(in func(region string) *Service) { s.elsewhere = in }

// DescribeRegistry implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRegistry.html
func (s *Service) DescribeRegistry(context.Context, *ecr.DescribeRegistryInput) (*ecr.DescribeRegistryOutput, error) {
	rules := append([]types.ReplicationRule{}, s.replication...)
	return &ecr.DescribeRegistryOutput{RegistryId: aws.String(s.w.Account), ReplicationConfiguration: &types.ReplicationConfiguration{Rules: rules}}, nil
}

// PutReplicationConfiguration implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutReplicationConfiguration.html
// for destinations of the same account.
func (s *Service) PutReplicationConfiguration(_ context.Context, in *ecr.PutReplicationConfigurationInput) (*ecr.PutReplicationConfigurationOutput, error) {
	if in.ReplicationConfiguration == nil || len(in.ReplicationConfiguration.Rules) > 10 {
		return nil, invalid("replicationConfiguration", "must have at most 10 rules")
	}
	for _, r := range in.ReplicationConfiguration.Rules {
		for _, d := range r.Destinations {
			if aws.ToString(d.RegistryId) == s.w.Account && aws.ToString(d.Region) == s.w.Region {
				return nil, invalid("replicationConfiguration", "must not have the source registry as a destination")
			}
		}
	}
	s.replication = in.ReplicationConfiguration.Rules
	return &ecr.PutReplicationConfigurationOutput{ReplicationConfiguration: in.ReplicationConfiguration}, nil
}

// replicate copies a push to the destinations of the rules. Only what is pushed after a
// rule was made is copied, a repository is made where there is none, and deletions are
// not: https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-delete.html.
// A lifecycle policy acts in its own region alone:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lp_creation.html.
func (s *Service) replicate(r *repository, m manifest, tag *string) {
	for _, rule := range s.replication {
		if len(rule.RepositoryFilters) > 0 && !slices.ContainsFunc(rule.RepositoryFilters, func(f types.RepositoryFilter) bool {
			return strings.HasPrefix(r.name, aws.ToString(f.Filter))
		}) {
			continue
		}
		for _, d := range rule.Destinations {
			if aws.ToString(d.RegistryId) == s.w.Account && s.elsewhere != nil {
				to := s.elsewhere(aws.ToString(d.Region))
				s.w.After(replicationTime, func() { s.w.As("ecr: replication", func() { to.receive(r, m, tag) }) })
			}
		}
	}
}

// receive takes what another registry replicates.
func (s *Service) receive(from *repository, m manifest, tag *string) {
	r, ok := s.repos[from.name]
	if !ok {
		if _, err := s.CreateRepository(context.Background(), &ecr.CreateRepositoryInput{RepositoryName: &from.name}); err != nil {
			return
		}
		r = s.repos[from.name]
	}
	for _, b := range m.blobs {
		r.layers[b] = from.layers[b]
	}
	_ = s.put(r, m, tag) // an image that is there already, or whose index comes first, is left
}
