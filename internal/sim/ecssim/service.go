package ecssim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

type service struct {
	svc     *Service
	cluster *cluster
	name    string
	arn     string
	status  string // ACTIVE, DRAINING, INACTIVE
	desired int
	created time.Time
	spec    spec
	tags    []types.Tag

	deployments []*deployment // PRIMARY first
	completed   *deployment   // the rollback target: the latest COMPLETED one
	history     []*serviceDeployment
	revisions   []*serviceRevision
	events      []types.ServiceEvent // newest first
	told        map[string]time.Time
	steady      bool
	ticking     bool

	stale     *types.Service // what StaleReads still shows
	staleLeft int
}

// spec is what a service is configured with; the zero value of a field is what
// was not given.
type spec struct {
	controller    *types.DeploymentController
	configuration *types.DeploymentConfiguration
	network       *types.NetworkConfiguration
	loadBalancers []types.LoadBalancer
	registries    []types.ServiceRegistry
	grace         *int32
	launchType    types.LaunchType
	providers     []types.CapacityProviderStrategyItem
	platform      *string
	propagate     types.PropagateTags
	scheduling    types.SchedulingStrategy
	role          *string
	execute       bool
	managedTags   bool
}

func (c *cluster) service(ref string) (*service, error) {
	v := c.services[last(ref)]
	if v == nil {
		return nil, serviceNotFound()
	}
	return v, nil
}

// CreateService starts the first deployment at once:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
func (s *Service) CreateService(_ context.Context, in *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if old := c.services[*in.ServiceName]; old != nil && old.status != "INACTIVE" {
		return nil, invalid("Creation of service was not idempotent.")
	}
	v := &service{
		svc: s, cluster: c, name: *in.ServiceName, status: "ACTIVE", created: s.world.Now(), desired: 1,
		arn:  s.world.ARN("ecs", "service/"+c.name+"/"+*in.ServiceName),
		told: map[string]time.Time{},
		tags: in.Tags,
		spec: spec{
			controller: in.DeploymentController, configuration: in.DeploymentConfiguration, network: in.NetworkConfiguration,
			loadBalancers: in.LoadBalancers, registries: in.ServiceRegistries, grace: in.HealthCheckGracePeriodSeconds,
			launchType: in.LaunchType, providers: in.CapacityProviderStrategy, platform: in.PlatformVersion,
			propagate: in.PropagateTags, scheduling: in.SchedulingStrategy, role: in.Role,
			execute: in.EnableExecuteCommand, managedTags: in.EnableECSManagedTags,
		},
	}
	if in.DesiredCount != nil {
		v.desired = int(*in.DesiredCount)
	}
	if v.controllerType() != types.DeploymentControllerTypeExternal {
		if in.TaskDefinition == nil {
			return nil, invalid("TaskDefinition can not be blank.")
		}
		r, err := s.startable(*in.TaskDefinition)
		if err != nil {
			return nil, err
		}
		v.deploy(r, false)
	}
	c.services[v.name] = v
	return &ecs.CreateServiceOutput{Service: new(v.describe())}, nil
}

func (v *service) controllerType() types.DeploymentControllerType {
	if v.spec.controller == nil || v.spec.controller.Type == "" {
		return types.DeploymentControllerTypeEcs
	}
	return v.spec.controller.Type
}

// UpdateService starts a deployment when the task definition or what its tasks
// run in changed, or when forced; other properties change without one
// (reference/ecs.md 1.4).
func (s *Service) UpdateService(_ context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	v, err := c.service(*in.Service)
	if err != nil {
		return nil, err
	}
	if v.status != "ACTIVE" {
		return nil, &types.ServiceNotActiveException{Message: new("Service was not ACTIVE.")}
	}
	if err := v.refuse(in); err != nil {
		return nil, err
	}
	var r *revision
	if in.TaskDefinition != nil {
		if r, err = s.startable(*in.TaskDefinition); err != nil {
			return nil, err
		}
	} else if in.ForceNewDeployment && len(v.deployments) > 0 {
		r = v.deployments[0].rev.td
		if !r.active() {
			return nil, clientError("TaskDefinition is inactive")
		}
	}
	v.remember()
	if in.DesiredCount != nil {
		v.desired = int(*in.DesiredCount)
	}
	deploys := v.apply(in)
	if r == nil && deploys {
		r = v.deployments[0].rev.td
	}
	if r != nil && (in.ForceNewDeployment || deploys || r != v.deployments[0].rev.td) {
		v.deploy(r, in.ForceNewDeployment)
	}
	v.steady = false
	v.reconcileSoon()
	return &ecs.UpdateServiceOutput{Service: new(v.describe())}, nil
}

