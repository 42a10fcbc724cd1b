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

// Recorded is the physical id that the stack goes back to: what the resource
// was before the latest update replaced it. "" where that update made it.
func (s *Stack) Recorded(logicalID string) string {
	forward, _ := s.attempt()
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
