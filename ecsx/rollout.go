package ecsx

import "time"

// Outcome is how far a deployment got. It is one of
//   - "in progress": it may still change;
//   - "succeeded": it is PRIMARY and COMPLETED;
//   - "rolling back": to an earlier deployment; it may still change;
//   - "rolled back": an earlier deployment runs again;
//   - "rollback failed": nothing is sure to run;
//   - "failed": without a rollback, or within the soak time;
//   - "failing": its tasks stop for a cause that the next task will meet too;
//   - "superseded": somebody started another deployment;
//   - "stalled": nothing ends it: its tasks come and go, or none comes;
//   - "paused": at a hook that waits for [Deployment.Continue];
//   - "scaled to zero": no task is wanted: nothing was tried;
//   - "gone": the service is being deleted.
type Outcome string

const (
	inProgress            Outcome = "in progress"
	outcomeSucceeded      Outcome = "succeeded"
	rollingBack           Outcome = "rolling back"
	outcomeRolledBack     Outcome = "rolled back"
	outcomeRollbackFailed Outcome = "rollback failed"
	outcomeFailed         Outcome = "failed"
	outcomeFailing        Outcome = "failing"
	outcomeSuperseded     Outcome = "superseded"
	outcomeStalled        Outcome = "stalled"
	outcomePaused         Outcome = "paused"
	outcomeScaledToZero   Outcome = "scaled to zero"
	outcomeGone           Outcome = "gone"
)

// Final reports whether the outcome does not change any more.
func (o Outcome) Final() bool { return o != inProgress && o != rollingBack }

// Rollout is one look at a deployment.
type Rollout struct {
	// Deployment is its id, TaskDefinition the revision it deploys; "" once ECS
	// no longer lists it.
	Deployment     string  `json:"deployment"`
	TaskDefinition string  `json:"taskDefinition,omitempty"`
	Outcome        Outcome `json:"outcome"`
	// Desired, Running, Pending and Failed are numbers of tasks; Failed counts
	// consecutive failures and is reset by a healthy task.
	Desired int `json:"desired"`
	Running int `json:"running"`
	Pending int `json:"pending"`
	Failed  int `json:"failed"`
	// Reason is what ECS says about the outcome.
	Reason string `json:"reason,omitempty"`
	// By is what asked for a rollback: "circuit breaker", "alarm", "hook" or "user"; ""
	// where ECS does not say.
	By string `json:"by,omitempty"`
	// Stage is the lifecycle stage of a deployment that ECS carries out in stages,
	// such as BAKE_TIME; "" where there are none.
	Stage string `json:"stage,omitempty"`
	// Hook is the hook at which it is paused.
	Hook *Hook `json:"hook,omitempty"`
	// Problem is what could not be read of it; the outcome rests on the rest.
	Problem string `json:"problem,omitempty"`
	// Primary is the id of the deployment that is PRIMARY now.
	Primary string `json:"primary,omitempty"`
}

// String is one line.
func (r Rollout) String() string {
	s := string(r.Outcome) + ", " + itoa(r.Running) + "/" + itoa(r.Desired) + " running, " + itoa(r.Pending) + " pending"
	if r.Failed > 0 {
		s += ", " + itoa(r.Failed) + " failed"
	}
	if r.Stage != "" {
		s += ", stage " + r.Stage
	}
	return s
}

// equal compares what is worth telling.
func (r Rollout) equal(o Rollout) bool {
	a, b := r, o
	a.Hook, b.Hook = nil, nil
	return a == b && (r.Hook == nil) == (o.Hook == nil)
}

// Hook is a lifecycle hook that waits for somebody.
type Hook struct {
	// ID is what [Deployment.Continue] takes.
	ID string `json:"id"`
	// Expires is when ECS goes on by itself, zero where it does not say, and
	// AtTimeout what it does then: CONTINUE or ROLLBACK.
	Expires   time.Time `json:"expires,omitzero"`
	AtTimeout string    `json:"atTimeout,omitempty"`
	// Stage is the lifecycle stage, such as POST_SCALE_UP.
	Stage string `json:"stage,omitempty"`
}
