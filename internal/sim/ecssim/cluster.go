package ecssim

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

type cluster struct {
	name, arn string
	services  map[string]*service // by name; INACTIVE ones stay
	tasks     map[string]*task    // by id, until their retention ends
	sorted    []*task             // newest first; nil when tasks has changed since
	tags      []types.Tag
	inactive  bool
}

// cluster finds an ACTIVE cluster by name or ARN; "" is "default".
func (s *Service) cluster(ref *string) (*cluster, error) {
	name := "default"
	if ref != nil && *ref != "" {
		name = last(*ref)
	}
	c := s.clusters[name]
	if c == nil || c.inactive {
		return nil, clusterNotFound()
	}
	return c, nil
}

// CreateCluster is idempotent by name:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html
func (s *Service) CreateCluster(_ context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	name := "default"
	if in.ClusterName != nil {
		name = *in.ClusterName
	}
	if !validName.MatchString(name) {
		return nil, invalid("Cluster name contains invalid characters.")
	}
	c := s.clusters[name]
	if c == nil || c.inactive {
		c = &cluster{
			name:     name,
			arn:      s.world.ARN("ecs", "cluster/"+name),
			services: map[string]*service{},
			tasks:    map[string]*task{},
			tags:     in.Tags,
		}
		s.clusters[name] = c
	}
	return &ecs.CreateClusterOutput{Cluster: new(c.describe())}, nil
}

func (c *cluster) describe() types.Cluster {
	out := types.Cluster{ClusterArn: &c.arn, ClusterName: &c.name, Status: new("ACTIVE"), Statistics: []types.KeyValuePair{}, Tags: []types.Tag{}, CapacityProviders: []string{}, DefaultCapacityProviderStrategy: []types.CapacityProviderStrategyItem{}, Settings: []types.ClusterSetting{}}
	if c.inactive {
		out.Status = new("INACTIVE")
	}
	for _, v := range c.services {
		if v.status != "INACTIVE" {
			out.ActiveServicesCount++
		}
	}
	for _, t := range c.tasks {
		switch {
		case t.lastStatus == "RUNNING":
			out.RunningTasksCount++
		case t.desiredStatus == "RUNNING":
			out.PendingTasksCount++
		}
	}
	return out
}

// DescribeClusters reports unknown clusters as failures with reason MISSING.
func (s *Service) DescribeClusters(_ context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	refs := in.Clusters
	if len(refs) == 0 {
		refs = []string{"default"}
	}
	out := &ecs.DescribeClustersOutput{Clusters: []types.Cluster{}, Failures: []types.Failure{}}
	for _, ref := range refs {
		if c := s.clusters[last(ref)]; c != nil {
			d := c.describe()
			if slices.Contains(in.Include, types.ClusterFieldTags) {
				d.Tags = append([]types.Tag{}, c.tags...)
			}
			out.Clusters = append(out.Clusters, d)
			continue
		}
		out.Failures = append(out.Failures, missing(s.world.ARN("ecs", "cluster/"+last(ref))))
	}
	return out, nil
}

// ListClusters lists ARNs of ACTIVE clusters.
func (s *Service) ListClusters(_ context.Context, in *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	arns := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.clusters)) {
		if c := s.clusters[name]; !c.inactive {
			arns = append(arns, c.arn)
		}
	}
	items, next, err := paged(arns, in.NextToken, in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	return &ecs.ListClustersOutput{ClusterArns: items, NextToken: next}, nil
}

// DeleteCluster refuses a cluster that still has services or tasks:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteCluster.html
func (s *Service) DeleteCluster(_ context.Context, in *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	d := c.describe()
	if d.ActiveServicesCount > 0 {
		return nil, &types.ClusterContainsServicesException{Message: new("The Cluster cannot be deleted while Services are active.")}
	}
	if d.RunningTasksCount+d.PendingTasksCount > 0 {
		return nil, &types.ClusterContainsTasksException{Message: new("The Cluster cannot be deleted while Tasks are active.")}
	}
	c.inactive = true
	s.world.Deleted("AWS::ECS::Cluster", c.name)
	return &ecs.DeleteClusterOutput{Cluster: new(c.describe())}, nil
}

// sortedTasks are a cluster's tasks, newest first. AWS documents no order; this
// one is what its console and the CDK assume (docs/aws/ecs.md 1.1).
func (c *cluster) sortedTasks() []*task {
	if c.sorted == nil {
		c.sorted = slices.SortedFunc(maps.Values(c.tasks), func(a, b *task) int { return cmp.Compare(b.order, a.order) })
	}
	return c.sorted // whoever ranges over it sees the tasks of that moment
}
