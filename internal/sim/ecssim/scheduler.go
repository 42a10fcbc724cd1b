package ecssim

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// schedulerPause is how long after a change the service scheduler looks.
const schedulerPause = 2 * time.Second

// reconcileSoon lets the scheduler look at the service shortly.
func (v *service) reconcileSoon() {
	if v.ticking {
		return
	}
	v.ticking = true
	v.svc.world.After(schedulerPause, func() {
		v.ticking = false
		v.reconcile()
	})
}

// reconcile is one look of the rolling-update scheduler: it stops what is
// superfluous as far as the minimum healthy percentage allows and starts what
// is missing as far as the maximum percentage allows
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html).
func (v *service) reconcile() {
	if v.status == "INACTIVE" || len(v.deployments) == 0 {
		return
	}
	p := v.deployments[0]
	if p.record.status == types.ServiceDeploymentStatusRollbackRequested && v.status == "ACTIVE" {
		p.fail()
		v.rollBack(p, userReason, "ECS deployment rolling back to deploymentId ")
		p = v.deployments[0]
	}
	if p.state == types.DeploymentRolloutStateInProgress && p.back == nil && v.status == "ACTIVE" {
		switch {
		case v.blueGreen():
			v.reconcileBlueGreen(p)
			return
		case !p.passed(preScaleUp):
			v.steady = false
			return
		}
		p.stage = scaleUp
	}
	cfg := v.configuration()
	minimum := (v.desired*int(*cfg.MinimumHealthyPercent) + 99) / 100
	maximum := v.desired * int(*cfg.MaximumPercent) / 100

	v.replaceOld(minimum)
	v.scaleIn(p)
	v.start(p, maximum)
	v.replaceUnhealthy(maximum)
	if v.status != "ACTIVE" {
		v.drained() // a deleted service completes no deployment
		return
	}

	alive, ready := p.alive(), 0
	for _, t := range alive {
		if t.ready() {
			ready++
		}
	}
	if ready < v.desired || len(alive) != v.desired || v.oldAlive() > 0 {
		v.steady = false
		return
	}
	if p.state == types.DeploymentRolloutStateInProgress {
		if !p.passed(postScaleUp) {
			return
		}
		p.complete()
	}
	if !v.steady {
		v.steady = true
		clear(v.told)
		v.event("has reached a steady state.")
	}
}

// stoppingTasks are those on their way down whose containers may still run:
// they count against the maximum percentage (docs/aws/ecs.md 2.2).
func (v *service) stoppingTasks() int {
	n := 0
	for _, t := range v.cluster.tasks {
		if t.service == v && t.desiredStatus == "STOPPED" && t.executionStopped == nil {
			n++
		}
	}
	return n
}

func (v *service) oldAlive() int {
	n := 0
	for _, t := range v.cluster.tasks {
		if t.service == v && t.deployment != v.deployments[0] && t.desiredStatus == "RUNNING" {
			n++
		}
	}
	return n
}

// replaceOld stops tasks of other deployments: first those that are not ready,
// then ready ones while enough ready tasks remain.
func (v *service) replaceOld(minimum int) {
	ready, target := 0, 0
	for _, t := range v.deployments[0].alive() {
		if t.ready() {
			target++
		}
	}
	var old, oldReady []*task
	for _, t := range v.cluster.sortedTasks() {
		if t.service != v || t.desiredStatus != "RUNNING" {
			continue
		}
		if t.ready() {
			ready++
		}
		switch {
		case t.deployment == v.deployments[0] || t.replacement && !t.wasReady && target < v.desired:
		case t.ready():
			oldReady = append(oldReady, t)
		default:
			old = append(old, t)
		}
	}
	for _, t := range oldReady {
		if ready-1 >= minimum {
			ready--
			old = append(old, t)
		}
	}
	v.stopAll(old, v.deployments[0])
}

func (v *service) scaleIn(p *deployment) {
	if alive := p.alive(); len(alive) > v.desired {
		v.stopAll(alive[:len(alive)-v.desired], p)
	}
}

func (v *service) stopAll(ts []*task, by *deployment) {
	if len(ts) == 0 {
		return
	}
	for _, t := range ts {
		t.stop(types.TaskStopCodeServiceSchedulerInitiated, fmt.Sprintf("Scaling activity initiated by (deployment %s)", by.id))
	}
	v.event("has stopped %d running tasks: %s.", len(ts), names(ts))
}

func (v *service) start(p *deployment, maximum int) {
	now := v.svc.world.Now()
	if p.stalled || v.status != "ACTIVE" {
		return
	}
	want := min(v.desired-len(p.alive()), maximum-len(p.alive())-v.oldAlive()-v.stoppingTasks())
	if want <= 0 {
		return
	}
	if wait := p.nextLaunch.Sub(now); wait > 0 {
		v.svc.world.After(wait, v.reconcileSoon)
		return
	}
	var started []*task
	for range want {
		if v.svc.full() {
			v.unplaced(p)
			break
		}
		started = append(started, v.svc.launch(v.cluster, p.rev.td, nil, func(t *task) {
			t.service, t.deployment, t.startedBy, t.group = v, p, p.id, "service:"+v.name
		}))
	}
	if len(started) > 0 {
		v.event("has started %d tasks: %s.", len(started), names(started))
	}
}

