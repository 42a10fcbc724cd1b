package cfnx

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// root is the root of the stack's tree.
func (s *Stack) root() *Stack {
	for s.parent != nil {
		s = s.parent
	}
	return s
}

// began is the time at which the latest update of the stack began; zero where
// the events do not reach back to it.
func (s *Stack) began() time.Time {
	if len(s.Events) == 0 {
		return time.Time{}
	}
	if e := s.Events[len(s.Events)-1]; e.own() && begins(e.Status) {
		return e.Time
	}
	return time.Time{}
}

// attempt cuts the stack's events as windows does, as long as they belong to
// the latest update of the root with its rollbacks: a nested stack which that
// update left alone still shows the events of an earlier one. Both times are
// CloudFormation's.
func (s *Stack) attempt() (forward []Event, backs [][]Event) {
	if root := s.root(); s != root && s.began().Before(root.began()) {
		return nil, nil
	}
	return s.windows()
}

// unsettled reports whether the latest update of the root has neither succeeded
// nor been rolled back: what it did may yet be taken back.
func (s *Stack) unsettled() bool {
	switch s.root().Status {
	case types.StackStatusUpdateRollbackFailed, types.StackStatusUpdateRollbackInProgress, types.StackStatusUpdateInProgress, types.StackStatusUpdateFailed:
		return true
	}
	return false
}

// Recorded is the physical id of a resource that the stack goes back to: while
// an update is not settled, what the resource was before it; "" where that
// update made it. Otherwise it is what the resource is.
func (s *Stack) Recorded(logicalID string) string {
	var forward []Event
	if s.unsettled() {
		forward, _ = s.attempt()
	}
	for _, e := range forward {
		if e.LogicalID != logicalID || e.own() {
			continue
		}
		switch e.Status {
		case types.ResourceStatusUpdateInProgress:
			return e.PhysicalID
		case types.ResourceStatusCreateInProgress:
			if s.began().IsZero() || !createsStack(s) {
				return ""
			}
		}
	}
	r, _ := s.Resource(logicalID)
	return r.PhysicalID
}

// createsStack reports whether the latest operation created the stack itself.
func createsStack(s *Stack) bool {
	return len(s.Events) > 0 && s.Events[len(s.Events)-1].Status == types.ResourceStatusCreateInProgress
}
