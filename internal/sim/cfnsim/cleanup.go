package cfnsim

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// discarded is a physical resource that the clean-up deletes.
type discarded struct {
	r *resource
	incarnation
	// old says that it was replaced, not made, by the update.
	old bool
}

// abandon leaves the physical resource outside the stack.
func (g discarded) abandon() {
	g.r.st.svc.outside(g.incarnation)
	if g.child != nil {
		g.child.orphan = true
	}
}

// cleanUp deletes what the update or its rollback left behind, starts the
// clean-up of the nested stacks that wait for it, and ends the operation. It
// cannot fail: what cannot be deleted after three tries is left outside the
// stack (docs/aws/cfn.md 1.1).
func (s *stack) cleanUp(done func()) {
	back := s.status == types.StackStatusUpdateRollbackCompleteCleanupInProgress
	s.cleaningUp = true
	c, err := s.scope(s.now)
	if err != nil {
		s.finishCleanUp(back, false, done)
		return
	}
	list := s.leftovers(c, back)
	p := &plan{}
	p.finish = func(failed []string) { s.finishCleanUp(back, len(failed) > 0, done) }
	for i, g := range list {
		p.add(&task{id: taskID(g, i), deps: dependents(list, g), start: func(end func(error)) { s.dispose(c, g, 1, back, end) }})
	}
	s.each(func(r *resource) {
		if r.child != nil && r.child.hold && cleaning(r.child.status) {
			p.add(&task{id: "child " + r.id, start: func(end func(error)) { r.child.cleanUp(func() { end(nil) }) }})
		}
	})
	s.svc.world.After(s.svc.Latency, p.run)
}

func taskID(g discarded, i int) string { return g.r.id + " " + g.physical + string(rune('a'+i%26)) }

// dependents are the tasks that must delete before g: those of the resources
// that read it.
func dependents(list []discarded, g discarded) []string {
	var ids []string
	for i, o := range list {
		if o.r != g.r && slices.Contains(o.decl.deps, g.r.id) {
			ids = append(ids, taskID(o, i))
		}
	}
	return ids
}

// leftovers are what a clean-up deletes: after an update what was replaced or
// left the template, after a rollback what the update had made.
func (s *stack) leftovers(c *scope, back bool) []discarded {
	list := slices.Clone(s.garbage)
	s.each(func(r *resource) {
		d, declared := c.t.resource(r.id)
		stays := declared && c.holds(d.condition)
		made := r.touched && r.past == nil
		switch {
		case back && made:
			list = append(list, discarded{r, r.incarnation, false})
		case !back && !stays:
			list = append(list, discarded{r, r.incarnation, true})
		}
	})
	return list
}

// dispose deletes one leftover.
func (s *stack) dispose(c *scope, g discarded, try int, back bool, done func(error)) {
	leaving := g.physical == g.r.physical
	end := func(err error) {
		if leaving {
			s.drop(g.r)
		}
		done(err)
	}
	policy := g.decl.deletionPolicy
	if g.old && !leaving {
		policy = g.r.decl.updatePolicy // that of the new declaration
	}
	// Only what the update made is new: a rollback deletes it in spite of
	// RetainExceptOnCreate, and of Retain where the operation asks for that
	// (docs/aws/cfn.md 8.3).
	made := back && !g.old
	keep := policy == "Retain" && !(made && s.dropNew) || policy == "RetainExceptOnCreate" && !made
	switch {
	case g.physical == "":
		end(nil)
		return
	case keep:
		g.abandon()
		s.emit(g.r, types.ResourceStatusDeleteSkipped, "", g.physical, nil, "c")
		end(nil)
		return
	}
	mark := func(status types.ResourceStatus, reason string) {
		s.emit(g.r, status, reason, g.physical, nil, "c")
		if leaving {
			g.r.status, g.r.reason, g.r.at = status, reason, s.svc.world.Now()
		}
	}
	mark(types.ResourceStatusDeleteInProgress, "")
	ended := func(err error) {
		switch {
		case err == nil:
			mark(types.ResourceStatusDeleteComplete, "")
			end(nil)
		case try < 3:
			mark(types.ResourceStatusDeleteFailed, message(err))
			s.dispose(c, g, try+1, back, done)
		default:
			g.abandon()
			mark(types.ResourceStatusDeleteFailed, message(err))
			end(err)
		}
	}
	if g.child != nil {
		g.child.deleteChild(ended)
		return
	}
	if back && !g.old && g.typ == taskDefinitionType && s.svc.world.Switches.CleanUp != "deregisters" {
		ended(nil) // the switch: the failed update's revision stays ACTIVE
		return
	}
	s.remove(g, c, ended)
}

// remove calls the handler that deletes.
func (s *stack) remove(g discarded, c *scope, done func(error)) {
	k := s.svc.kind(g.typ)
	call := &call{ctx: c.ctx, svc: s.svc, st: s, id: g.r.id, typ: g.typ, physical: g.physical, attributes: g.attributes, token: s.svc.world.UUID()}
	s.svc.world.After(s.svc.Latency, func() {
		if err := call.resolve(c, nil, g.sent); err != nil {
			call.new = g.sent
		}
		if reason, due := s.svc.scripted(s, g.r.id, simtype.OnDelete, BeforeHandler); due {
			done(handlerError{"GeneralServiceException", reason})
			return
		}
		var err error
		actor := s.actor(g.r.id, simtype.OnDelete) + " " + s.occasion()
		s.svc.world.As(actor, func() { err = k.remove(call) })
		if err != nil {
			done(call.wrap(err))
			return
		}
		s.svc.world.After(s.svc.duration(g.typ, simtype.OnDelete, k.removed), func() {
			if reason, due := s.svc.scripted(s, g.r.id, simtype.OnDelete, AfterHandler); due {
				done(handlerError{"GeneralServiceException", reason})
				return
			}
			if !k.serviced { // else the service has recorded it
				s.svc.world.As(actor, func() { s.svc.world.Deleted(g.typ, g.physical) })
			}
			done(nil)
		})
	})
}

// occasion is why the stack deletes.
func (s *stack) occasion() string {
	switch s.status {
	case types.StackStatusUpdateCompleteCleanupInProgress:
		return "(clean-up of an update)"
	case types.StackStatusUpdateRollbackCompleteCleanupInProgress:
		return "(clean-up of a rollback)"
	case types.StackStatusRollbackInProgress:
		return "(rollback of a creation)"
	}
	return "(deletion of the stack)"
}

func (s *stack) finishCleanUp(back, failed bool, done func()) {
	reason := ""
	if failed {
		reason = "Update successful. One or more resources could not be deleted."
	}
	s.hold, s.cleaningUp = false, false
	s.clear()
	if back {
		s.ended(false)
		s.set(types.StackStatusUpdateRollbackComplete, reason)
	} else {
		s.stable = s.now
		s.ended(false)
		s.set(types.StackStatusUpdateComplete, reason)
	}
	if done != nil {
		done()
	}
}
