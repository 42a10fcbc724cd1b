package ecssim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Check returns what contradicts itself, joined, or nil: tests call it after
// each step of a random walk. It must be called inside the clock's Do.
func (s *Service) Check() error {
	var bad []error
	note := func(format string, a ...any) { bad = append(bad, fmt.Errorf(format, a...)) }
	for _, f := range s.faults {
		note("%s", f)
	}
	for _, c := range s.clusters {
		for _, v := range c.services {
			v.check(func(format string, a ...any) { note("service "+v.name+": "+format, a...) })
		}
		for _, t := range c.tasks {
			t.check(func(format string, a ...any) { note("task "+t.id[:8]+": "+format, a...) })
		}
	}
	return errors.Join(bad...)
}

func (v *service) check(note func(string, ...any)) {
	if v.status == "INACTIVE" && len(v.deployments) > 0 {
		note("INACTIVE with %d deployments", len(v.deployments))
	}
	if v.status == "ACTIVE" && len(v.deployments) == 0 && v.controllerType() != types.DeploymentControllerTypeExternal {
		note("ACTIVE without a deployment")
	}
	ids := map[string]bool{}
	for i, d := range v.deployments {
		if (d.status == "PRIMARY") != (i == 0) {
			note("deployment %d of %d is %s", i, len(v.deployments), d.status)
		}
		if ids[d.id] {
			note("deployment %s is listed twice", d.id)
		}
		ids[d.id] = true
		if v.svc.families[*d.rev.td.def.Family] == nil {
			note("deployment %s runs %s, which is not registered", d.id, d.rev.td.arn())
		}
	}
	running, pending := int32(0), int32(0)
	for _, t := range v.cluster.tasks {
		switch {
		case t.service != v:
		case t.lastStatus == "RUNNING":
			running++
		case t.desiredStatus == "RUNNING":
			pending++
		}
		if t.service == v && t.desiredStatus == "RUNNING" && !slices.Contains(v.deployments, t.deployment) {
			note("task %s runs for deployment %s, which is gone", t.id[:8], t.deployment.id)
		}
	}
	d := v.describe()
	if d.RunningCount != running && v.status != "INACTIVE" {
		note("runningCount %d, but %d tasks run", d.RunningCount, running)
	}
	if d.PendingCount != pending && v.status != "INACTIVE" {
		note("pendingCount %d, but %d tasks are pending", d.PendingCount, pending)
	}
	for i, r := range v.history {
		if i > 0 && !r.over() {
			note("service deployment %d of %d is %s", i, len(v.history), r.status)
		}
	}
}

func (t *task) check(note func(string, ...any)) {
	if (t.service == nil) != (t.deployment == nil) {
		note("it has a service or a deployment, but not both")
	}
	if t.lastStatus == "STOPPED" && t.stopped == nil {
		note("STOPPED without stoppedAt")
	}
	for _, c := range t.containers {
		if c.Running() && (t.lastStatus == "STOPPED" || t.lastStatus == "PROVISIONING") {
			note("container %s runs in a task that is %s", c.Name(), t.lastStatus)
		}
	}
}

// taskOrder is the life of a task
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html);
// it may end early, but never goes back.
var taskOrder = []string{"", "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"}

// edges are the documented transitions of a service deployment
// (docs/aws/ecs.md 2.1).
var edges = map[types.ServiceDeploymentStatus][]types.ServiceDeploymentStatus{
	types.ServiceDeploymentStatusPending: {types.ServiceDeploymentStatusInProgress, types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusStopRequested, types.ServiceDeploymentStatusStopped},
	types.ServiceDeploymentStatusInProgress: {types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusStopRequested, types.ServiceDeploymentStatusRollbackRequested,
		types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusStopped},
	types.ServiceDeploymentStatusStopRequested:      {types.ServiceDeploymentStatusStopped},
	types.ServiceDeploymentStatusRollbackRequested:  {types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusStopped},
	types.ServiceDeploymentStatusRollbackInProgress: {types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed},
}

// fault notes a contradiction that only shows at the moment it happens.
func (s *Service) fault(format string, a ...any) {
	if len(s.faults) < 20 {
		s.faults = append(s.faults, fmt.Sprintf(format, a...))
	}
}

// over reports whether the service deployment has ended.
func (r *serviceDeployment) over() bool {
	switch r.status {
	case types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusStopped,
		types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed:
		return true
	}
	return false
}

func (r *serviceDeployment) set(to types.ServiceDeploymentStatus) {
	if !slices.Contains(edges[r.status], to) {
		r.service.svc.fault("service deployment of %s: %s -> %s", r.service.name, r.status, to)
	}
	r.status, r.updated = to, r.service.svc.world.Now()
}
