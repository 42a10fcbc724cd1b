package ecssim

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// threshold is how many failures trip the breaker: half the desired count,
// rounded up, at least 3 and at most 200, unless the service says otherwise.
// The latest desired count decides (docs/aws/ecs.md 2.3).
func (v *service) threshold() int {
	kind, value := types.ThresholdTypeBoundedPercent, 50
	if t := v.configuration().DeploymentCircuitBreaker.ThresholdConfiguration; t != nil {
		value = int(t.Value)
		if t.Type != "" {
			kind = t.Type
		}
	}
	switch share := (v.desired*value + 99) / 100; kind {
	case types.ThresholdTypeCount:
		return value
	case types.ThresholdTypeUnboundedPercent:
		return max(share, 1)
	default:
		return min(max(share, 3), 200)
	}
}

// checkNumbers refuses counts and thresholds out of range; the texts are the
// simulator's.
func checkNumbers(desired *int32, cfg *types.DeploymentConfiguration) error {
	if desired != nil && *desired < 0 {
		return invalid("desiredCount must not be negative.")
	}
	if cfg == nil || cfg.DeploymentCircuitBreaker == nil || cfg.DeploymentCircuitBreaker.ThresholdConfiguration == nil {
		return nil
	}
	t := cfg.DeploymentCircuitBreaker.ThresholdConfiguration
	switch {
	case t.Value < 1:
		return invalid("The value of thresholdConfiguration must be at least 1.")
	case t.Type != types.ThresholdTypeCount && t.Value > 100:
		return invalid("The value of thresholdConfiguration must be between 1 and 100 for a percentage.")
	}
	return nil
}

const (
	breakerReason = "Service deployment rolled back because the circuit breaker threshold was exceeded."
	// No text for a stop by a user is known; docs/aws/ecs.md 2.1 proposes it.
	userReason   = "Service deployment rolled back because of a user request."
	noCandidate  = "No rollback candidate was found to run the rollback."
	failedToRoll = "Service deployment rollback failed because the circuit breaker threshold was exceeded."
)

// breakCircuit fails the deployment once enough tasks have failed, and rolls
// back where that is configured and there is something to go back to.
func (d *deployment) breakCircuit() {
	v := d.service
	cb := v.configuration().DeploymentCircuitBreaker
	if !cb.Enable || d.failed < v.threshold() || v.status != "ACTIVE" {
		return
	}
	d.fail()
	d.reason = "ECS deployment circuit breaker: tasks failed to start."
	v.event("(deployment %s) deployment failed: tasks failed to start.", d.id)
	if d.back != nil {
		// No text for this is documented; the status is
		// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html).
		d.back.finish(types.ServiceDeploymentStatusRollbackFailed, failedToRoll)
		d.back = nil
		return
	}
	d.record.breaker = types.ServiceDeploymentRollbackMonitorsStatusTriggered
	if !cb.Rollback {
		// STOP_REQUESTED, then STOPPED (docs/aws/ecs.md 2.1).
		d.record.set(types.ServiceDeploymentStatusStopRequested)
		d.record.finish(types.ServiceDeploymentStatusStopped, "Service deployment stopped because the circuit breaker threshold was exceeded.")
		return
	}
	v.rollBack(d, breakerReason, "ECS deployment circuit breaker: rolling back to deploymentId ")
}

// rollBack makes the latest COMPLETED deployment PRIMARY again; it is
// IN_PROGRESS until its tasks run, so that a second failure finds nothing to go
// back to (docs/aws/ecs.md 1.3, docs/aws/ecs.md 2.3). The service's
// desired count and deployment configuration stay as they are.
func (v *service) rollBack(from *deployment, reason, rollout string) {
	to := v.completed
	if to == nil || to == from {
		from.record.set(types.ServiceDeploymentStatusRollbackInProgress)
		from.record.finish(types.ServiceDeploymentStatusRollbackFailed, noCandidate)
		return
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
	to.reason = rollout + to.id + "."
	to.failed, to.rounds, to.nextLaunch, to.stalled, to.owed = 0, 0, now, false, 0
	to.back = from.record
	v.deployments, v.completed = append([]*deployment{to}, rest...), nil
	v.event("rolling back to deployment %s.", to.id)
	v.reconcileSoon()
}
