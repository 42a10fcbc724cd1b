package rescue

import (
	"strings"
	"time"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

const definitionType = "AWS::ECS::TaskDefinition"

// revisions finds the revision that the latest update made and the one that
// the stack goes back to. It follows the service's own reference: names of
// families and of statuses prove nothing.
func (c *capturer) revisions(f *ServiceFacts) {
	t := c.b.Tree
	s := t.Stack(f.StackID)
	began := attemptBegan(t)
	for _, e := range during(s, began) {
		f.Reached = f.Reached || e.LogicalID == f.LogicalID
	}
	f.Touched = f.Reached
	d, err := s.Declared(f.LogicalID, "TaskDefinition")
	switch {
	case err != nil:
		f.RevisionsUnknown = redact.Text(err.Error())
	case d.Resource != "":
		f.fromResource(t, s, d.Resource, began)
	case d.Known:
		f.fromValue(t, d.Value, began)
	default:
		f.RevisionsUnknown = "stack " + s.Name + ": TaskDefinition of " + f.LogicalID + " is an expression whose value is not known"
	}
	if f.Touched && f.Forward == "" && f.RevisionsUnknown == "" {
		f.RevisionsUnknown = "the latest update changed service " + f.Service.String() + ", and no event says which revision it made"
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
	f.Back = r.PhysicalID
	first := true
	for _, e := range during(s, began) {
		if e.LogicalID != logicalID || e.Type != definitionType {
			continue
		}
		// A revision is never changed, only replaced: until the update is
		// through, the first event still has the one before it.
		if first && e.Status == cfntypes.ResourceStatusUpdateInProgress && isRevision(e.PhysicalID) && goesBack(t.Root.Status) {
			f.Back = e.PhysicalID
		}
		first = false
		if e.Status == cfntypes.ResourceStatusCreateComplete || e.Status == cfntypes.ResourceStatusUpdateComplete {
			f.Forward, f.Touched = e.PhysicalID, true
		}
	}
	if first && f.Touched {
		f.Forward = f.Back // the update changed the service, and not what it runs
	}
}

// fromValue is for a revision that comes as a parameter or a literal: it may be
// that of a task definition in another stack of the tree.
func (f *ServiceFacts) fromValue(t *cfnx.Tree, revision string, began time.Time) {
	for s := range t.All() {
		for _, r := range s.Resources {
			if r.Type != definitionType {
				continue
			}
			owns := r.PhysicalID == revision
			for _, e := range s.Events {
				owns = owns || e.LogicalID == r.LogicalID && e.PhysicalID == revision
			}
			if owns {
				f.fromResource(t, s, r.LogicalID, began)
				return
			}
		}
	}
	if !isRevision(revision) {
		f.RevisionsUnknown = "TaskDefinition of " + f.LogicalID + " is " + revision + ", which names no revision"
		return
	}
	f.Back = revision
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
