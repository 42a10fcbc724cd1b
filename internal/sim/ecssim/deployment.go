package ecssim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A deployment is one way the service's tasks are to be: a service revision
// being rolled out, or rolled back to.
type deployment struct {
	service *service
	id      string
	status  string // PRIMARY, ACTIVE
	rev     *serviceRevision
	record  *serviceDeployment
	// back is the service deployment that this one rolls back, nil otherwise.
	back *serviceDeployment

	state            types.DeploymentRolloutState
	reason           string
	failed           int // consecutive failures
	created, updated time.Time
	rounds           int // consecutive rounds of failed launches
	nextLaunch       time.Time
	stalled          bool // the scheduler starts nothing more
	failedAt         time.Time
	owed             int // unhealthy tasks to be replaced while another deployment is PRIMARY
	stage            stage
	done             map[stage]bool // the stages that are over
	bakeUntil        time.Time
}

// deploy makes r the service's PRIMARY deployment.
func (v *service) deploy(r *revision, force bool) {
	now := v.svc.world.Now()
	rev := &serviceRevision{
		service: v, td: r, created: now, digests: map[string]string{},
		arn: v.svc.world.ARN("ecs", "service-revision/"+v.cluster.name+"/"+v.name+"/"+v.svc.world.Digits(19)),
	}
	if !force {
		v.reuseDigests(rev)
	}
	v.revisions = append(v.revisions, rev)
	d := &deployment{
		service: v, id: "ecs-svc/" + v.svc.world.Digits(19), status: "PRIMARY", rev: rev,
		state: types.DeploymentRolloutStateInProgress, created: now, updated: now, nextLaunch: now, done: map[stage]bool{},
	}
	d.reason = "ECS deployment " + d.id + " in progress."
	d.record = v.newRecord(d)
	v.supersede()
	v.deployments = append([]*deployment{d}, v.deployments...)
	v.reconcileSoon()
}

// supersede makes room for a new PRIMARY. What was still under way counts as
// stopped (docs/aws/ecs.md 1.3: STOPPED also means superseded).
func (v *service) supersede() {
	for _, d := range v.deployments {
		d.status, d.updated = "ACTIVE", v.svc.world.Now()
		if d.state == types.DeploymentRolloutStateInProgress {
			d.recordOrBack().abandon()
		}
	}
}

func (d *deployment) recordOrBack() *serviceDeployment {
	if d.back != nil {
		return d.back
	}
	return d.record
}

func (d *deployment) describe() types.Deployment {
	x := types.Deployment{
		CreatedAt:            &d.created,
		DesiredCount:         int32(d.desired()),
		FailedTasks:          int32(d.failed),
		Id:                   &d.id,
		LaunchType:           types.LaunchTypeFargate,
		NetworkConfiguration: d.service.spec.network,
		PlatformFamily:       new("Linux"),
		PlatformVersion:      new("1.4.0"),
		Status:               &d.status,
		TaskDefinition:       d.rev.td.def.TaskDefinitionArn,

		CapacityProviderStrategy: d.service.spec.providers,
		UpdatedAt:                &d.updated,
	}
	d.describeRollout(&x)
	for _, t := range d.tasks() {
		switch {
		case t.lastStatus == "RUNNING":
			x.RunningCount++
		case t.desiredStatus == "RUNNING":
			x.PendingCount++
		}
	}
	return x
}

// failedLag is how long FAILED takes to show where it does so late: about two
// minutes were seen (docs/aws/ecs.md 2.1).
const failedLag = 2 * time.Minute

// describeRollout shows the state, as [simtype.Switches.RolloutState] and
// [simtype.Switches.FailedLag] have it.
func (d *deployment) describeRollout(x *types.Deployment) {
	w := d.service.svc.world
	if d.service.blueGreen() && w.Switches.RolloutState == "absent" {
		return
	}
	x.RolloutState, x.RolloutStateReason = d.state, &d.reason
	if d.state == types.DeploymentRolloutStateFailed && w.Switches.FailedLag == "2m" && w.Now().Before(d.failedAt.Add(failedLag)) {
		x.RolloutState, x.RolloutStateReason = types.DeploymentRolloutStateInProgress, new("ECS deployment "+d.id+" in progress.")
	}
}

// fail ends the rollout: the scheduler starts nothing more of it.
func (d *deployment) fail() {
	now := d.service.svc.world.Now()
	d.state, d.stalled, d.updated, d.failedAt = types.DeploymentRolloutStateFailed, true, now, now
}

// desired is the number of tasks the deployment wants: that of the service for
// the PRIMARY one, none for those being replaced.
func (d *deployment) desired() int {
	if d.status != "PRIMARY" {
		return 0
	}
	return d.service.desired
}

// tasks are the deployment's, newest first, stopped ones included.
func (d *deployment) tasks() []*task {
	var ts []*task
	for _, t := range d.service.cluster.sortedTasks() {
		if t.deployment == d {
			ts = append(ts, t)
		}
	}
	return ts
}

func (d *deployment) alive() []*task {
	var ts []*task
	for _, t := range d.tasks() {
		if t.desiredStatus == "RUNNING" {
			ts = append(ts, t)
		}
	}
	return ts
}

// failedTask counts a failure and says when the next launch may be. Tasks that
// never ran make the scheduler wait longer and longer, up to 15 minutes; tasks
// that ran do not (docs/aws/ecs.md 1.3).
func (d *deployment) failedTask(t *task) {
	if t.counted || d.status != "PRIMARY" {
		return
	}
	t.counted = true
	now := d.service.svc.world.Now()
	if t.startedAt.IsZero() && !now.Before(d.nextLaunch) {
		d.rounds++
		d.nextLaunch = now.Add(d.service.svc.backoff(d.rounds))
	}
	if d.state != types.DeploymentRolloutStateInProgress {
		return
	}
	d.failed++
	d.recordOrBack().failures = d.failed
	d.breakCircuit()
}

// backoff fits the one timeline that was observed: failures after 2m34s, 4m46s
// and 11m00s (docs/aws/ecs.md 1.3). The documentation names 27 minutes as the
// longest and no steps (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html;
// [simtype.Switches.BackOff]).
func (s *Service) backoff(rounds int) time.Duration {
	if s.world.Switches.BackOff == "27m" {
		if rounds < 3 {
			return 0
		}
		return min(30*time.Second<<(min(rounds, 12)-3), 27*time.Minute)
	}
	if rounds < 2 {
		return 0
	}
	return min(4*time.Minute<<(min(rounds, 6)-2), 15*time.Minute)
}

// complete ends the rollout when every task is ready and the old ones are on
// their way out.
func (d *deployment) complete() {
	v := d.service
	d.state, d.updated, d.failed, d.rounds = types.DeploymentRolloutStateCompleted, v.svc.world.Now(), 0, 0
	d.reason = "ECS deployment " + d.id + " completed."
	if d.back != nil {
		d.back.finish(types.ServiceDeploymentStatusRollbackSuccessful, *d.back.rollback.Reason)
		d.back = nil
	} else {
		d.record.finish(types.ServiceDeploymentStatusSuccessful, "")
	}
	v.deployments, v.completed = []*deployment{d}, d
	v.event("(deployment %s) deployment completed.", d.id)
}
