package cfnsim

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// scope is what the stack's template is computed in with the resources as they
// are now.
func (s *stack) scope(d *definition) (*scope, error) {
	c := &scope{ctx: context.Background(), svc: s.svc, stackID: s.id, stackName: s.name, noticeARNs: d.notices, t: d.t, arguments: d.arguments}
	c.ref, c.att = s.refOf, s.attOf
	return c, c.decide()
}

func (s *stack) refOf(id string) (any, error) {
	r := s.resources[id]
	if r == nil || !r.exists() {
		return nil, invalidf("Unresolved resource dependencies [%s]", id)
	}
	return r.physical, nil
}

func (s *stack) attOf(id, attribute string) (any, error) {
	r := s.resources[id]
	if r == nil || !r.exists() {
		return nil, invalidf("Unresolved resource dependencies [%s]", id)
	}
	if r.child != nil {
		return r.child.outputValue(attribute)
	}
	if v, ok := r.attributes[attribute]; ok {
		return v, nil
	}
	return s.svc.kind(r.typ).attribute(s.svc.world, r, attribute)
}

// outputValue is GetAtt of an embedded stack; the text is in docs/aws/cfn.md 1.4.
func (s *stack) outputValue(attribute string) (any, error) {
	name, ok := strings.CutPrefix(attribute, "Outputs.")
	if !ok {
		return nil, invalidf("Resource type %s does not support attribute {%s}.", stackType, attribute)
	}
	for _, o := range s.outputs {
		if str(o.OutputKey) == name {
			return str(o.OutputValue), nil
		}
	}
	return nil, invalidf("Output '%s' not found in stack '%s'", name, s.id)
}

// create runs a stack's first operation. done hears once whether the forward
// part went well; it may be nil.
func (s *stack) create(done func(error)) {
	s.set(types.StackStatusCreateInProgress, "User Initiated")
	s.forward(func(failed []string, why error) {
		if len(failed) == 0 && why == nil {
			s.stable = s.now
			s.clear()
			s.ended(false)
			s.set(types.StackStatusCreateComplete, "")
			notify(done, nil)
			return
		}
		s.createFailed(s.failure(failed, why))
		notify(done, errors.New(strings.TrimSpace(s.failure(failed, why))))
	})
}

func notify(done func(error), err error) {
	if done != nil {
		done(err)
	}
}

func (s *stack) createFailed(reason string) {
	switch {
	case s.onFailure == types.OnFailureDoNothing || s.noRollback:
		s.ended(true)
		s.set(types.StackStatusCreateFailed, reason)
	case s.onFailure == types.OnFailureDelete:
		s.ended(true)
		s.begin(types.OperationTypeDeleteStack, nil)
		s.tearDown(types.StackStatusDeleteInProgress, reason, types.StackStatusDeleteComplete, types.StackStatusDeleteFailed, nil, nil)
	default:
		s.ended(true)
		s.begin(types.OperationTypeRollback, ptr(s.token))
		s.deleted = s.svc.world.Now() // docs/aws/recordings.md cloudformation/api/test_stacks: DeletionTime is there from the rollback on
		s.tearDown(types.StackStatusRollbackInProgress, reason+"Rollback requested by user.", types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, nil, nil)
	}
}

// update takes the stack to a new definition. A held one ends before its
// clean-up; done hears how the forward part ended.
func (s *stack) update(d *definition, hold bool, done func(error)) {
	s.before = slices.Clone(s.outputs)
	s.now, s.hold, s.attempted, s.attemptedOutputs = d, hold, d, nil
	s.invalid = false
	s.updated = s.svc.world.Now()
	s.set(types.StackStatusUpdateInProgress, "User Initiated")
	s.forward(func(failed []string, why error) {
		if len(failed) == 0 && why == nil {
			s.set(types.StackStatusUpdateCompleteCleanupInProgress, "")
			notify(done, nil)
			if !s.hold {
				s.cleanUp(nil)
			}
			return
		}
		reason := s.failure(failed, why)
		s.ended(true)
		if s.noRollback || errors.Is(why, errInvalid) && s.svc.world.Switches.FailedValidation == "fails" {
			s.set(types.StackStatusUpdateFailed, reason)
			notify(done, s.embedded("updated"))
			return
		}
		s.rollBack(types.OperationTypeRollback, reason, nil, func() { notify(done, s.embedded("updated")) })
	})
}

// embedded is what the parent says of a nested stack that failed
// (docs/aws/cfn.md 1.4).
func (s *stack) embedded(did string) error {
	text := "Embedded stack " + s.id + " was not successfully " + did + ". Currently in " + string(s.status)
	if s.reason != "" {
		text += " with reason: " + strings.TrimSpace(s.reason)
	}
	return errors.New(text)
}

