package ecsx

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Outcome is how far a deployment got.
type Outcome string

// Outcomes of one deployment.
const (
	InProgress     Outcome = "in progress"
	Succeeded      Outcome = "succeeded"       // it is PRIMARY and COMPLETED
	RollingBack    Outcome = "rolling back"    // to an earlier deployment
	RolledBack     Outcome = "rolled back"     // an earlier deployment runs again
	RollbackFailed Outcome = "rollback failed" // and nothing is sure to run
	Failed         Outcome = "failed"          // without a rollback
	Failing        Outcome = "failing"         // its tasks stop for a cause that the next task will meet too
	Superseded     Outcome = "superseded"      // somebody started another deployment
	Gone           Outcome = "gone"            // the service is being deleted
)

// Final reports whether the outcome does not change any more.
func (o Outcome) Final() bool { return o != InProgress && o != RollingBack }

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
	// Primary is the id of the deployment that is PRIMARY now.
	Primary string `json:"primary,omitempty"`
}

// String is one line.
func (r Rollout) String() string {
	s := string(r.Outcome) + ", " + itoa(r.Running) + "/" + itoa(r.Desired) + " running, " + itoa(r.Pending) + " pending"
	if r.Failed > 0 {
		s += ", " + itoa(r.Failed) + " failed"
	}
	return s
}

// judge reads the outcome of deployment id off the service, and off its
// service deployment where that is known.
func judge(s *types.Service, id string, record *types.ServiceDeployment) Rollout {
	r := Rollout{Deployment: id, Outcome: InProgress, Desired: int(s.DesiredCount)}
	p := primary(s)
	if p != nil {
		r.Primary = aws.ToString(p.Id)
	}
	var d *types.Deployment
	for i := range s.Deployments {
		if aws.ToString(s.Deployments[i].Id) == id {
			d = &s.Deployments[i]
		}
	}
	if d != nil {
		r.TaskDefinition, r.Reason = aws.ToString(d.TaskDefinition), aws.ToString(d.RolloutStateReason)
		r.Running, r.Pending, r.Failed = int(d.RunningCount), int(d.PendingCount), int(d.FailedTasks)
	}
	if aws.ToString(s.Status) != "ACTIVE" {
		r.Outcome, r.Reason = Gone, "service is "+aws.ToString(s.Status)
		return r
	}
	if d != nil && r.Primary == id {
		switch {
		case d.RolloutState == types.DeploymentRolloutStateCompleted,
			d.RolloutState == "" && len(s.Deployments) == 1 && d.RunningCount == d.DesiredCount:
			r.Outcome = Succeeded // no rollout state: services behind a Classic Load Balancer (docs/aws/ecs.md 1.3)
		case d.RolloutState == types.DeploymentRolloutStateFailed:
			r.Outcome = Failed
		}
	} else {
		r.Outcome = Superseded
		if p != nil && strings.Contains(aws.ToString(p.RolloutStateReason), "rolling back to deploymentId") || d != nil && d.RolloutState == types.DeploymentRolloutStateFailed {
			r.Outcome = RollingBack
			switch {
			case p != nil && p.RolloutState == types.DeploymentRolloutStateFailed:
				r.Outcome = RollbackFailed
			case p != nil && p.RolloutState == types.DeploymentRolloutStateCompleted:
				r.Outcome = RolledBack
			}
		}
	}
	return r.refine(record)
}

// refine lets the service deployment, which is exact, decide what the list of
// deployments leaves open.
func (r Rollout) refine(record *types.ServiceDeployment) Rollout {
	if record == nil {
		return r
	}
	if reason := aws.ToString(record.StatusReason); reason != "" {
		r.Reason = reason
	}
	switch record.Status {
	case types.ServiceDeploymentStatusSuccessful:
		if r.Outcome != Superseded {
			r.Outcome = Succeeded
		}
	case types.ServiceDeploymentStatusRollbackSuccessful:
		r.Outcome = RolledBack
	case types.ServiceDeploymentStatusRollbackFailed:
		r.Outcome = RollbackFailed
	case types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusRollbackRequested:
		r.Outcome = RollingBack
	}
	return r
}

// record reads the deployment's service deployment; nil when there is none to
// read or it may not be read.
func record(ctx context.Context, api RolloutAPI, arn string) *types.ServiceDeployment {
	if arn == "" {
		return nil
	}
	out, err := api.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
	if err != nil || len(out.ServiceDeployments) == 0 {
		return nil // the list of deployments decides alone
	}
	return &out.ServiceDeployments[0]
}
