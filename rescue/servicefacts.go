package rescue

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// ServiceFacts are an ECS service of a stack.
type ServiceFacts struct {
	StackID   string       `json:"stackId"`
	LogicalID string       `json:"logicalId"`
	Service   ecsx.Service `json:"service"`
	// Unread is why the service could not be read; every field below is then
	// unknown, not zero.
	Unread string `json:"unread,omitempty"`
	// Status is ACTIVE, DRAINING or INACTIVE, as ECS says, or MISSING for a
	// service that ECS does not know.
	Status  string `json:"status"`
	Desired int    `json:"desired"`
	Running int    `json:"running"`
	Pending int    `json:"pending"`
	// Wants is the desired count that the stack's template sets; nil where it
	// sets none or the value is not known.
	Wants *int `json:"wants,omitempty"`
	// Minimum is that of its scalable target; nil where it has none or it was not
	// read.
	Minimum *int `json:"minimum,omitempty"`
	// Primary is the deployment that ECS is bringing the service to, State and
	// Reason how far it is.
	Primary string `json:"primary,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Tasks are its running tasks; nil where none runs or they were not read.
	Tasks *taskFacts `json:"tasks,omitempty"`
	// TargetGroups are those of its load balancers.
	TargetGroups []targetGroupFacts `json:"targetGroups,omitempty"`
	// TasksUnread is why its stopped tasks could not be read.
	TasksUnread string `json:"tasksUnread,omitempty"`
	// Failing is how many tasks of the serving revision have failed since its
	// deployment began, where they go on failing; Fails is the latest reason.
	Failing int    `json:"failing,omitempty"`
	Fails   string `json:"fails,omitempty"`
	// Deployments are those of the service, as ECS lists them.
	Deployments []DeploymentFacts `json:"deployments,omitempty"`
	// Breaker is whether a circuit breaker would end a failing deployment,
	// BreakerRollback whether it takes it back too, and Alarms whether alarms would.
	Breaker         bool `json:"breaker"`
	BreakerRollback bool `json:"breakerRollback,omitempty"`
	Alarms          bool `json:"alarms,omitempty"`
	// MinimumHealthy and Maximum are percentages of Desired; nil where ECS has none.
	MinimumHealthy *int `json:"minimumHealthy,omitempty"`
	Maximum        *int `json:"maximum,omitempty"`
	// Scheduling is REPLICA or DAEMON, Strategy how a deployment goes: ROLLING
	// where it is empty.
	Scheduling string `json:"scheduling,omitempty"`
	Strategy   string `json:"strategy,omitempty"`
	Controller string `json:"controller,omitempty"`
	// Events are what the service says, the newest first, each with its time before
	// it: RFC 3339, or the time of day in captures that older versions wrote.
	Events []string `json:"events,omitempty"`
	// Settings are the service's own, as an update of its stack may change them in
	// passing; nil where they were not read.
	Settings json.RawMessage `json:"settings,omitempty"`
	// Attached is what hangs on its tasks; nil where that was not read.
	Attached *attachedFacts `json:"attached,omitempty"`
	// Proofs are revisions that a savepoint would render and that have failed before
	// the unlock.
	Proofs []proofFacts `json:"proofs,omitempty"`
	// ServiceRevisions are the ARNs of ECS's records of what serves.
	ServiceRevisions []string `json:"serviceRevisions,omitempty"`
	// Placement is where and on what its tasks run.
	ecsx.Placement

	// Current is the revision the service is set to, Forward the one that the
	// latest update made, Back the one that the stack's record has and goes back
	// to. They may be the same; "" where it is not known or there is none.
	Current string `json:"current,omitempty"`
	Forward string `json:"forward,omitempty"`
	Back    string `json:"back,omitempty"`
	// Touched is whether the latest update changed the service or its task
	// definition.
	Touched bool `json:"touched,omitempty"`
	// Reached is whether the latest update came to the service itself, and not
	// only to its task definition.
	Reached bool `json:"reached,omitempty"`
	// Digests are, by container, what the revision Back ran by ECS's own record, of a
	// service that could not go back to it; DigestsUnread is why they could not be
	// read.
	Digests       map[string]string `json:"digests,omitempty"`
	DigestsUnread string            `json:"digestsUnread,omitempty"`
	// Literal is whether the stack is given the revision as a value, such as by a
	// parameter, and has no task definition of its own for the service.
	Literal bool `json:"literal,omitempty"`
	// RevisionsUnknown is why Forward or Back is not known.
	RevisionsUnknown string `json:"revisionsUnknown,omitempty"`
	// Definitions are those revisions and those of the deployments, by ARN.
	Definitions map[string]Definition `json:"definitions,omitempty"`
	// Differences are, by ARN of each of them, the settings, images apart, in
	// which it differs from what the stack's template renders; a revision that
	// could not be compared is not in it.
	Differences map[string][]cfnx.Difference `json:"differences,omitempty"`
	// Uses are, by ARN of each of them and then by physical id, the places in it
	// that name a resource which the clean-up after a continued rollback deletes.
	Uses map[string]map[string][]string `json:"uses,omitempty"`
}

// DeploymentFacts are one deployment of a service.
type DeploymentFacts struct {
	ID             string    `json:"id"`
	CreatedAt      time.Time `json:"createdAt,omitzero"`
	Status         string    `json:"status"`
	State          string    `json:"state,omitempty"`
	TaskDefinition string    `json:"taskDefinition"`
	Desired        int       `json:"desired"`
	Running        int       `json:"running"`
	Failed         int       `json:"failed"`
}

// Serving is the revision of the running tasks; "" where none runs, where tasks
// of two revisions do, or where the service has no deployments of ECS's own.
func (f *ServiceFacts) Serving() string {
	serving := ""
	for _, d := range f.Deployments {
		if d.Running == 0 {
			continue
		}
		if serving != "" && serving != d.TaskDefinition {
			return ""
		}
		serving = d.TaskDefinition
	}
	return serving
}

// primary is the deployment that ECS is bringing the service to.
func (f *ServiceFacts) primary() DeploymentFacts {
	for _, d := range f.Deployments {
		if d.ID == f.Primary {
			return d
		}
	}
	return DeploymentFacts{}
}

// owns reports whether a stopped task was one of the service's. Other clusters may
// have a service of the same name; an ARN of the old format has no cluster.
func (f *ServiceFacts) owns(t ecsx.StoppedTask) bool {
	parts := strings.Split(t.ARN, "/")
	return t.Group == "service:"+f.Service.Name && (len(parts) < 3 || f.Service.Cluster == "" || parts[len(parts)-2] == f.Service.Cluster)
}
