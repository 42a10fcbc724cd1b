package cfnx

import (
	"fmt"
	"slices"
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

// Failure is a resource that failed by itself: not because another did, and
// not a nested stack, which only points to one.
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
// attempt to continue. It is pure.
func (t *Tree) Causes() Causes {
	var c Causes
	for s := range t.All() {
		forward, backs := s.windows()
		c.Update = append(c.Update, failures(forward)...)
		c.Rollback = append(c.Rollback, failures(lastWith(backs))...)
		if s == t.Root {
			c.Attempts = len(backs)
		}
	}
	byTime := func(a, b Failure) int { return a.Time.Compare(b.Time) }
	slices.SortStableFunc(c.Update, byTime)
	slices.SortStableFunc(c.Rollback, byTime)
	return c
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

func failures(events []Event) []Failure {
	var fs []Failure
	for _, e := range events {
		if e.failed() {
			fs = append(fs, Failure{e.StackID, e.StackName, e.LogicalID, e.PhysicalID, e.Type, e.Reason, e.Time})
		}
	}
	return fs
}

// Forward are the events of the latest forward operation, an update or a
// creation, without those of any rollback; the oldest first.
func (s *Stack) Forward() []Event {
	forward, _ := s.windows()
	return forward
}
