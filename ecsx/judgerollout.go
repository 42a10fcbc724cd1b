package ecsx

import (
	"cmp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// judge reads the outcome of deployment id off one answer of DescribeServices:
// the list of deployments and the service's events, and off its service
// deployment where that is known. What earlier answers said is kept by watch.
func judge(s *types.Service, id string, record *types.ServiceDeployment) Rollout {
	r := Rollout{Deployment: id, Outcome: inProgress, Desired: int(s.DesiredCount)}
	p := primary(s)
	if p != nil {
		r.Primary = aws.ToString(p.Id)
	}
	d := deployment(s, id)
	if d != nil {
		r.TaskDefinition, r.Reason = aws.ToString(d.TaskDefinition), aws.ToString(d.RolloutStateReason)
		r.Running, r.Pending, r.Failed = int(d.RunningCount), int(d.PendingCount), int(d.FailedTasks)
	}
	if aws.ToString(s.Status) != "ACTIVE" {
		r.Outcome, r.Reason = outcomeGone, "service is "+aws.ToString(s.Status)
		return r
	}
	switch {
	case d != nil && r.Primary == id:
		switch {
		case d.RolloutState == types.DeploymentRolloutStateFailed:
			r.Outcome = outcomeFailed
		case d.RolloutState == types.DeploymentRolloutStateCompleted,
			d.RolloutState == "" && len(s.Deployments) == 1 && d.RunningCount == d.DesiredCount:
			// No rollout state: services behind a Classic Load Balancer (docs/aws/ecs.md 1.3).
			r.Outcome = outcomeSucceeded
			if s.DesiredCount == 0 {
				r.Outcome, r.Reason = outcomeScaledToZero, "the service wants no task"
			}
		}
	default:
		r.Outcome = outcomeSuperseded
		if wentBack(s, p, d, id) {
			r.Outcome = goingBack(p)
		}
	}
	return r.refine(record).attribute(s, d, record)
}

func deployment(s *types.Service, id string) *types.Deployment {
	for i := range s.Deployments {
		if aws.ToString(s.Deployments[i].Id) == id {
			return &s.Deployments[i]
		}
	}
	return nil
}

// wentBack reports whether ECS gave the deployment up for an earlier one: by
// what it says of the PRIMARY one, of this one, or in the service's events, which
// outlive both (docs/aws/ecs.md 1.3).
func wentBack(s *types.Service, p, d *types.Deployment, id string) bool {
	if p != nil && strings.Contains(strings.ToLower(aws.ToString(p.RolloutStateReason)), "rolling back") {
		return true
	}
	if d != nil && d.RolloutState == types.DeploymentRolloutStateFailed {
		return true
	}
	for _, e := range s.Events {
		if strings.Contains(aws.ToString(e.Message), "(deployment "+id+") deployment failed") {
			return true
		}
	}
	return false
}

// goingBack is how far a rollback is.
func goingBack(p *types.Deployment) Outcome {
	switch {
	case p == nil:
		return rollingBack
	case p.RolloutState == types.DeploymentRolloutStateFailed:
		return outcomeRollbackFailed
	case p.RolloutState == types.DeploymentRolloutStateCompleted:
		return outcomeRolledBack
	}
	return rollingBack
}

// refine lets the service deployment, which is exact, decide what the list of
// deployments leaves open.
func (r Rollout) refine(record *types.ServiceDeployment) Rollout {
	if record == nil {
		return r
	}
	r.Reason = cmp.Or(aws.ToString(record.StatusReason), r.Reason)
	switch record.Status {
	case types.ServiceDeploymentStatusSuccessful:
		if r.Outcome != outcomeSuperseded && r.Outcome != outcomeScaledToZero {
			if t := record.TargetServiceRevision; t != nil && r.Outcome == inProgress && t.RequestedTaskCount > 0 {
				// The list was read before the record, and its numbers are of that moment.
				r.Desired, r.Running, r.Pending = int(t.RequestedTaskCount), int(t.RunningTaskCount), int(t.PendingTaskCount)
			}
			r.Outcome = outcomeSucceeded
		}
	case types.ServiceDeploymentStatusRollbackSuccessful:
		r.Outcome = outcomeRolledBack
	case types.ServiceDeploymentStatusRollbackFailed:
		r.Outcome = outcomeRollbackFailed
	case types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusRollbackRequested:
		r.Outcome = rollingBack
	case types.ServiceDeploymentStatusStopped, types.ServiceDeploymentStatusStopRequested:
		if r.Outcome == inProgress {
			r.Outcome = outcomeSuperseded // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
		}
	case types.ServiceDeploymentStatusInProgress, types.ServiceDeploymentStatusPending:
		if r.Outcome == outcomeSucceeded { // such as one that bakes
			r.Outcome = inProgress
		}
	}
	r.Stage = string(record.LifecycleStage)
	for _, h := range record.LifecycleHookDetails {
		if h.Status == types.DeploymentLifecycleHookStatusAwaitingAction && r.Outcome == inProgress {
			r.Outcome = outcomePaused
			r.Hook = &Hook{ID: aws.ToString(h.HookId), Expires: aws.ToTime(h.ExpiresAt), AtTimeout: string(h.TimeoutAction), Stage: string(record.LifecycleStage)}
			r.Reason = "hook " + r.Hook.ID + " waits for somebody to continue or roll back"
		}
	}
	return r
}

// attribute says what asked for a rollback: by the record, and else by what ECS
// says of the deployment and in the service's events.
func (r Rollout) attribute(s *types.Service, d *types.Deployment, record *types.ServiceDeployment) Rollout {
	if r.Outcome != outcomeRolledBack && r.Outcome != rollingBack && r.Outcome != outcomeRollbackFailed {
		return r
	}
	said := []string{r.Reason}
	if record != nil && record.Rollback != nil {
		said = append(said, aws.ToString(record.Rollback.Reason))
	}
	if d != nil {
		said = append(said, aws.ToString(d.RolloutStateReason))
	}
	if p := primary(s); p != nil {
		said = append(said, aws.ToString(p.RolloutStateReason))
	}
	for _, e := range s.Events {
		if strings.Contains(aws.ToString(e.Message), "(deployment "+r.Deployment+")") {
			said = append(said, aws.ToString(e.Message))
		}
	}
	for _, text := range said {
		switch text = strings.ToLower(text); {
		case strings.Contains(text, "circuit breaker"), strings.Contains(text, "tasks failed to start"):
			r.By = "circuit breaker"
		case strings.Contains(text, "alarm"):
			r.By = "alarm"
		case strings.Contains(text, "hook"):
			r.By = "hook"
		case strings.Contains(text, "user"), strings.Contains(text, "stopservicedeployment"):
			r.By = "user"
		default:
			continue
		}
		return r
	}
	if record != nil && record.Alarms != nil && len(record.Alarms.TriggeredAlarmNames) > 0 {
		r.By = "alarm"
	}
	return r
}