// full reports whether no task more can run.
func (s *Service) full() bool {
	if s.Capacity < 0 {
		return false
	}
	n := 0
	for _, c := range s.clusters {
		for _, t := range c.tasks {
			if t.executionStopped == nil {
				n++
			}
		}
	}
	return n >= s.Capacity
}

const noCapacity = "Capacity is unavailable at this time. Please try again later or in a different availability zone"

// unplaced says that the scheduler could not launch a task, which counts as a
// failure of the deployment, and tries again later
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html;
// docs/aws/ecs.md 2.3).
func (v *service) unplaced(p *deployment) {
	v.event("was unable to place a task. Reason: %s.", noCapacity)
	p.rounds++
	p.nextLaunch = v.svc.world.Now().Add(max(v.svc.backoff(p.rounds), time.Minute))
	v.svc.world.After(max(v.svc.backoff(p.rounds), time.Minute), v.reconcileSoon)
	if p.state == types.DeploymentRolloutStateInProgress {
		p.failed++
		p.recordOrBack().failures = p.failed
		p.breakCircuit()
	}
}

func names(ts []*task) string {
	var b strings.Builder
	for i, t := range ts {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("(task " + t.id + ")")
	}
	return b.String()
}

// drained makes a deleted service INACTIVE once its tasks are gone.
func (v *service) drained() {
	for _, t := range v.cluster.tasks {
		if t.service == v && t.lastStatus != "STOPPED" {
			return
		}
	}
	v.status = "INACTIVE"
	v.deployments = nil
}

// uncheckedTime is how long a task without health checks must run until it
// counts as healthy (docs/aws/ecs.md 2.2).
const uncheckedTime = 40 * time.Second

// ready reports whether the task counts as healthy for a deployment: RUNNING,
// and passing the health checks it has.
func (t *task) ready() bool {
	return t.lastStatus == "RUNNING" && t.desiredStatus == "RUNNING" && t.passes()
}

// passes reports whether every health check of the task passes; without any,
// whether it has run for long enough.
func (t *task) passes() bool {
	if !t.checked() {
		return !t.svc.world.Now().Before(t.startedAt.Add(uncheckedTime))
	}
	for _, c := range t.containers {
		if c.essential() && c.def.HealthCheck != nil && c.health != types.HealthStatusHealthy {
			return false
		}
	}
	return len(t.service.spec.loadBalancers) == 0 || t.targetHealthy
}

// becameReady lets the deployment forget its failures once a task is healthy
// (docs/aws/ecs.md 2.3), and the scheduler go on.
func (t *task) becameReady() {
	t.observe()
	if !t.ready() {
		return
	}
	t.wasReady = true
	if reset := t.service.configuration().DeploymentCircuitBreaker.ResetOnHealthyTask; reset == nil || *reset {
		t.deployment.failed = 0
	}
	t.service.reconcileSoon()
}

// observe records how many healthy tasks the task's service has.
func (t *task) observe() {
	if t.service != nil {
		t.service.observe()
	}
}

func (v *service) observe() {
	healthy := 0
	for _, t := range v.cluster.tasks {
		if t.service == v && t.ready() {
			healthy++
		}
	}
	v.svc.world.Healthy(v.cluster.name, v.name, healthy, v.desired)
}

// checked reports whether the task has any health check at all.
func (t *task) checked() bool {
	for _, c := range t.containers {
		if c.essential() && c.def.HealthCheck != nil {
			return true
		}
	}
	return len(t.service.spec.loadBalancers) > 0
}

// taskRunning ends stage one of the circuit breaker: a task reached RUNNING.
func (v *service) taskRunning(t *task) {
	t.deployment.rounds = 0
	if len(v.spec.loadBalancers) > 0 {
		v.event("registered 1 targets in (target-group %s)", deref(v.spec.loadBalancers[0].TargetGroupArn))
		t.register()
	}
	if !t.checked() {
		v.svc.world.After(uncheckedTime, t.becameReady)
	}
	v.reconcileSoon()
}

// taskStopping counts failures: tasks that never reached RUNNING, tasks whose
// health checks failed or never passed, and those that exited by themselves as
// [simtype.Switches.ExitAfterRunning] has it
// (docs/aws/ecs.md 1.3; docs/aws/ecs.md 2.3).
func (v *service) taskStopping(t *task) {
	scaled := strings.HasPrefix(t.stoppedReason, "Scaling activity") || t.stopCode == types.TaskStopCodeUserInitiated
	if !scaled && t.failedDeployment() {
		t.deployment.failedTask(t)
	}
	if strings.HasPrefix(t.stoppedReason, "Task failed") && t.deployment.status != "PRIMARY" {
		t.deployment.owed++
	}
	v.reconcileSoon()
}

func (t *task) failedDeployment() bool {
	if t.startedAt.IsZero() || strings.HasPrefix(t.stoppedReason, "Task failed") || t.checked() && !t.wasReady {
		return true
	}
	switch t.svc.world.Switches.ExitAfterRunning {
	case "never":
		return false
	case "always":
		return true
	default:
		return !t.wasReady
	}
}
