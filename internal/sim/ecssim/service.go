package ecssim

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
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
	token   string // of the creation

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
	if !validName.MatchString(*in.ServiceName) {
		return nil, invalid("Service name contains invalid characters.")
	}
	if old := c.services[*in.ServiceName]; old != nil && old.status != "INACTIVE" {
		if old.token != "" && old.token == str(in.ClientToken) {
			return &ecs.CreateServiceOutput{Service: new(old.describe())}, nil
		}
		return nil, invalid("Creation of service was not idempotent.")
	}
	v := &service{
		svc: s, cluster: c, name: *in.ServiceName, status: "ACTIVE", created: s.world.Now(), desired: 1,
		arn:  s.world.ARN("ecs", "service/"+c.name+"/"+*in.ServiceName),
		told: map[string]time.Time{}, token: str(in.ClientToken),
		tags: in.Tags,
		spec: spec{
			controller: in.DeploymentController, configuration: in.DeploymentConfiguration, network: in.NetworkConfiguration,
			loadBalancers: in.LoadBalancers, registries: in.ServiceRegistries, grace: in.HealthCheckGracePeriodSeconds,
			launchType: in.LaunchType, providers: in.CapacityProviderStrategy, platform: in.PlatformVersion,
			propagate: in.PropagateTags, scheduling: in.SchedulingStrategy, role: in.Role,
			execute: in.EnableExecuteCommand, managedTags: in.EnableECSManagedTags,
		},
	}
	if err := checkNumbers(in.DesiredCount, in.DeploymentConfiguration); err != nil {
		return nil, err
	}
	if err := checkHooks(in.DeploymentConfiguration, in.LoadBalancers); err != nil {
		return nil, err
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
	v.observe()
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
// (docs/aws/ecs.md 1.4).
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
	if err := checkNumbers(in.DesiredCount, in.DeploymentConfiguration); err != nil {
		return nil, err
	}
	if err := checkHooks(in.DeploymentConfiguration, in.LoadBalancers); err != nil {
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
	var serving *revision
	if len(v.deployments) > 0 { // none under an EXTERNAL controller
		serving = v.deployments[0].rev.td
	}
	if r == nil && deploys {
		r = serving
	}
	if r != nil && (in.ForceNewDeployment || deploys || r != serving) {
		v.deploy(r, in.ForceNewDeployment)
	}
	v.steady = false
	v.observe()
	v.reconcileSoon()
	return &ecs.UpdateServiceOutput{Service: new(v.describe())}, nil
}

// refuse names what other deployment controllers do not take; texts as seen in
// the field (docs/aws/ecs.md 1.4).
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
	if in.CapacityProviderStrategy != nil && !equal(v.spec.providers, in.CapacityProviderStrategy) {
		v.spec.providers, v.spec.launchType, deploys = in.CapacityProviderStrategy, "", true
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
	v.observe()
	s.world.Deleted("AWS::ECS::Service", v.arn)
	for _, d := range v.deployments {
		if d.state == types.DeploymentRolloutStateInProgress {
			d.recordOrBack().abandon()
		}
	}
	if len(v.deployments) == 0 {
		v.status = "INACTIVE" // nothing to drain, and no look of the scheduler would say so
	}
	v.reconcileSoon()
	return &ecs.DeleteServiceOutput{Service: new(v.describe())}, nil
}