// refuse names what other deployment controllers do not take; texts as seen in
// the field (reference/ecs.md 1.4).
func (v *service) refuse(in *ecs.UpdateServiceInput) error {
	kind := v.controllerType()
	if kind == types.DeploymentControllerTypeEcs {
		return nil
	}
	advice := " Use AWS CodeDeploy to trigger a new deployment."
	if kind == types.DeploymentControllerTypeExternal {
		advice = ""
	}
	switch {
	case in.TaskDefinition != nil:
		return invalid(fmt.Sprintf("Unable to update task definition on services with a %s deployment controller.%s", kind, advice))
	case in.ForceNewDeployment:
		return invalid(fmt.Sprintf("Cannot force a new deployment on services with a %s deployment controller.%s", kind, advice))
	case in.NetworkConfiguration != nil:
		return invalid(fmt.Sprintf("Unable to update network parameters on services with a %s deployment controller.%s", kind, advice))
	}
	return nil
}

// apply takes over what in sets and reports whether that needs new tasks.
func (v *service) apply(in *ecs.UpdateServiceInput) (deploys bool) {
	if in.DeploymentConfiguration != nil {
		v.spec.configuration = in.DeploymentConfiguration
	}
	if in.HealthCheckGracePeriodSeconds != nil {
		v.spec.grace = in.HealthCheckGracePeriodSeconds
	}
	if in.EnableExecuteCommand != nil {
		v.spec.execute = *in.EnableExecuteCommand
	}
	if in.EnableECSManagedTags != nil {
		v.spec.managedTags = *in.EnableECSManagedTags
	}
	if in.PropagateTags != "" {
		v.spec.propagate = in.PropagateTags
	}
	if in.NetworkConfiguration != nil && !equal(v.spec.network, in.NetworkConfiguration) {
		v.spec.network, deploys = in.NetworkConfiguration, true
	}
	if in.LoadBalancers != nil && !equal(v.spec.loadBalancers, in.LoadBalancers) {
		v.spec.loadBalancers, deploys = in.LoadBalancers, true
	}
	if in.ServiceRegistries != nil && !equal(v.spec.registries, in.ServiceRegistries) {
		v.spec.registries, deploys = in.ServiceRegistries, true
	}
	if in.PlatformVersion != nil && deref(in.PlatformVersion) != deref(v.spec.platform) {
		v.spec.platform, deploys = in.PlatformVersion, true
	}
	return deploys
}

// DeleteService wants a service scaled to nothing, or force:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html
func (s *Service) DeleteService(_ context.Context, in *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	v, err := c.service(*in.Service)
	if err != nil {
		return nil, err
	}
	if v.status == "INACTIVE" {
		return nil, serviceNotFound()
	}
	if v.desired > 0 && (in.Force == nil || !*in.Force) {
		return nil, invalid("The service cannot be stopped while it is scaled above 0.")
	}
	v.status, v.desired = "DRAINING", 0
	v.reconcileSoon()
	return &ecs.DeleteServiceOutput{Service: new(v.describe())}, nil
}

// DescribeServices takes up to ten services; unknown ones are failures with
// reason MISSING, deleted ones are INACTIVE (reference/ecs.md 1.3).
func (s *Service) DescribeServices(_ context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	return s.describeServices(in, (*service).read)
}

// A Consistent view reads what was written last, as other services of AWS do;
// [world.Switches.StaleReads] is about customers' calls.
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
			d.Tags = slices.Concat([]types.Tag{}, v.tags)
		}
		out.Services = append(out.Services, d)
	}
	return out, nil
}

// ListServices lists ARNs, ten a page by default (reference/ecr.md 1.8).
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
	limit := 10
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	items, next, err := paged(arns, in.NextToken, limit)
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
		CreatedBy:                     new(v.svc.world.ARN("iam", "root")),
		DeploymentConfiguration:       v.configuration(),
		DeploymentController:          v.spec.controller,
		Deployments:                   []types.Deployment{},
		DesiredCount:                  int32(v.desired),
		EnableECSManagedTags:          v.spec.managedTags,
		EnableExecuteCommand:          v.spec.execute,
		Events:                        slices.Clone(v.events),
		HealthCheckGracePeriodSeconds: v.spec.grace,
		LaunchType:                    v.spec.launchType,
		CapacityProviderStrategy:      v.spec.providers,
		LoadBalancers:                 slices.Concat([]types.LoadBalancer{}, v.spec.loadBalancers),
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
		ServiceRegistries:             slices.Concat([]types.ServiceRegistry{}, v.spec.registries),
		Status:                        &v.status,
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
	return &d
}

// event adds a service event. An event is left out when the same one was told
// within six hours and its cause was not resolved since (reference/ecs.md 1.3).
func (v *service) event(format string, a ...any) {
	msg := fmt.Sprintf(format, a...)
	if strings.HasPrefix(msg, "was unable") {
		if t, ok := v.told[msg]; ok && v.svc.world.Now().Sub(t) < 6*time.Hour {
			return
		}
		v.told[msg] = v.svc.world.Now()
	}
	e := types.ServiceEvent{CreatedAt: new(v.svc.world.Now()), Id: new(v.svc.world.UUID()), Message: new("(service " + v.name + ") " + msg)}
	v.events = slices.Insert(v.events, 0, e)
	if len(v.events) > 100 {
		v.events = v.events[:100]
	}
}
