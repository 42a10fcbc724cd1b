package ecsx

import "time"

// Outcome is how far a deployment got: one of the constants, or, while it may still
// change, "in progress" or "rolling back".
type Outcome string

// Outcomes of one deployment.
const (
	inProgress     Outcome = "in progress"
	Succeeded      Outcome = "succeeded"       // it is PRIMARY and COMPLETED
	rollingBack    Outcome = "rolling back"    // to an earlier deployment
	RolledBack     Outcome = "rolled back"     // an earlier deployment runs again
	RollbackFailed Outcome = "rollback failed" // and nothing is sure to run
	Failed         Outcome = "failed"          // without a rollback, or within the soak time
	Failing        Outcome = "failing"         // its tasks stop for a cause that the next task will meet too
	Superseded     Outcome = "superseded"      // somebody started another deployment
	Stalled        Outcome = "stalled"         // nothing ends it: its tasks come and go, or none comes
	Paused         Outcome = "paused"          // at a hook that waits for [ContinueDeployment]
	ScaledToZero   Outcome = "scaled to zero"  // no task is wanted: nothing was tried
	Gone           Outcome = "gone"            // the service is being deleted
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
	// ID is what [ContinueDeployment] takes.
	ID string `json:"id"`
	// Expires is when ECS goes on by itself, zero where it does not say, and
	// AtTimeout what it does then: CONTINUE or ROLLBACK.
	Expires   time.Time `json:"expires,omitzero"`
	AtTimeout string    `json:"atTimeout,omitempty"`
	// Stage is the lifecycle stage, such as POST_SCALE_UP.
	Stage string `json:"stage,omitempty"`
}
