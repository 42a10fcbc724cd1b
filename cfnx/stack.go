package cfnx

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Stack is one stack of a tree, as it was when it was read.
type Stack struct {
	// ID is the ARN, Name the stack's name.
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Status types.StackStatus `json:"status"`
	Reason string            `json:"reason,omitempty"`
	// Detailed is CloudFormation's detailed status, such as
	// "CONFIGURATION_COMPLETE" or "VALIDATION_FAILED"; "" where it gives none.
	Detailed string `json:"detailed,omitempty"`
	// Express says that the latest operation does not wait for resources to become
	// ready: a stack that is complete is not yet healthy then.
	Express bool `json:"express,omitempty"`
	// LogicalID is that of the resource in the parent stack; "" for the root.
	LogicalID string `json:"logicalId,omitempty"`
	ParentID  string `json:"parentId,omitempty"`

	Parameters      []Parameter        `json:"parameters,omitempty"`
	Outputs         []Output           `json:"outputs,omitempty"`
	Tags            map[string]string  `json:"tags,omitempty"`
	Capabilities    []types.Capability `json:"capabilities,omitempty"`
	DisableRollback bool               `json:"disableRollback,omitempty"`
	RoleARN         string             `json:"roleArn,omitempty"`

	Resources []Resource `json:"resources,omitempty"`
	// Events are newest first, back to the beginning of the latest update.
	Events []Event `json:"events,omitempty"`
	// Template is the stack's template as it was submitted; nil when it could
	// not be read.
	Template []byte `json:"template,omitempty"`
	// ChangeSetID is the ARN of the change set that the latest update executed, ""
	// where it was made without one.
	ChangeSetID string `json:"changeSetId,omitempty"`
	// Attempted is the template of the latest update, and AttemptedParameters are
	// those of the root, "****" for NoEcho; see [Tree.ReadAttempted].
	Attempted           []byte            `json:"attempted,omitempty"`
	AttemptedParameters map[string]string `json:"attemptedParameters,omitempty"`

	Children []*Stack `json:"children,omitempty"`
	// Policy is the stack's policy, "" where it has none or it was not read; see
	// [Tree.ReadPolicies].
	Policy string `json:"policy,omitempty"`
	// Findings are checks and hooks that failed in the latest update; see
	// [Tree.ReadFindings].
	Findings []Failure `json:"findings,omitempty"`
	// Unread are parts that could not be read, "stack", "resources", "events",
	// "template", "attempted", "policy" or "findings", with the reason: they are
	// not known.
	Unread map[string]string `json:"unread,omitempty"`

	parent *Stack
}

// Parameter is a stack's parameter. Value is "****" for NoEcho.
type Parameter struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Resolved string `json:"resolved,omitempty"`
}

// Output is one of a stack's outputs.
type Output struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Export string `json:"export,omitempty"`
}

// Resource is a resource of a stack.
type Resource struct {
	LogicalID  string               `json:"logicalId"`
	PhysicalID string               `json:"physicalId,omitempty"`
	Type       string               `json:"type"`
	Status     types.ResourceStatus `json:"status"`
	Reason     string               `json:"reason,omitempty"`
}

// Event is one event of a stack.
type Event struct {
	ID         string               `json:"id"`
	Time       time.Time            `json:"time"`
	StackID    string               `json:"stackId"`
	StackName  string               `json:"stackName"`
	LogicalID  string               `json:"logicalId"`
	PhysicalID string               `json:"physicalId,omitempty"`
	Type       string               `json:"type"`
	Status     types.ResourceStatus `json:"status"`
	Reason     string               `json:"reason,omitempty"`
	Token      string               `json:"token,omitempty"`
	Operation  string               `json:"operation,omitempty"`
	// Shown are the properties that the first event of a resource in an update
	// shows, by their paths: not their values, of which some must not be kept, but
	// digests of them.
	Shown map[string]string `json:"shown,omitempty"`
}

// String is one line.
func (e Event) String() string {
	s := e.StackName + " " + e.LogicalID + " " + string(e.Status)
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// own reports whether the event is the stack's own, not a resource's
// (docs/aws/cfn.md 1.4).
func (e Event) own() bool { return e.PhysicalID == e.StackID }

// nestedType is the resource type of a nested stack.
const nestedType = "AWS::CloudFormation::Stack"

// failed reports whether the event tells a resource's own failure: not that it
// was cancelled because of another, and not that of a nested stack, which only
// points to one.
func (e Event) failed() bool {
	return strings.HasSuffix(string(e.Status), "_FAILED") && !e.own() && e.Type != nestedType && !cancelled(e.Reason)
}

// cancelled recognises what CloudFormation says of resources it stopped
// because of another's failure. A substring would also match an application's
// own words.
func cancelled(reason string) bool {
	for _, p := range []string{"Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled"} {
		if strings.HasPrefix(reason, p) {
			return true
		}
	}
	return false
}

// Parent is the stack this one is nested in; nil for the root.
func (s *Stack) Parent() *Stack { return s.parent }

// InProgress reports whether an operation on the stack is under way.
func (s *Stack) InProgress() bool { return strings.HasSuffix(string(s.Status), "_IN_PROGRESS") }

// Resource finds a resource by its logical id.
func (s *Stack) Resource(logicalID string) (Resource, bool) {
	for _, r := range s.Resources {
		if r.LogicalID == logicalID {
			return r, true
		}
	}
	return Resource{}, false
}

// Output finds an output by its key.
func (s *Stack) Output(key string) (Output, bool) {
	for _, o := range s.Outputs {
		if o.Key == key {
			return o, true
		}
	}
	return Output{}, false
}

func newStack(s types.Stack) *Stack {
	out := &Stack{
		ID: aws.ToString(s.StackId), Name: aws.ToString(s.StackName), Status: s.StackStatus, Reason: aws.ToString(s.StackStatusReason),
		ParentID: aws.ToString(s.ParentId), Capabilities: s.Capabilities, DisableRollback: aws.ToBool(s.DisableRollback), RoleARN: aws.ToString(s.RoleARN), ChangeSetID: aws.ToString(s.ChangeSetId), Detailed: string(s.DetailedStatus),
	}
	out.Express = s.DeploymentConfig != nil && s.DeploymentConfig.Mode == types.DeploymentConfigModeExpress
	for _, p := range s.Parameters {
		out.Parameters = append(out.Parameters, Parameter{aws.ToString(p.ParameterKey), aws.ToString(p.ParameterValue), aws.ToString(p.ResolvedValue)})
	}
	for _, o := range s.Outputs {
		out.Outputs = append(out.Outputs, Output{aws.ToString(o.OutputKey), aws.ToString(o.OutputValue), aws.ToString(o.ExportName)})
	}
	for _, t := range s.Tags {
		if out.Tags == nil {
			out.Tags = map[string]string{}
		}
		out.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

func newEvent(e types.StackEvent) Event {
	return Event{
		ID: aws.ToString(e.EventId), Time: aws.ToTime(e.Timestamp), StackID: aws.ToString(e.StackId), StackName: aws.ToString(e.StackName),
		LogicalID: aws.ToString(e.LogicalResourceId), PhysicalID: aws.ToString(e.PhysicalResourceId), Type: aws.ToString(e.ResourceType),
		Status: e.ResourceStatus, Reason: aws.ToString(e.ResourceStatusReason), Token: aws.ToString(e.ClientRequestToken), Operation: aws.ToString(e.OperationId),
	}
}
