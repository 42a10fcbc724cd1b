package rescue

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

const definitionType = "AWS::ECS::TaskDefinition"

// revisions finds the revision that the latest update made and the one that
// the stack goes back to. It follows the service's own reference: names of
// families and of statuses prove nothing.
func (c *capturer) revisions(ctx context.Context, f *ServiceFacts) error {
	t := c.b.Tree
	s := t.Stack(f.StackID)
	began := attemptBegan(t)
	for _, e := range during(s, began) {
		f.Reached = f.Reached || e.LogicalID == f.LogicalID
	}
	f.Touched = f.Reached
	if draft, err := c.b.draft(); err == nil {
		if st, id, ok := draft.TaskDefinitionOf(s, f.LogicalID); ok {
			f.fromResource(t, st, id, began)
			return nil
		}
	}
	d, err := s.Declared(f.LogicalID, "TaskDefinition")
	switch {
	case err != nil:
		f.RevisionsUnknown = redact.Text(err.Error())
	case d.Known && isRevision(d.Value):
		f.given(d.Value, c.b, began)
	case d.Known && d.Value != "" && !strings.Contains(d.Value, "/"):
		// A family, with or without a number: ECS resolves it, as it does for
		// whatever CloudFormation sends.
		td, err := c.definition(ctx, d.Value)
		if err != nil {
			f.RevisionsUnknown = "task definition " + d.Value + ": " + redact.Text(err.Error())
			return c.problem(ctx, "task definition "+d.Value, err)
		}
		f.given(aws.ToString(td.TaskDefinitionArn), c.b, began)
	default:
		f.RevisionsUnknown = "stack " + s.Name + ": TaskDefinition of " + f.LogicalID + " is an expression whose value is not known"
	}
	return nil
}

// given takes over a revision that the stack is given as a value.
func (f *ServiceFacts) given(arn string, b *Bundle, began time.Time) {
	f.Back, f.Literal = arn, true
	f.fromTasks(b.Tasks, began)
	switch {
	case !f.Touched || f.Forward != "":
	case !goesBack(b.Tree.Root.Status):
		f.Forward = f.Back // the latest update has succeeded
	default:
		f.RevisionsUnknown = "service " + f.Service.String() + " is given its revision as a value, and no event says which one the latest update gave it"
	}
}

// fromTasks finds the revision that the latest update gave a service which is
// given its revision as a value: the one, other than the recorded one, of the
// tasks that were started since.
func (f *ServiceFacts) fromTasks(tasks []ecsx.StoppedTask, began time.Time) {
	found := map[string]bool{}
	for _, t := range tasks {
		if f.owns(t) && !began.IsZero() && t.CreatedAt.After(began) && t.TaskDefinition != f.Back {
			found[t.TaskDefinition] = true
		}
	}
	if f.Touched && len(found) == 1 {
		for arn := range found {
			f.Forward = arn
		}
	}
}

// fromResource reads both revisions off the events of the task definition that
// the service refers to.
func (f *ServiceFacts) fromResource(t *cfnx.Tree, s *cfnx.Stack, logicalID string, began time.Time) {
	r, _ := s.Resource(logicalID)
	if r.Type != definitionType {
		f.RevisionsUnknown = "stack " + s.Name + ": TaskDefinition of " + f.LogicalID + " refers to " + logicalID + ", which is no task definition"
		return
	}
	f.Back = s.Recorded(logicalID)
	changed := false
	for _, e := range during(s, began) {
		if e.LogicalID != logicalID || e.Type != definitionType {
			continue
		}
		changed = true
		if e.Status == cfntypes.ResourceStatusCreateComplete || e.Status == cfntypes.ResourceStatusUpdateComplete {
			f.Forward, f.Touched = e.PhysicalID, true
		}
	}
	if !goesBack(t.Root.Status) {
		f.Back = r.PhysicalID
	}
	switch {
	case f.Forward == "" && f.Touched && !changed:
		f.Forward = f.Back // the update changed the service, and not what it runs
	case f.Forward == "" && f.Touched:
		f.RevisionsUnknown = "the latest update changed service " + f.Service.String() + ", and no event says which revision it made"
	}
}

// isRevision reports whether a physical id is the ARN of a task definition.
func isRevision(id string) bool { return strings.Contains(id, ":task-definition/") }

// goesBack reports whether the stack's latest update did not succeed.
func goesBack(s cfntypes.StackStatus) bool {
	return strings.Contains(string(s), "ROLLBACK") || s == cfntypes.StackStatusUpdateInProgress || s == cfntypes.StackStatusUpdateFailed
}

// attemptBegan is when the root's latest update or creation began, by
// CloudFormation's own clock.
func attemptBegan(t *cfnx.Tree) time.Time {
	for _, e := range t.Root.Forward() {
		return e.Time
	}
	return time.Time{}
}

// during are the events of a stack's latest forward operation that belong to
// the root's latest attempt: what a nested stack did in an earlier one is not
// part of it.
func during(s *cfnx.Stack, began time.Time) []cfnx.Event {
	var out []cfnx.Event
	for _, e := range s.Forward() {
		if !e.Time.Before(began) {
			out = append(out, e)
		}
	}
	return out
}
