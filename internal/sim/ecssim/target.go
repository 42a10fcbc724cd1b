package ecssim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/stackrescue/stackrescue/internal/sim/elbsim"
)

// targetInterval and targetThreshold are how the simulated load balancer
// checks its targets; both are settings of a target group on AWS.
const (
	targetInterval  = 15 * time.Second
	targetThreshold = 2
)

// Targets is the load balancer that services register their tasks with.
type Targets interface {
	Check(group string) (elbsim.Check, bool)
	SetHealth(group, id string, port int32, state elb.TargetHealthStateEnum, status int)
	Deregister(group, id string, port int32)
}

// register makes the task a target; what is found is judged at each interval.
func (t *task) register() {
	t.report(elb.TargetHealthStateEnumInitial, 0)
	t.svc.world.After(t.targetCheck().Interval, t.checkTarget)
}

func (t *task) loadBalancer() (group string, port int32) {
	lb := t.service.spec.loadBalancers[0]
	if lb.ContainerPort != nil {
		port = *lb.ContainerPort
	}
	return deref(lb.TargetGroupArn), port
}

// targetCheck is how the target group checks now, or how the simulator does
// where the group is not simulated.
func (t *task) targetCheck() elbsim.Check {
	group, _ := t.loadBalancer()
	if t.svc.deps.Targets != nil {
		if c, ok := t.svc.deps.Targets.Check(group); ok {
			return c
		}
	}
	return elbsim.Check{Interval: targetInterval, Unhealthy: targetThreshold}
}

func (t *task) report(state elb.TargetHealthStateEnum, status int) {
	if group, port := t.loadBalancer(); t.svc.deps.Targets != nil {
		t.svc.deps.Targets.SetHealth(group, t.address(), port, state, status)
	}
}

func (t *task) deregister() {
	if t.service == nil || len(t.service.spec.loadBalancers) == 0 || t.svc.deps.Targets == nil {
		return
	}
	group, port := t.loadBalancer()
	t.svc.deps.Targets.Deregister(group, t.address(), port)
}

// status is what the container answers to a health check of the path.
func (c *container) statusOf(path string) int {
	if n, ok := c.answers[path]; ok {
		return n
	}
	if c.healthy {
		return 200
	}
	return 503
}

// checkTarget is one health check of the load balancer. ECS ignores what it finds
// unhealthy within the service's grace period
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-healthcheck.html).
func (t *task) checkTarget() {
	if t.desiredStatus != "RUNNING" || len(t.service.spec.loadBalancers) == 0 {
		return
	}
	v, check := t.service, t.targetCheck()
	lb := v.spec.loadBalancers[0]
	status := 503
	for _, x := range t.containers {
		if lb.ContainerName == nil || x.Name() == *lb.ContainerName {
			status = x.statusOf(check.Path)
			break
		}
	}
	switch {
	case check.Passes(status):
		t.targetFailures = 0
		t.report(elb.TargetHealthStateEnumHealthy, status)
		if !t.targetHealthy {
			t.targetHealthy = true
			t.observe()
			t.becameReady()
		}
	default:
		if t.targetFailures++; t.targetFailures < check.Unhealthy {
			break
		}
		group, port := t.loadBalancer()
		if t.targetHealthy {
			t.targetHealthy = false
			t.observe()
		}
		t.report(elb.TargetHealthStateEnumUnhealthy, status)
		// Within the grace period it is ECS that does not act on it.
		if v.svc.world.Now().Sub(t.startedAt) >= v.grace() {
			v.event("(task %s) (port %d) is unhealthy in (target-group %s) due to (reason Health checks failed with these codes: [%d]).", t.id, port, group, status)
			t.stop(types.TaskStopCodeServiceSchedulerInitiated, "Task failed ELB health checks in (target-group "+group+")")
			return
		}
	}
	v.svc.world.After(check.Interval, t.checkTarget)
}

// grace is how long after its start a task's failed checks do not count.
func (v *service) grace() time.Duration {
	if v.spec.grace == nil {
		return 0
	}
	return time.Duration(*v.spec.grace) * time.Second
}

func (t *task) grace() time.Duration {
	if t.service == nil {
		return 0
	}
	return t.service.grace()
}
