package cfnsim

import (
	"errors"
	"maps"
	"time"

	"github.com/aws/smithy-go"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const (
	creationInitiated = "Resource creation Initiated"
	needsReplacement  = "Requested update requires the creation of a new physical resource; hence creating one."
)

// apply brings one resource to the new definition.
func (s *stack) apply(c *scope, d declaration, done func(error)) {
	r := s.resource(d)
	props, err := c.properties(d)
	d = c.withMetadata(d)
	if !r.touched {
		r.past = nil
		if r.exists() {
			past := r.incarnation
			r.past = &past
		}
	}
	if err != nil {
		r.touched = true
		s.refuse(r, d, nil, err, done)
		return
	}
	k := s.svc.kind(d.typ)
	if !r.exists() {
		s.make(c, r, d, props, types.ResourceStatusCreateInProgress, "", done)
		return
	}
	diff := changed(r.base(), props)
	if d.typ == r.typ && len(diff) == 0 && d.typ != stackType {
		r.decl = d
		done(nil)
		return
	}
	r.touched = true
	replace := d.typ != r.typ || k.replaces(diff)
	action := "Update:Modify"
	if replace {
		action = "Update:Replace"
	}
	if err := s.permits(action, r); err != nil {
		s.refuse(r, d, props, err, done)
		return
	}
	switch {
	case replace && s.noRollback && s.svc.world.Switches.DisableRollbackReplacement == "refused":
		// https://github.com/aws/aws-cdk/issues/30546
		s.refuse(r, d, props, reason("Replacement type updates not supported on stack with disable-rollback."), done)
	case replace:
		s.garbage = append(s.garbage, discarded{r, r.incarnation, true})
		s.make(c, r, d, props, types.ResourceStatusUpdateInProgress, needsReplacement, done)
	default:
		s.change(c, r, d, props, done)
	}
}

// refuse fails a resource that was not begun.
func (s *stack) refuse(r *resource, d declaration, props object, err error, done func(error)) {
	status := types.ResourceStatusUpdateFailed
	if !r.exists() {
		status = types.ResourceStatusCreateFailed
		r.typ = d.typ
	}
	r.set(status, message(err), props)
	done(err)
}

// make creates a physical resource, the first or a replacement.
func (s *stack) make(c *scope, r *resource, d declaration, props object, status types.ResourceStatus, reason string, done func(error)) {
	r.touched = true
	if !r.exists() && r.physical != "" {
		// Its creation failed and was not rolled back: the next operation deletes
		// what is there (docs/aws/cfn.md 8.3).
		s.garbage = append(s.garbage, discarded{r, r.incarnation, true})
		r.physical, r.child = "", nil
	}
	r.set(status, reason, props)
	r.typ = d.typ
	fail := types.ResourceStatusCreateFailed
	ok := types.ResourceStatusCreateComplete
	if status == types.ResourceStatusUpdateInProgress {
		fail, ok = types.ResourceStatusUpdateFailed, types.ResourceStatusUpdateComplete
	}
	ended := func(err error) {
		if err != nil {
			r.set(fail, message(err), blank(err, props))
			done(err)
			return
		}
		r.record, r.decl, r.skipped = props, d, false
		r.drift, r.drifted, r.vanished = "", nil, false
		r.set(ok, "", props)
		done(nil)
	}
	started := func(physical string) {
		r.incarnation = incarnation{typ: d.typ, physical: physical, sent: props, record: r.record, attributes: r.attributes, child: r.child, decl: d}
		r.reached = true
		r.set(status, creationInitiated, props)
	}
	if d.typ == stackType {
		s.makeChild(r, props, started, ended)
		return
	}
	k := s.svc.kind(d.typ)
	s.handle(r, k.created, func(call *call) error {
		call.tags = s.now.tags
		return k.make(call)
	}, c, nil, props, simtype.OnCreate, func(call *call) {
		r.attributes = call.attributes
		started(call.physical)
		r.given = call.new
	}, ended)
}

// change updates a resource in place.
func (s *stack) change(c *scope, r *resource, d declaration, props object, done func(error)) {
	ended := func(err error) {
		if err != nil {
			r.set(types.ResourceStatusUpdateFailed, message(err), blank(err, props))
			done(err)
			return
		}
		r.record, r.decl, r.skipped = props, d, false
		r.drift, r.drifted = "", nil
		r.set(types.ResourceStatusUpdateComplete, "", props)
		done(nil)
	}
	r.set(types.ResourceStatusUpdateInProgress, "", props)
	if d.typ == stackType {
		s.changeChild(r, props, ended)
		return
	}
	k := s.svc.kind(d.typ)
	old := r.base()
	s.handle(r, k.changed, k.change, c, old, props, simtype.OnUpdate, func(call *call) {
		r.sent, r.given, r.reached = props, call.new, true
	}, ended)
}

// handle calls a resource's handler after a moment, then waits until the
// resource has settled. begun hears that the handler accepted the request.
func (s *stack) handle(r *resource, takes time.Duration, fn func(*call) error, c *scope, old, props object, phase simtype.Phase, begun func(*call), done func(error)) {
	r.generation++
	g := r.generation
	r.token = s.svc.world.UUID()
	call := &call{ctx: c.ctx, svc: s.svc, st: s, id: r.id, typ: r.typ, old: old, physical: r.physical, attributes: maps.Clone(r.attributes), token: r.token}
	s.svc.world.After(s.svc.Latency, func() {
		if r.generation != g {
			return
		}
		if err := call.resolve(c, old, props); err != nil {
			done(err)
			return
		}
		if phase == simtype.OnCreate || phase == simtype.OnUpdate {
			if err := s.hooked(r); err != nil {
				done(err)
				return
			}
		}
		if phase == simtype.OnRollback && r.past != nil && r.past.given != nil && same(props, r.past.record) && s.svc.world.Switches.DynamicAtRollback == "recorded" {
			call.new = r.past.given
		}
		if reason, due := s.svc.scripted(s, r.id, phase, BeforeHandler); due {
			// CloudFormation does not know how far a handler got: a rollback asks it
			// to go back all the same.
			r.reached = r.reached || phase == simtype.OnUpdate
			done(errors.New(reason))
			return
		}
		var err error
		s.svc.world.As(s.actor(r.id, phase), func() { err = fn(call) })
		if err != nil {
			done(call.wrap(err))
			return
		}
		begun(call)
		r.attributes = call.attributes
		s.wait(r, g, call, s.svc.duration(r.typ, phase, takes), phase, done)
	})
}

// wait ends a handler's work: after its duration, or when it says so itself.
func (s *stack) wait(r *resource, g int, call *call, takes time.Duration, phase simtype.Phase, done func(error)) {
	k := s.svc.kind(r.typ)
	start, patience := s.svc.world.Now(), s.svc.patience(call)
	var poll func()
	end := func() {
		if r.generation != g {
			return
		}
		if reason, due := s.svc.scripted(s, r.id, phase, AfterHandler); due {
			done(errors.New(reason))
			return
		}
		done(nil)
	}
	if s.svc.hangs(s, r.id, phase) {
		s.svc.world.After(patience, func() {
			if r.generation == g {
				done(call.wrap(errStabilize))
			}
		})
		return
	}
	if k.settled == nil || phase == simtype.OnDelete {
		s.svc.world.After(takes, end)
		return
	}
	poll = func() {
		if r.generation != g {
			return
		}
		over, err := k.settled(call)
		switch {
		case err != nil:
			done(call.wrap(err))
		case over:
			end()
		case s.svc.world.Now().Sub(start) >= patience:
			done(call.wrap(errStabilize))
		default:
			s.svc.world.After(s.svc.Poll, poll)
		}
	}
	s.svc.world.After(s.svc.Poll, poll)
}

// actor is how the record names CloudFormation at work on a resource.
func (s *stack) actor(id string, phase simtype.Phase) string {
	return "cloudformation " + s.name + "." + id + " " + string(phase)
}

// patience is how long a handler waits for its resource to settle: three hours
// for an ECS service's rolling update, as observed in 2021, or the 36 hours that
// its schema says (docs/aws/cfn.md 8.1).
func (s *Service) patience(c *call) time.Duration {
	cfg, _ := c.new["DeploymentConfiguration"].(object)
	strategy := text(cfg["Strategy"])
	if c.typ == waitConditionType {
		return max(s.Stabilization, c.waits()+time.Minute)
	}
	if c.typ == serviceType && (strategy != "" && strategy != "ROLLING" || s.world.Switches.RollingTimeout == "36h") {
		return 36 * time.Hour
	}
	return s.Stabilization
}

// The text is AWS's (docs/aws/cfn.md 8.1).
var errStabilize = handlerError{"NotStabilized", "Exceeded attempts to wait"}

// blank are the properties in the event of a failure; after a failed hook there
// are none (docs/aws/cfn.md 8.9).
func blank(err error, props object) object {
	if _, hook := errors.AsType[hookFailure](err); hook {
		return object{}
	}
	return props
}

// message is an error's text as a status reason.
func message(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorMessage()
	}
	return err.Error()
}
