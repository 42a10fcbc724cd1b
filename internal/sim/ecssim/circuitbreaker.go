package ecssim

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// threshold is how many failures trip the breaker: half the desired count,
// at least 3 and at most 200, unless configured
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html).
func (v *service) threshold() int {
	return min(max((v.desired+1)/2, 3), 200)
}

// breakCircuit fails the deployment once enough tasks have failed in a row,
// and rolls back where that is configured and there is something to go back
// to.
func (d *deployment) breakCircuit() {
	v := d.service
	cb := v.configuration().DeploymentCircuitBreaker
	if !cb.Enable || d.failed < v.threshold() || v.status != "ACTIVE" {
		return
	}
	now := v.svc.world.Now()
	d.state, d.reason, d.updated = types.DeploymentRolloutStateFailed, "ECS deployment circuit breaker: tasks failed to start.", now
	d.stalled = true
	v.event("(deployment %s) deployment failed: tasks failed to start.", d.id)
	if d.back != nil {
		// No text for this is documented; the status is
		// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html).
		d.back.finish(types.ServiceDeploymentStatusRollbackFailed, "Service deployment rollback failed because the circuit breaker threshold was exceeded.")
		d.back = nil
		return
	}
	d.record.breaker = types.ServiceDeploymentRollbackMonitorsStatusTriggered
	if !cb.Rollback {
		d.record.finish(types.ServiceDeploymentStatusStopped, "Service deployment stopped because the circuit breaker threshold was exceeded.")
		return
	}
	if !v.rollBack(d, "Service deployment rolled back because the circuit breaker threshold was exceeded.") {
		d.record.finish(types.ServiceDeploymentStatusRollbackFailed, "No rollback candidate was found to run the rollback.")
	}
}

// rollBack makes the latest COMPLETED deployment PRIMARY again; it is IN_PROGRESS
// until its tasks run, so that a second failure finds nothing to go back to
// (docs/aws/ecs.md 1.3).
func (v *service) rollBack(from *deployment, reason string) bool {
	to := v.completed
	if to == nil || to == from {
		return false
	}
	now := v.svc.world.Now()
	from.record.rollingBack(reason, to.rev)
	from.status, from.updated = "ACTIVE", now
	rest := v.deployments[:0:0]
	for _, d := range v.deployments {
		if d != to {
			rest = append(rest, d)
		}
	}
	to.status, to.state, to.updated = "PRIMARY", types.DeploymentRolloutStateInProgress, now
	to.reason = "ECS deployment circuit breaker: rolling back to deploymentId " + to.id + "."
	to.failed, to.rounds, to.nextLaunch, to.stalled = 0, 0, now, false
	to.back = from.record
	v.deployments, v.completed = append([]*deployment{to}, rest...), nil
	v.event("rolling back to deployment %s.", to.id)
	v.reconcileSoon()
	return true
}
