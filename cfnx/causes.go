package cfnx

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Causes are two different answers that are never merged: why the update
// failed, and why the way back failed.
type Causes struct {
	// Update are the resources for which the forward operation failed, Rollback
	// those for which the latest attempt to roll back failed; oldest first.
	Update   []Failure `json:"update,omitempty"`
	Rollback []Failure `json:"rollback,omitempty"`
	// Attempts is how often a rollback was begun, automatically or by hand.
	Attempts int `json:"attempts"`
}

// Failure is a resource that failed by itself: not because another did. It is a
// nested stack, or the stack itself, only where nothing inside of it explains it.
type Failure struct {
	StackID    string    `json:"stackId"`
	StackName  string    `json:"stackName"`
	LogicalID  string    `json:"logicalId"`
	PhysicalID string    `json:"physicalId,omitempty"`
	Type       string    `json:"type"`
	Reason     string    `json:"reason,omitempty"`
	Time       time.Time `json:"time"`
}

// String is "stack.resource (type): reason".
func (f Failure) String() string {
	return fmt.Sprintf("%s.%s (%s): %s", f.StackName, f.LogicalID, f.Type, f.Reason)
}

// Causes reads the events of all stacks of the tree, through every earlier
// attempt to continue: of the root's latest update with its rollbacks, and of no
// earlier one. Where no resource of a stack failed by itself, the cause is what
// the nested stack's own resource says (its template is gone from its bucket), or
// the stack's own event (an export in use, a hook). What [Tree.ReadFindings] has
// found is among the causes of the update. It is pure.
func (t *Tree) Causes() Causes {
	var c Causes
	for s := range t.All() {
		forward, backs := s.attempt()
		c.Update = append(c.Update, s.causes(forward, started(backs), false)...)
		c.Update = append(c.Update, s.Findings...)
		c.Rollback = append(c.Rollback, s.causes(s.lastFailed(backs), Event{}, true)...)
		if s == t.Root {
			c.Attempts = len(backs)
		}
	}
	byTime := func(a, b Failure) int { return a.Time.Compare(b.Time) }
	slices.SortStableFunc(c.Update, byTime)
	slices.SortStableFunc(c.Rollback, byTime)
	return c
}

// started is the event with which the first rollback began: its reason is why
// the update did not go on.
func started(backs [][]Event) Event {
	if len(backs) > 0 && len(backs[0]) > 0 {
		return backs[0][0]
	}
	return Event{}
}

// causes are the failures of a window of the stack's events, or what the stack
// itself says where there are none. turned is the event that began the rollback.
func (s *Stack) causes(events []Event, turned Event, back bool) []Failure {
	var out []Failure
	failedInside := false
	for _, e := range events {
		switch {
		case e.failed():
			out = append(out, failureOf(e))
		case e.Type == nestedType && !e.own() && strings.HasSuffix(string(e.Status), "_FAILED") && !cancelled(e.Reason):
			if s.failedInside(e, back) {
				failedInside = true
				continue
			}
			out = append(out, failureOf(e))
		}
	}
	if len(out) > 0 || failedInside {
		return out
	}
	own := turned
	for _, e := range events {
		if e.own() && strings.HasSuffix(string(e.Status), "_FAILED") {
			own = e
		}
	}
	if own.ID != "" && says(own.Reason) {
		return []Failure{failureOf(own)}
	}
	return nil
}

// says reports whether the reason of a stack's own event says more than that a
// resource failed or that somebody asked for it.
func says(reason string) bool {
	for _, p := range []string{"The following resource(s) failed", "User Initiated", "Update rollback initiated", "Update successful", "Transformation succeeded"} {
		if strings.HasPrefix(reason, p) {
			return false
		}
	}
	return strings.TrimSpace(reason) != ""
}

// failedInside reports whether something inside of a nested stack, at any depth,
// explains why its resource failed.
func (s *Stack) failedInside(e Event, back bool) bool {
	for _, c := range s.Children {
		if c.ID == e.PhysicalID {
			return c.explains(back)
		}
	}
	return false
}

// explains reports whether a stack, or one nested in it, has a cause of its own.
func (s *Stack) explains(back bool) bool {
	forward, backs := s.attempt()
	events, turned := forward, started(backs)
	if back {
		events, turned = s.lastFailed(backs), Event{}
	}
	return len(s.causes(events, turned, back)) > 0 || slices.ContainsFunc(s.Children, func(c *Stack) bool { return c.explains(back) })
}

// lastFailed is the latest attempt to roll back in which something failed.
func (s *Stack) lastFailed(backs [][]Event) []Event {
	for _, w := range slices.Backward(backs) {
		if len(s.causes(w, Event{}, true)) > 0 || slices.ContainsFunc(w, Event.failed) {
			return w
		}
	}
	return nil
}

func failureOf(e Event) Failure {
	return Failure{e.StackID, e.StackName, e.LogicalID, e.PhysicalID, e.Type, e.Reason, e.Time}
}

// windows cuts the stack's events, oldest first, into those of the forward
// operation and those of each attempt to roll back. An event belongs to the
// attempt that began before it in the order of the list; timestamps are too
// coarse to tell.
func (s *Stack) windows() (forward []Event, backs [][]Event) {
	for _, e := range slices.Backward(s.Events) {
		if e.own() && (e.Status == types.ResourceStatusUpdateRollbackInProgress || e.Status == types.ResourceStatusRollbackInProgress) {
			backs = append(backs, nil)
		}
		if len(backs) == 0 {
			forward = append(forward, e)
			continue
		}
		backs[len(backs)-1] = append(backs[len(backs)-1], e)
	}
	return forward, backs
}

// lastWith is the latest attempt in which a resource failed: a continue can
// fail at once, without an event of a resource (docs/aws/cfn.md 1.2).
func lastWith(backs [][]Event) []Event {
	for _, w := range slices.Backward(backs) {
		if slices.ContainsFunc(w, Event.failed) {
			return w
		}
	}
	return nil
}

// Forward are the events of the latest forward operation, an update or a
// creation, without those of any rollback; the oldest first.
func (s *Stack) Forward() []Event {
	forward, _ := s.windows()
	return forward
}
