package ecssim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// targetInterval and targetThreshold are how the simulated load balancer
// checks its targets; both are settings of a target group on AWS.
const (
	targetInterval  = 15 * time.Second
	targetThreshold = 2
)

// checkTarget is one health check of the load balancer. Failures within the
// service's grace period do not count
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-healthcheck.html).
func (t *task) checkTarget() {
	if t.desiredStatus != "RUNNING" {
		return
	}
	v := t.service
	lb := v.spec.loadBalancers[0]
	var c *container
	for _, x := range t.containers {
		if lb.ContainerName == nil || x.Name() == *lb.ContainerName {
			c = x
			break
		}
	}
	grace := time.Duration(0)
	if v.spec.grace != nil {
		grace = time.Duration(*v.spec.grace) * time.Second
	}
	switch {
	case c != nil && c.healthy:
		t.targetFailures = 0
		if !t.targetHealthy {
			t.targetHealthy = true
			t.observe()
			t.becameReady()
		}
	case v.svc.world.Now().Sub(t.startedAt) < grace:
	default:
		if t.targetFailures++; t.targetFailures >= targetThreshold {
			group, port := deref(lb.TargetGroupArn), int32(0)
			if lb.ContainerPort != nil {
				port = *lb.ContainerPort
			}
			t.targetHealthy = false
			t.observe()
			v.event("(task %s) (port %d) is unhealthy in (target-group %s) due to (reason Health checks failed with these codes: [503]).", t.id, port, group)
			t.stop(types.TaskStopCodeServiceSchedulerInitiated, "Task failed ELB health checks in (target-group "+group+")")
			return
		}
	}
	v.svc.world.After(targetInterval, t.checkTarget)
}
