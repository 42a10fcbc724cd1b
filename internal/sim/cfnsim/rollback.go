package cfnsim

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// rollback is one attempt to go back to the stable definition.
type rollback struct {
	// skip are the logical ids to leave alone, by stack id; force leaves alone
	// whatever failed or, with failing, fails (docs/aws/cfn.md 0).
	skip           map[string]map[string]bool
	force, failing bool
	// continued says that the caller asked for it after a failure.
	continued bool
}

func (b *rollback) skips(r *resource) bool {
	if b == nil {
		return false
	}
	return b.skip[r.st.id][r.id] || b.force && r.rollbackFailed && r.child == nil
}

// rollBack takes the stack back to its stable definition. began is called when
// the stack's status says so.
func (s *stack) rollBack(typ types.OperationType, reason string, b *rollback, began func()) {
	if b == nil {
		b = &rollback{}
	}
	s.begin(typ, ptr(s.token))
	if s.now != s.stable { // the rollback of an update, not its continuation
		s.attemptedOutputs, s.outputs = s.outputs, s.before
	}
	s.now, s.rolling = s.stable, b
	if s.svc.world.Switches.SSMAtRollback == "resolved-again" {
		s.resolveAgain()
	}
	s.set(types.StackStatusUpdateRollbackInProgress, reason)
	if began != nil {
		began()
	}
	err := s.templateAgain()
	var c *scope
	if err == nil {
		c, err = s.scope(s.stable)
	}
	if err != nil {
		s.rollbackEnded(nil, err)
		return
	}
	p := &plan{}
	p.finish = func(failed []string) { s.rollbackEnded(failed, nil) }
	s.each(func(r *resource) {
		if !r.touched || r.back || r.past == nil {
			return
		}
		p.add(&task{id: r.id, deps: r.past.decl.deps, start: func(done func(error)) { s.revert(c, r, done) }})
	})
	s.svc.world.After(s.svc.Latency, p.run)
}

func (s *stack) rollbackEnded(failed []string, err error) {
	if len(failed) == 0 && err == nil {
		s.outputs = s.rolledBackOutputs()
		s.set(types.StackStatusUpdateRollbackCompleteCleanupInProgress, "")
		if !s.hold {
			s.cleanUp(nil)
		}
		return
	}
	s.ended(true)
	// No clean-up after a rollback that failed (docs/aws/cfn.md 1.1).
	s.set(types.StackStatusUpdateRollbackFailed, s.failure(failed, err))
	if s.svc.world.Switches.NestedSiblings != "wait-for-clean-up" {
		s.each(func(r *resource) {
			if r.child != nil && r.child.hold && r.child.status == types.StackStatusUpdateRollbackCompleteCleanupInProgress {
				r.child.cleanUp(nil)
			}
		})
	}
}

// revert takes one resource back to what it was. What was replaced gets its
// old physical resource back at once, and so does what never was changed; the
// rest is updated with the old properties (docs/aws/cfn.md 1.5).
func (s *stack) revert(c *scope, r *resource, done func(error)) {
	past, target := r.past, r.past.record
	if s.svc.world.Switches.SSMAtRollback == "resolved-again" && past.child == nil {
		if props, err := c.properties(past.decl); err == nil {
			target = props
		}
	}
	ended := func(err error) {
		if err != nil && s.rolling != nil && s.rolling.force && s.rolling.failing && r.child == nil {
			s.skip(r)
			err = nil
		}
		if err != nil {
			r.rollbackFailed = true
			r.set(types.ResourceStatusUpdateFailed, message(err), past.record)
			done(err)
			return
		}
		done(nil)
	}
	restored := func(err error) {
		if err == nil {
			r.record, r.decl, r.back, r.rollbackFailed, r.skipped = target, past.decl, true, false, r.skipped && !r.reached
			r.set(types.ResourceStatusUpdateComplete, "", target)
		}
		ended(err)
	}
	switch {
	case s.rolling.skips(r):
		s.skip(r)
		done(nil)
	case past.child != nil && r.child == past.child:
		s.revertChild(r, restored)
	case r.physical != past.physical:
		s.discard(r)
		restored(nil)
	case !r.reached:
		s.keep(r)
		r.incarnation = *past
		restored(nil)
	default:
		r.set(types.ResourceStatusUpdateInProgress, "", target)
		k := s.svc.kind(r.typ)
		s.handle(r, k.changed, k.change, c, r.sent, target, simtype.OnRollback, func(*call) {
			r.sent = target
		}, restored)
	}
}

// templateAgain reads a nested stack's old template from its URL again, where
// simtype.Switches.ChildTemplateAtRollback says that a rollback does: it fails
// when the object is gone.
func (s *stack) templateAgain() error {
	if s.parent == nil || s.stable.url == "" || s.svc.world.Switches.ChildTemplateAtRollback != "read-again" {
		return nil
	}
	_, err := s.svc.fetch(context.Background(), s.stable.url)
	return err
}

// resolveAgain reads the parameters of SSM types again.
func (s *stack) resolveAgain() {
	d := *s.stable
	d.arguments = slices.Clone(d.arguments)
	for i := range d.arguments {
		if err := s.svc.resolve(context.Background(), &d.arguments[i]); err != nil {
			continue // gone: the rollback goes on with the value it knows
		}
	}
	s.stable, s.now = &d, &d
}

// shown is what descriptions show: while a rollback runs or has failed that may
// be what was attempted (simtype.Switches.LockedShows).
func (s *stack) shown() (*definition, []types.Output) {
	locked := s.status == types.StackStatusUpdateRollbackInProgress || s.status == types.StackStatusUpdateRollbackFailed
	if !locked || s.attempted == nil || s.svc.world.Switches.LockedShows != "attempted" {
		return s.now, s.outputs
	}
	if s.attemptedOutputs != nil {
		return s.attempted, s.attemptedOutputs
	}
	return s.attempted, s.outputs
}

// skip leaves a resource as it is and records the old template's properties
// for it (docs/aws/cfn.md 1.2 and 7).
func (s *stack) skip(r *resource) {
	if r.physical != r.past.physical && s.svc.world.Switches.SkippedReplacement == "new" {
		s.discard(r)
	}
	r.record, r.decl = r.past.record, r.past.decl
	r.back, r.skipped, r.rollbackFailed = true, true, false
	r.drift = types.StackResourceDriftStatusNotChecked
	r.set(types.ResourceStatusUpdateComplete, "Resource skipped during UpdateRollback", r.record)
}

// discard puts the running update's physical resource aside for the clean-up
// and takes the old one back.
func (s *stack) discard(r *resource) {
	s.keep(r)
	if r.physical != "" {
		s.garbage = append(s.garbage, discarded{r, r.incarnation, false})
	}
	r.incarnation = *r.past
}

// keep takes a resource's old incarnation off the list of what is deleted.
func (s *stack) keep(r *resource) {
	s.garbage = slices.DeleteFunc(s.garbage, func(g discarded) bool { return g.r == r && g.physical == r.past.physical })
}

const errStillRolling = reason("Embedded stack is still in progress.")
