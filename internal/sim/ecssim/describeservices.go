package ecssim

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// DescribeServices takes up to ten services; unknown ones are failures with
// reason MISSING, deleted ones are INACTIVE (docs/aws/ecs.md 1.3).
func (s *Service) DescribeServices(_ context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	return s.describeServices(in, (*service).read)
}

// A Consistent view reads what was written last, as other services of AWS do;
// [simtype.Switches.StaleReads] is about customers' calls.
type Consistent struct{ *Service }

// DescribeServices answers without lag.
func (s Consistent) DescribeServices(_ context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	return s.describeServices(in, (*service).describe)
}

func (s *Service) describeServices(in *ecs.DescribeServicesInput, read func(*service) types.Service) (*ecs.DescribeServicesOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Services) == 0 {
		return nil, invalid("Services cannot be empty.")
	}
	if len(in.Services) > 10 {
		return nil, invalid("Services cannot have more than 10 elements.")
	}
	out := &ecs.DescribeServicesOutput{Services: []types.Service{}, Failures: []types.Failure{}}
	for _, ref := range in.Services {
		v := c.services[last(ref)]
		if v == nil {
			out.Failures = append(out.Failures, missing(s.world.ARN("ecs", "service/"+c.name+"/"+last(ref))))
			continue
		}
		d := read(v)
		if slices.Contains(in.Include, types.ServiceFieldTags) {
			d.Tags = append([]types.Tag{}, v.tags...)
		}
		out.Services = append(out.Services, d)
	}
	return out, nil
}

// ListServices lists ARNs, ten a page by default (docs/aws/ecr.md 1.8).
func (s *Service) ListServices(_ context.Context, in *ecs.ListServicesInput) (*ecs.ListServicesOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	arns := []string{}
	for _, name := range slices.Sorted(maps.Keys(c.services)) {
		if v := c.services[name]; v.status != "INACTIVE" {
			arns = append(arns, v.arn)
		}
	}
	items, next, err := paged(arns, in.NextToken, in.MaxResults, 10)
	if err != nil {
		return nil, err
	}
	return &ecs.ListServicesOutput{ServiceArns: items, NextToken: next}, nil
}

// remember keeps what was, for the reads that StaleReads lets lag behind.
func (v *service) remember() {
	if n := v.svc.world.Switches.StaleReads; n > 0 {
		v.stale, v.staleLeft = new(op.Copy(v.describe())), n
	}
}

func (v *service) read() types.Service {
	if v.staleLeft > 0 {
		v.staleLeft--
		return *v.stale
	}
	return v.describe()
}

func (v *service) describe() types.Service {
	d := types.Service{
		ClusterArn:                    &v.cluster.arn,
		CreatedAt:                     &v.created,
		CreatedBy:                     new(v.svc.world.IAM("root")),
		DeploymentConfiguration:       v.configuration(),
		DeploymentController:          &types.DeploymentController{Type: v.controllerType()}, // always there (docs/aws/recordings.md placebo)
		Deployments:                   []types.Deployment{},
		DesiredCount:                  int32(v.desired),
		EnableECSManagedTags:          v.spec.managedTags,
		EnableExecuteCommand:          v.spec.execute,
		Events:                        slices.Clone(v.events),
		HealthCheckGracePeriodSeconds: v.spec.grace,
		LaunchType:                    v.spec.launchType,
		CapacityProviderStrategy:      v.spec.providers,
		LoadBalancers:                 append([]types.LoadBalancer{}, v.spec.loadBalancers...),
		NetworkConfiguration:          v.spec.network,
		PlacementConstraints:          []types.PlacementConstraint{},
		PlacementStrategy:             []types.PlacementStrategy{},
		PlatformFamily:                new("Linux"),
		PlatformVersion:               v.spec.platform,
		PropagateTags:                 v.spec.propagate,
		RoleArn:                       v.spec.role,
		SchedulingStrategy:            types.SchedulingStrategyReplica,
		ServiceArn:                    &v.arn,
		ServiceName:                   &v.name,
		ServiceRegistries:             append([]types.ServiceRegistry{}, v.spec.registries...),
		Status:                        &v.status,
	}
	if d.RoleArn == nil {
		d.RoleArn = new(v.svc.world.IAM("role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"))
	}
	if d.PropagateTags == "" {
		d.PropagateTags = types.PropagateTagsNone
	}
	if v.spec.scheduling != "" {
		d.SchedulingStrategy = v.spec.scheduling
	}
	if d.LaunchType == "" && len(d.CapacityProviderStrategy) == 0 {
		d.LaunchType = types.LaunchTypeFargate
	}
	for _, p := range v.deployments {
		x := p.describe()
		d.Deployments = append(d.Deployments, x)
		d.RunningCount += x.RunningCount
		d.PendingCount += x.PendingCount
	}
	if len(v.deployments) > 0 {
		p := v.deployments[0]
		d.TaskDefinition = p.rev.td.def.TaskDefinitionArn
		d.CurrentServiceDeployment = &p.record.arn
		for _, q := range v.deployments {
			x := q.describe()
			d.CurrentServiceRevisions = append(d.CurrentServiceRevisions, types.ServiceCurrentRevisionSummary{
				Arn: &q.rev.arn, PendingTaskCount: x.PendingCount, RequestedTaskCount: x.DesiredCount, RunningTaskCount: x.RunningCount,
			})
		}
	}
	return d
}

// configuration is the service's, with the documented defaults: 100 and 200
// percent, no circuit breaker.
func (v *service) configuration() *types.DeploymentConfiguration {
	d := types.DeploymentConfiguration{}
	if v.spec.configuration != nil {
		d = *v.spec.configuration
	}
	if d.MinimumHealthyPercent == nil {
		d.MinimumHealthyPercent = new(int32(100))
	}
	if d.MaximumPercent == nil {
		d.MaximumPercent = new(int32(200))
	}
	if d.DeploymentCircuitBreaker == nil {
		d.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{}
	}
	if d.DeploymentCircuitBreaker.ResetOnHealthyTask == nil { // filled in (docs/aws/ecs.md 2.3)
		cb := *d.DeploymentCircuitBreaker
		cb.ResetOnHealthyTask = new(true)
		d.DeploymentCircuitBreaker = &cb
	}
	return &d
}
