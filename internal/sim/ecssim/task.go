package ecssim

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// How long the steps of a task's life take on Fargate. AWS documents none of
// them; the failing pull is set so that, with the scheduler's pauses, three
// failures take about eleven minutes, as observed (reference/ecs.md 1.3).
const (
	provisionTime   = 12 * time.Second
	pullTime        = 9 * time.Second
	pullFailTime    = 118 * time.Second // seven retries of the manifest
	initFailTime    = 14 * time.Second
	startTime       = 2 * time.Second
	deprovisionTime = 11 * time.Second
	retention       = time.Hour // reference/ecs.md 1.1
)

type task struct {
	svc        *Service
	cluster    *cluster
	service    *service    // nil for RunTask
	deployment *deployment // nil for RunTask
	rev        *revision
	overrides  *types.TaskOverride
	containers []*Container

	id, arn, startedBy, group  string
	order                      uint64
	lastStatus, desiredStatus  string
	version                    int64
	created, startedAt         time.Time
	pullStarted, pullStopped   *time.Time
	stopping, executionStopped *time.Time
	stopped                    *time.Time
	connectivityAt             *time.Time
	stopCode                   types.TaskStopCode
	stoppedReason              string
	tags                       []types.Tag
	targetHealthy              bool
	targetFailures             int
	counted                    bool // as a failure of its deployment
}

// launch starts a task of a revision. digests, by container, override what the
// tags mean now.
func (s *Service) launch(c *cluster, r *revision, o *types.TaskOverride, setup func(*task)) *task {
	s.order++
	id := s.world.Hex(32)
	t := &task{
		svc: s, cluster: c, rev: r, overrides: o,
		id: id, arn: s.world.ARN("ecs", "task/"+c.name+"/"+id),
		order: s.order, lastStatus: "PROVISIONING", desiredStatus: "RUNNING",
		version: 1, created: s.world.Now(), group: "family:" + *r.def.Family,
	}
	for _, def := range r.def.ContainerDefinitions {
		t.containers = append(t.containers, &Container{task: t, def: def, image: *def.Image, status: "PENDING", health: types.HealthStatusUnknown})
	}
	if setup != nil {
		setup(t)
	}
	c.tasks[id] = t
	s.world.After(provisionTime, t.provisioned)
	return t
}

func (t *task) now() *time.Time { return new(t.svc.world.Now()) }

func (t *task) set(status string) {
	t.lastStatus = status
	t.version++
}

// provisioned has the network interface: secrets and log drivers come next,
// then the images.
func (t *task) provisioned() {
	if t.desiredStatus == "STOPPED" {
		return
	}
	t.set("PENDING")
	t.connectivityAt = t.now()
	if reason := t.initError(); reason != "" {
		t.svc.world.After(initFailTime, func() { t.failToStart(reason) })
		return
	}
	t.pullStarted = t.now()
	if reason := t.pull(); reason != "" {
		t.svc.world.After(pullFailTime, func() { t.failToStart(reason) })
		return
	}
	t.svc.world.After(pullTime, t.pulled)
}

// initError is the ResourceInitializationError the task would stop with, or
// "" (texts: reference/ecs.md 1.2).
func (t *task) initError() string {
	for _, c := range t.containers {
		if err := c.prepare(t.override(c.Name())); err != nil {
			store, text, _ := strings.Cut(err.Error(), ": ")
			return fmt.Sprintf("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from %s: service call has been retried 1 time(s): %s", store, text)
		}
	}
	for _, c := range t.containers {
		lc := c.def.LogConfiguration
		if lc == nil || lc.LogDriver != types.LogDriverAwslogs || lc.Options["awslogs-create-group"] == "true" || t.svc.deps.GroupExists == nil {
			continue
		}
		if !t.svc.deps.GroupExists(c.logRegion(), lc.Options["awslogs-group"]) {
			return "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1"
		}
	}
	return ""
}

func (t *task) override(name string) *types.ContainerOverride {
	if t.overrides == nil {
		return nil
	}
	for i, o := range t.overrides.ContainerOverrides {
		if o.Name != nil && *o.Name == name {
			return &t.overrides.ContainerOverrides[i]
		}
	}
	return nil
}

// pull fetches every image, by the digest its service revision recorded where
// there is one; it returns the reason for a failure.
func (t *task) pull() string {
	for _, c := range t.containers {
		ref := c.image
		if t.deployment != nil {
			if d := t.deployment.rev.digests[c.Name()]; d != "" {
				ref = repository(ref) + "@" + d
			}
		}
		if t.svc.deps.Pull == nil {
			continue
		}
		digest, err := t.svc.deps.Pull(ref)
		if err != nil {
			return fmt.Sprintf("CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref %s: %s", ref, err)
		}
		c.digest = digest
		if t.deployment != nil {
			// The first task establishes the digests of its service revision
			// (reference/ecs.md 1.4).
			t.deployment.rev.record(c, digest)
		}
	}
	return ""
}

