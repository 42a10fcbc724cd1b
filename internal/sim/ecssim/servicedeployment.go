package ecssim

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// serviceRevision is one configuration of a service, with the digests that its
// first task established.
type serviceRevision struct {
	service *service
	arn     string
	td      *revision
	created time.Time
	digests map[string]string // by container
}

// record keeps the digest a container's tag stood for, unless version
// consistency is disabled for it (docs/aws/ecs.md 1.4).
func (r *serviceRevision) record(c *container, digest string) {
	if c.def.VersionConsistency != types.VersionConsistencyDisabled {
		r.digests[c.Name()] = digest
	}
}

// reuseDigests is the switch: whether a new deployment of a known task
// definition revision keeps the digests recorded for it.
func (v *service) reuseDigests(rev *serviceRevision) {
	if v.svc.world.Switches.RollbackDigest != "recorded" {
		return
	}
	for _, old := range slices.Backward(v.revisions) {
		if old.td == rev.td && len(old.digests) > 0 {
			for k, d := range old.digests {
				rev.digests[k] = d
			}
			return
		}
	}
}

type serviceDeployment struct {
	service           *service
	arn               string
	deployment        *deployment
	status            types.ServiceDeploymentStatus
	reason            string
	created, updated  time.Time
	finished, stopped *time.Time
	source            []*serviceRevision
	target            *serviceRevision
	breaker           types.ServiceDeploymentRollbackMonitorsStatus
	failures          int
	rollback          *types.Rollback
	hooks             []*hook
}

func (v *service) newRecord(d *deployment) *serviceDeployment {
	now := v.svc.world.Now()
	r := &serviceDeployment{
		service: v, deployment: d, target: d.rev, created: now, updated: now,
		arn:     v.svc.world.ARN("ecs", "service-deployment/"+v.cluster.name+"/"+v.name+"/"+v.svc.world.Mixed(21)),
		status:  types.ServiceDeploymentStatusInProgress,
		breaker: types.ServiceDeploymentRollbackMonitorsStatusDisabled,
	}
	if v.configuration().DeploymentCircuitBreaker.Enable {
		r.breaker = types.ServiceDeploymentRollbackMonitorsStatusMonitoring
	}
	for _, old := range v.deployments {
		r.source = append(r.source, old.rev)
	}
	v.history = append([]*serviceDeployment{r}, v.history...)
	return r
}

func (r *serviceDeployment) rollingBack(reason string, to *serviceRevision) {
	now := r.service.svc.world.Now()
	r.set(types.ServiceDeploymentStatusRollbackInProgress)
	r.rollback = &types.Rollback{Reason: &reason, ServiceRevisionArn: &to.arn, StartedAt: &now}
}

func (r *serviceDeployment) finish(status types.ServiceDeploymentStatus, reason string) {
	if r.over() {
		return
	}
	now := r.service.svc.world.Now()
	r.set(status)
	r.reason, r.finished = reason, &now
	if status == types.ServiceDeploymentStatusStopped {
		r.stopped = &now
	}
	if r.breaker == types.ServiceDeploymentRollbackMonitorsStatusMonitoring {
		r.breaker = types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
	}
}

// abandon ends what a newer deployment or the service's deletion overtakes:
// STOPPED, or ROLLBACK_FAILED for a rollback, which has no documented way to
// STOPPED (docs/aws/ecs.md 2.1).
func (r *serviceDeployment) abandon() {
	switch r.status {
	case types.ServiceDeploymentStatusInProgress:
		r.set(types.ServiceDeploymentStatusStopRequested)
		r.finish(types.ServiceDeploymentStatusStopped, "")
	case types.ServiceDeploymentStatusRollbackInProgress:
		r.finish(types.ServiceDeploymentStatusRollbackFailed, "")
	default:
		r.finish(types.ServiceDeploymentStatusStopped, "")
	}
}

// historyTime is how far back service deployments are listed.
const historyTime = 90 * 24 * time.Hour // docs/aws/ecs.md 1.3

