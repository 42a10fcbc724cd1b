package ecsx

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound is returned if the service, task definition, service deployment or
	// task is unknown, deleted or, for a task, forgotten.
	ErrNotFound = errors.New("not found")
	// ErrUnsupportedController is returned by [ForceDeployLatest] if ECS itself does
	// not deploy the service: CodeDeploy or an external controller does.
	ErrUnsupportedController = errors.New("deployment controller is not ECS")
	// ErrChanged is returned by [ForceDeployLatest] if somebody else has started a
	// deployment of the service meanwhile.
	ErrChanged = errors.New("service has changed meanwhile")
	// ErrImageNotFound is returned by [ForceDeployLatest] and [Deployment.RollBack] if
	// the resolver finds no image for a container.
	ErrImageNotFound = errors.New("image not found")
)

// RolloutError says how a deployment that did not succeed ended, or where it
// was when ctx ended.
type RolloutError struct {
	Service Service
	// Deployment is the deployment's id that was waited for.
	Deployment string
	// Last is what was seen last.
	Last Rollout
	// Cause is the one of Causes that explains most; nil when no failed task was
	// seen.
	Cause *Cause
	// Causes are why its tasks stopped, each with how many at least did so, and with
	// a line of the log where RolloutOptions.Logs was set.
	Causes []FailureGroup
	// Err is the error of the wait itself, nil when the deployment ended.
	Err error
}

// Error names the service, the deployment, its outcome and the cause.
func (e *RolloutError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "service %s: deployment %s: %s", e.Service, e.Deployment, e.Last.Outcome)
	if e.Last.Reason != "" {
		fmt.Fprintf(&b, " (%s)", e.Last.Reason)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %s", e.Cause.Summary)
	}
	if len(e.Causes) > 1 {
		fmt.Fprintf(&b, " (and %d other causes)", len(e.Causes)-1)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap is the error of the wait.
func (e *RolloutError) Unwrap() error { return e.Err }

// TaskError says why a one-off task did not succeed.
type TaskError struct {
	// Task is the task as it stopped.
	Task StoppedTask
}

// Error names the task and the cause.
func (e *TaskError) Error() string {
	return fmt.Sprintf("task %s: %s", afterSlash(e.Task.ARN), e.Task.Cause.Summary)
}

// StartError lists every reason for which [TaskSpec.RunTask] or [TaskSpec.RunTasks]
// placed no task, or too few.
type StartError struct {
	// Failures are "reason" or "reason: detail", as ECS gave them.
	Failures []string
	// Started is how many were started all the same.
	Started int
}

// Error lists the failures.
func (e *StartError) Error() string { return "task not started: " + strings.Join(e.Failures, "; ") }
