package cfnsim

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// stackEdges are the transitions of a stack's status (docs/aws/cfn.md 1.1).
// A nested stack that was updated well goes back with its parent, and what is
// in its clean-up may be deleted by its parent's.
var stackEdges = map[types.StackStatus][]types.StackStatus{
	"":                                    {types.StackStatusCreateInProgress, types.StackStatusReviewInProgress},
	types.StackStatusReviewInProgress:     {types.StackStatusCreateInProgress, types.StackStatusDeleteInProgress},
	types.StackStatusCreateInProgress:     {types.StackStatusCreateComplete, types.StackStatusCreateFailed, types.StackStatusRollbackInProgress, types.StackStatusDeleteInProgress},
	types.StackStatusCreateComplete:       {types.StackStatusUpdateInProgress, types.StackStatusImportInProgress, types.StackStatusDeleteInProgress},
	types.StackStatusCreateFailed:         {types.StackStatusUpdateInProgress, types.StackStatusDeleteInProgress, types.StackStatusRollbackInProgress},
	types.StackStatusRollbackInProgress:   {types.StackStatusRollbackComplete, types.StackStatusRollbackFailed},
	types.StackStatusRollbackComplete:     {types.StackStatusDeleteInProgress},
	types.StackStatusRollbackFailed:       {types.StackStatusDeleteInProgress},
	types.StackStatusUpdateInProgress:     {types.StackStatusUpdateCompleteCleanupInProgress, types.StackStatusUpdateFailed, types.StackStatusUpdateRollbackInProgress},
	types.StackStatusUpdateComplete:       {types.StackStatusUpdateInProgress, types.StackStatusImportInProgress, types.StackStatusDeleteInProgress},
	types.StackStatusUpdateFailed:         {types.StackStatusUpdateInProgress, types.StackStatusUpdateRollbackInProgress, types.StackStatusDeleteInProgress},
	types.StackStatusUpdateRollbackFailed: {types.StackStatusUpdateRollbackInProgress, types.StackStatusDeleteInProgress},
	types.StackStatusDeleteInProgress:     {types.StackStatusDeleteComplete, types.StackStatusDeleteFailed},
	types.StackStatusDeleteFailed:         {types.StackStatusDeleteInProgress},

	types.StackStatusImportInProgress:         {types.StackStatusImportComplete, types.StackStatusImportRollbackInProgress},
	types.StackStatusImportRollbackInProgress: {types.StackStatusImportRollbackComplete},
	types.StackStatusImportComplete:           {types.StackStatusUpdateInProgress, types.StackStatusImportInProgress, types.StackStatusDeleteInProgress},
	types.StackStatusImportRollbackComplete:   {types.StackStatusUpdateInProgress, types.StackStatusImportInProgress, types.StackStatusDeleteInProgress},

	types.StackStatusUpdateCompleteCleanupInProgress:         {types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackInProgress, types.StackStatusDeleteInProgress},
	types.StackStatusUpdateRollbackInProgress:                {types.StackStatusUpdateRollbackCompleteCleanupInProgress, types.StackStatusUpdateRollbackFailed},
	types.StackStatusUpdateRollbackCompleteCleanupInProgress: {types.StackStatusUpdateRollbackComplete, types.StackStatusDeleteInProgress},
	types.StackStatusUpdateRollbackComplete:                  {types.StackStatusUpdateInProgress, types.StackStatusImportInProgress, types.StackStatusDeleteInProgress},
}

// Check returns what contradicts itself, joined, or nil: tests call it after
// each step of a random walk. It must be called inside the clock's Do.
func (s *Service) Check() error {
	var bad []error
	for _, f := range s.faults {
		bad = append(bad, errors.New(f))
	}
	names := map[string]bool{}
	for _, st := range s.stacks {
		note := func(format string, a ...any) {
			bad = append(bad, fmt.Errorf("stack "+st.name+": "+format, a...))
		}
		if st.live() && names[st.name] {
			note("the name is in use twice")
		}
		names[st.name] = names[st.name] || st.live()
		st.check(note)
	}
	return errors.Join(bad...)
}

func (s *stack) check(note func(string, ...any)) {
	if len(s.order) != len(s.resources) {
		note("%d resources in order, %d by name", len(s.order), len(s.resources))
	}
	resting := !strings.HasSuffix(string(s.status), "_IN_PROGRESS")
	if resting && s.plan != nil {
		note("%s, but a plan runs", s.status)
	}
	if n := len(s.operations); resting && n > 0 && s.operations[n-1].end.IsZero() {
		note("%s, but its operation %s has no end", s.status, s.operations[n-1].typ)
	}
	if s.parent != nil && !s.orphan && s.live() && !s.parent.live() {
		note("its parent %s is deleted", s.parent.name)
	}
	s.each(func(r *resource) {
		if resting && strings.HasSuffix(string(r.status), "_IN_PROGRESS") {
			note("%s, but %s is %s", s.status, r.id, r.status)
		}
		if r.child != nil && !slices.Contains(s.svc.stacks, r.child) {
			note("%s is a nested stack that does not exist", r.id)
		}
	})
	for _, cs := range s.changeSets {
		if cs.deleted {
			note("change set %s is deleted and listed", cs.name)
		}
	}
}

// Unsettled lists the stacks that are at work and that nothing will bring to
// rest: those that are left when every event has run.
func (s *Service) Unsettled() []string {
	var names []string
	for _, st := range s.stacks {
		if strings.HasSuffix(string(st.status), "_IN_PROGRESS") && st.status != types.StackStatusReviewInProgress && !(st.parent != nil && st.hold && cleaning(st.status)) {
			names = append(names, st.name+" "+string(st.status))
		}
	}
	return names
}

// fault notes a contradiction that only shows at the moment it happens.
func (s *Service) fault(format string, a ...any) {
	if len(s.faults) < 20 {
		s.faults = append(s.faults, fmt.Sprintf(format, a...))
	}
}