// repository cuts tag and digest off an image reference; the colon of a port
// is not a tag's.
func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

func (t *task) pulled() {
	if t.desiredStatus == "STOPPED" {
		return
	}
	t.pullStopped = t.now()
	t.svc.world.After(startTime, func() {
		if t.desiredStatus == "STOPPED" {
			return
		}
		t.startedAt = t.svc.world.Now()
		t.startContainers()
	})
}

// startContainers starts every container whose dependencies are met; it is
// called again whenever one changes.
func (t *task) startContainers() {
	for changed := true; changed; {
		changed = false
		for _, c := range t.containers {
			if t.desiredStatus == "RUNNING" && !c.started && t.dependenciesMet(c) {
				c.start()
				changed = true
			}
		}
	}
	if t.lastStatus != "PENDING" || t.desiredStatus == "STOPPED" {
		return
	}
	for _, c := range t.containers {
		if !c.started {
			return
		}
	}
	t.set("RUNNING")
	t.startedAt = t.svc.world.Now()
	if t.service != nil {
		t.service.taskRunning(t)
	}
}

// dependenciesMet follows dependsOn
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html).
func (t *task) dependenciesMet(c *Container) bool {
	for _, d := range c.def.DependsOn {
		for _, other := range t.containers {
			if other.Name() != *d.ContainerName {
				continue
			}
			ok := other.started
			switch d.Condition {
			case types.ContainerConditionComplete:
				ok = other.exit != nil
			case types.ContainerConditionSuccess:
				ok = other.exit != nil && *other.exit == 0
			case types.ContainerConditionHealthy:
				ok = other.health == types.HealthStatusHealthy
			}
			if !ok {
				return false
			}
		}
	}
	return true
}

// containerExited stops the task with its first essential container; a
// failed dependency of condition SUCCESS stops it too.
func (t *task) containerExited(c *Container) {
	if t.desiredStatus == "RUNNING" {
		t.startContainers()
		if c.essential() {
			t.stop(types.TaskStopCodeEssentialContainerExited, "Essential container in task exited")
		} else if *c.exit != 0 && t.awaitsSuccess(c) {
			t.stop(types.TaskStopCodeTaskFailedToStart, "TaskFailedToStart: container "+c.Name()+" did not exit with 0")
		}
	}
	t.finish()
}

func (t *task) awaitsSuccess(c *Container) bool {
	for _, other := range t.containers {
		for _, d := range other.def.DependsOn {
			if *d.ContainerName == c.Name() && d.Condition == types.ContainerConditionSuccess {
				return true
			}
		}
	}
	return false
}

// healthChanged lets the service replace a task whose essential container
// became unhealthy, and starts what waited for HEALTHY.
func (t *task) healthChanged(c *Container) {
	switch c.health {
	case types.HealthStatusHealthy:
		t.startContainers()
	case types.HealthStatusUnhealthy:
		if c.essential() && t.service != nil {
			t.service.event("(task %s) failed container health checks.", t.id)
			t.stop(types.TaskStopCodeServiceSchedulerInitiated, "Task failed container health checks")
			return
		}
	}
	if t.service != nil {
		t.service.reconcileSoon()
	}
}

// failToStart stops a task that never ran. On Fargate the cause is in the
// task's own reason (reference/ecs.md 1.2).
func (t *task) failToStart(reason string) {
	if t.desiredStatus == "STOPPED" {
		return
	}
	t.stop(types.TaskStopCodeTaskFailedToStart, reason)
	if t.service != nil {
		t.service.event("was unable to place a task. Reason: %s.", strings.TrimSuffix(reason, "."))
	}
}

// stop ends the task: SIGTERM to what runs, then the way down.
func (t *task) stop(code types.TaskStopCode, reason string) {
	if t.desiredStatus == "STOPPED" {
		return
	}
	t.desiredStatus, t.stopCode, t.stoppedReason, t.stopping = "STOPPED", code, reason, t.now()
	t.set("DEACTIVATING")
	for _, c := range t.containers {
		c.terminate()
	}
	t.finish()
	if t.service != nil {
		t.service.taskStopping(t)
	}
}

// finish goes on to STOPPED once no container runs, and forgets the task when
// its retention ends.
func (t *task) finish() {
	if t.desiredStatus != "STOPPED" || t.executionStopped != nil {
		return
	}
	for _, c := range t.containers {
		if c.Running() {
			return
		}
	}
	t.executionStopped = t.now()
	t.set("DEPROVISIONING")
	t.svc.world.After(deprovisionTime, func() {
		t.stopped = t.now()
		for _, c := range t.containers {
			c.status = "STOPPED"
		}
		t.set("STOPPED")
		keep := retention
		if k := t.svc.world.Switches.StoppedTaskRetention; k > 0 {
			keep = k
		}
		t.svc.world.After(keep, func() { delete(t.cluster.tasks, t.id) })
		if t.service != nil {
			t.service.reconcileSoon()
		}
	})
}