// ListServiceDeployments lists newest first, 20 a page by default.
func (s *Service) ListServiceDeployments(_ context.Context, in *ecs.ListServiceDeploymentsInput) (*ecs.ListServiceDeploymentsOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	v, err := c.service(*in.Service)
	if err != nil {
		return nil, err
	}
	briefs := []types.ServiceDeploymentBrief{}
	for _, r := range v.history {
		if s.world.Now().Sub(r.created) > historyTime || len(in.Status) > 0 && !slices.Contains(in.Status, r.status) {
			continue
		}
		if f := in.CreatedAt; f != nil && (f.After != nil && !r.created.After(*f.After) || f.Before != nil && !r.created.Before(*f.Before)) {
			continue
		}
		b := types.ServiceDeploymentBrief{
			ClusterArn: &c.arn, CreatedAt: &r.created, FinishedAt: r.finished, ServiceArn: &v.arn, ServiceDeploymentArn: &r.arn,
			StartedAt: &r.created, Status: r.status, TargetServiceRevisionArn: &r.target.arn,
		}
		if r.reason != "" {
			b.StatusReason = &r.reason
		}
		briefs = append(briefs, b)
	}
	items, next, err := paged(briefs, in.NextToken, in.MaxResults, 20)
	if err != nil {
		return nil, err
	}
	return &ecs.ListServiceDeploymentsOutput{ServiceDeployments: items, NextToken: next}, nil
}

// find returns the service that a service deployment's or revision's ARN names.
func (s *Service) find(arn string) *service {
	parts := strings.Split(arn, "/")
	if len(parts) != 4 || s.clusters[parts[1]] == nil {
		return nil
	}
	return s.clusters[parts[1]].services[parts[2]]
}

// DescribeServiceDeployments takes up to 20 ARNs.
func (s *Service) DescribeServiceDeployments(_ context.Context, in *ecs.DescribeServiceDeploymentsInput) (*ecs.DescribeServiceDeploymentsOutput, error) {
	if len(in.ServiceDeploymentArns) > 20 {
		return nil, invalid("serviceDeploymentArns can have at most 20 items.")
	}
	out := &ecs.DescribeServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeployment{}, Failures: []types.Failure{}}
	for _, arn := range in.ServiceDeploymentArns {
		found := s.record(arn)
		if found == nil {
			out.Failures = append(out.Failures, missing(arn))
			continue
		}
		out.ServiceDeployments = append(out.ServiceDeployments, found.describe())
	}
	return out, nil
}

func (r *serviceDeployment) describe() types.ServiceDeployment {
	v := r.service
	d := types.ServiceDeployment{
		ClusterArn: &v.cluster.arn, CreatedAt: &r.created, StartedAt: &r.created, UpdatedAt: &r.updated,
		FinishedAt: r.finished, StoppedAt: r.stopped, ServiceArn: &v.arn, ServiceDeploymentArn: &r.arn, Status: r.status,
		DeploymentConfiguration: v.configuration(), Rollback: r.rollback,
		DeploymentCircuitBreaker: &types.ServiceDeploymentCircuitBreaker{FailureCount: int32(r.failures), Status: r.breaker, Threshold: int32(v.threshold())},
		TargetServiceRevision:    &types.ServiceRevisionSummary{Arn: &r.target.arn, RequestedTaskCount: int32(v.desired)},
	}
	if r.reason != "" {
		d.StatusReason = &r.reason
	}
	if !slices.Contains(v.deployments, r.deployment) {
		d.TargetServiceRevision.RequestedTaskCount = 0
	}
	x := r.deployment.describe()
	d.TargetServiceRevision.RunningTaskCount, d.TargetServiceRevision.PendingTaskCount = x.RunningCount, x.PendingCount
	r.describeStages(&d)
	for _, src := range r.source {
		d.SourceServiceRevisions = append(d.SourceServiceRevisions, types.ServiceRevisionSummary{Arn: &src.arn})
	}
	return d
}