// failure is the reason of a stack whose resources failed.
func (s *stack) failure(failed []string, why error) string {
	if errors.Is(why, errCancelled) || errors.Is(why, errInvalid) {
		return ""
	}
	if why != nil {
		return message(why) + " "
	}
	var made, changed []string
	for _, id := range failed {
		if r := s.resources[id]; r != nil && r.status == types.ResourceStatusCreateFailed {
			made = append(made, id)
		} else {
			changed = append(changed, id)
		}
	}
	var b strings.Builder
	if len(made) > 0 {
		b.WriteString("The following resource(s) failed to create: [" + strings.Join(made, ", ") + "]. ")
	}
	if len(changed) > 0 {
		b.WriteString("The following resource(s) failed to update: [" + strings.Join(changed, ", ") + "]. ")
	}
	return b.String()
}

// forward creates and updates the resources of the new definition in the order
// of their dependencies; the first failure cancels the rest.
func (s *stack) forward(done func(failed []string, why error)) {
	c, err := s.scope(s.now)
	if err == nil {
		err = s.validate(c)
	}
	if err == nil {
		err = s.preflight(c)
	}
	if err == nil {
		err = s.hooked(nil)
	}
	if err != nil {
		done(nil, err)
		return
	}
	s.plan = &plan{failFast: true}
	s.plan.finish = func(failed []string) {
		halted := len(failed) == 0 && !s.complete(c)
		s.plan = nil
		switch {
		case halted:
			done(nil, errCancelled)
		case len(failed) > 0:
			done(failed, nil)
		default:
			done(nil, s.publish(c))
		}
	}
	for _, d := range c.resources() {
		s.plan.add(&task{
			id: d.id, deps: d.deps,
			start:  func(end func(error)) { s.apply(c, d, end) },
			cancel: func() { s.cancel(d.id) },
		})
	}
	p := s.plan
	s.svc.world.After(s.svc.Latency, func() {
		if s.plan == p {
			p.run()
		}
	})
}

var errCancelled = errors.New("")

// complete reports whether every task ended well.
func (s *stack) complete(c *scope) bool {
	for _, d := range c.resources() {
		if t := s.plan.tasks[d.id]; t == nil || t.state != succeeded {
			return false
		}
	}
	return true
}

// cancel is what a sibling's failure does to a resource in progress: it counts
// as failed, but not because of itself (docs/aws/cfn.md 1.5).
func (s *stack) cancel(id string) {
	r := s.resources[id]
	if r == nil {
		return
	}
	r.generation++
	if r.past == nil && r.status == types.ResourceStatusCreateInProgress {
		r.set(types.ResourceStatusCreateFailed, "Resource creation cancelled", nil)
	} else {
		r.set(types.ResourceStatusUpdateFailed, "Resource update cancelled", nil)
	}
	if r.child != nil && r.child.plan != nil {
		r.child.plan.halt()
	}
}

// preflight is what AWS finds before it touches a resource
// (docs/aws/recordings.md cloudformation/engine/test_attributes).
func (s *stack) preflight(c *scope) error {
	for _, o := range c.t.outputs {
		if !c.holds(o.condition) {
			continue
		}
		if m, ok := o.value.(object); ok {
			if name, arg, ok := function(m); ok && name == "Fn::GetAtt" {
				id, attribute, _ := getAttArgs(arg)
				d, ok := c.t.resource(id)
				if ok && attribute != "" && !s.svc.kind(d.typ).has(attribute) {
					return errors.New("[Error] /Outputs/" + o.name + "/Value/Fn::GetAtt: Resource type " + d.typ + " does not support attribute {" + attribute + "}.")
				}
			}
		}
	}
	if s.stable == nil && len(s.resources) == 0 {
		return nil
	}
	var denied error
	s.each(func(r *resource) {
		if d, ok := c.t.resource(r.id); (!ok || !c.holds(d.condition)) && r.exists() && denied == nil {
			denied = s.permits("Update:Delete", r)
		}
	})
	if denied != nil {
		return denied
	}
	return s.withdrawn(c)
}

// clear forgets the traces of an update that is over.
func (s *stack) clear() {
	s.each(func(r *resource) {
		r.touched, r.past, r.back, r.rollbackFailed, r.reached = false, nil, false, false, false
	})
	s.garbage, s.rolling, s.duringUpdate = nil, nil, ""
	for _, id := range slices.Sorted(maps.Keys(s.reserved)) { // the operation ended before it needed them
		s.reserved[id].withdraw()
	}
	s.reserved = nil
}
