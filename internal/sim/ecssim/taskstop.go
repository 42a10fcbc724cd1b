package ecssim

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// containerExited stops the task with its first essential container; a
// failed dependency of condition SUCCESS stops it too.
func (t *task) containerExited(c *container) {
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

func (t *task) awaitsSuccess(c *container) bool {
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
func (t *task) healthChanged(c *container) {
	switch c.health {
	case types.HealthStatusHealthy:
		t.startContainers()
		if t.service != nil {
			t.becameReady()
		}
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
// task's own reason (docs/aws/ecs.md 1.2).
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
	t.deregister()
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
		t.svc.world.After(keep, func() {
			delete(t.cluster.tasks, t.id)
			t.cluster.sorted = nil
		})
		if t.service != nil {
			t.service.reconcileSoon()
		}
	})
}
