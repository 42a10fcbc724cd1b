package cfnsim

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// tearDown deletes all resources of a stack, dependents first: a deletion, or
// the rollback of a creation.
func (s *stack) tearDown(begin types.StackStatus, reason string, ok, failed types.StackStatus, retain []string, done func(error)) {
	s.set(begin, reason)
	deleting := ok == types.StackStatusDeleteComplete
	if deleting {
		if by := s.inUse(); by != "" {
			s.ended(true)
			s.set(failed, by)
			notify(done, errors.New(by))
			return
		}
	}
	c, err := s.scope(s.now)
	if err != nil {
		s.ended(true)
		s.set(failed, message(err))
		notify(done, err)
		return
	}
	p := &plan{}
	p.finish = func(bad []string) {
		if len(bad) > 0 {
			text := "The following resource(s) failed to delete: [" + strings.Join(bad, ", ") + "]. "
			s.ended(true)
			s.set(failed, text)
			notify(done, errors.New(text))
			return
		}
		if deleting {
			s.deleted = s.svc.world.Now()
			s.forgetOthers(nil)
			s.outputs = nil
		}
		s.clear()
		s.ended(false)
		s.set(ok, "")
		notify(done, nil)
	}
	s.each(func(r *resource) {
		if r.physical == "" || r.status == types.ResourceStatusDeleteComplete || r.status == types.ResourceStatusDeleteSkipped {
			return
		}
		p.add(&task{id: r.id, deps: s.readers(r), start: func(end func(error)) { s.destroy(c, r, retain, deleting, end) }})
	})
	// What an update that did not end had put aside goes too.
	for i, g := range s.garbage {
		if g.physical != "" && g.physical != g.r.physical {
			p.add(&task{id: taskID(g, i), deps: s.readers(g.r), start: func(end func(error)) { s.dispose(c, g, 3, false, end) }})
		}
	}
	s.svc.world.After(s.svc.Latency, p.run)
}

// readers are the resources that depend on r.
func (s *stack) readers(r *resource) []string {
	var ids []string
	s.each(func(o *resource) {
		if o != r && slices.Contains(o.decl.deps, r.id) {
			ids = append(ids, o.id)
		}
	})
	return ids
}

func (s *stack) destroy(c *scope, r *resource, retain []string, deleting bool, done func(error)) {
	policy, props := r.decl.deletionPolicy, r.record
	if !r.exists() {
		props = r.sent // its creation failed
	}
	if slices.Contains(retain, r.id) || policy == "Retain" && (deleting || !s.dropNew) || policy == "RetainExceptOnCreate" && deleting {
		discarded{r, r.incarnation, false}.abandon()
		r.set(types.ResourceStatusDeleteSkipped, "", props)
		done(nil)
		return
	}
	r.generation++
	r.set(types.ResourceStatusDeleteInProgress, "", props)
	ended := func(err error) {
		if err != nil {
			r.set(types.ResourceStatusDeleteFailed, message(err), props)
			done(err)
			return
		}
		r.set(types.ResourceStatusDeleteComplete, "", props)
		done(nil)
	}
	if r.child != nil {
		r.child.deleteChild(ended)
		return
	}
	s.remove(discarded{r, r.incarnation, false}, c, ended)
}