// DescribeServiceRevisions tells the digests a rollback would pull
// (docs/aws/ecs.md 1.3).
func (s *Service) DescribeServiceRevisions(_ context.Context, in *ecs.DescribeServiceRevisionsInput) (*ecs.DescribeServiceRevisionsOutput, error) {
	if len(in.ServiceRevisionArns) > 20 {
		return nil, invalid("serviceRevisionArns can have at most 20 items.")
	}
	out := &ecs.DescribeServiceRevisionsOutput{ServiceRevisions: []types.ServiceRevision{}, Failures: []types.Failure{}}
	for _, arn := range in.ServiceRevisionArns {
		var found *serviceRevision
		if v := s.find(arn); v != nil {
			for _, r := range v.revisions {
				if r.arn == arn {
					found = r
				}
			}
		}
		if found == nil {
			out.Failures = append(out.Failures, missing(arn))
			continue
		}
		v := found.service
		d := types.ServiceRevision{
			ClusterArn: &v.cluster.arn, CreatedAt: &found.created, ServiceArn: &v.arn, ServiceRevisionArn: &found.arn,
			TaskDefinition: found.td.def.TaskDefinitionArn, LaunchType: types.LaunchTypeFargate, LoadBalancers: v.spec.loadBalancers,
			NetworkConfiguration: v.spec.network, PlatformFamily: new("Linux"), PlatformVersion: new("1.4.0"), ServiceRegistries: v.spec.registries,
			ContainerImages: []types.ContainerImage{},
		}
		for _, c := range found.td.def.ContainerDefinitions {
			img := types.ContainerImage{ContainerName: c.Name, Image: c.Image}
			if digest := found.digests[*c.Name]; digest != "" {
				img.ImageDigest = &digest
			}
			d.ContainerImages = append(d.ContainerImages, img)
		}
		out.ServiceRevisions = append(out.ServiceRevisions, d)
	}
	return out, nil
}

// StopServiceDeployment rolls back, also where the service has no circuit
// breaker (docs/aws/ecs.md 1.3, docs/aws/ecs.md 2.1).
func (s *Service) StopServiceDeployment(_ context.Context, in *ecs.StopServiceDeploymentInput) (*ecs.StopServiceDeploymentOutput, error) {
	if in.StopType != "" && in.StopType != types.StopServiceDeploymentStopTypeRollback {
		// The model has ABORT too; its text says that only ROLLBACK is valid
		// (docs/aws/ecs.md 2.1).
		return nil, invalid("Invalid stopType. The only valid value is ROLLBACK.")
	}
	r := s.record(*in.ServiceDeploymentArn)
	if r == nil {
		return nil, &types.ServiceDeploymentNotFoundException{Message: new("The service deployment does not exist.")}
	}
	out := &ecs.StopServiceDeploymentOutput{ServiceDeploymentArn: &r.arn}
	switch r.status {
	case types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress:
	case types.ServiceDeploymentStatusStopRequested, types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress:
		return out, nil // it goes on (docs/aws/ecs.md 2.1)
	default:
		const text = "Stopping a service deployment is not allowed for service deployment in terminal states."
		switch s.world.Switches.StopTerminal {
		case "accepted":
			return out, nil
		case "invalid":
			return nil, invalid(text)
		}
		return nil, &types.ConflictException{Message: new(text)}
	}
	r.set(types.ServiceDeploymentStatusRollbackRequested)
	r.service.remember()
	r.service.reconcileSoon() // the rollback starts when the scheduler looks
	return out, nil
}

// record is the service deployment of an ARN, nil if there is none.
func (s *Service) record(arn string) *serviceDeployment {
	v := s.find(arn)
	if v == nil {
		return nil
	}
	i := slices.IndexFunc(v.history, func(r *serviceDeployment) bool { return r.arn == arn })
	if i < 0 {
		return nil
	}
	return v.history[i]
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
