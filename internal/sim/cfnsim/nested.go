package cfnsim

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const stackType = "AWS::CloudFormation::Stack"

// childDefinition reads a nested stack's definition out of the properties of
// the parent's resource.
func (s *stack) childDefinition(props object, previous *definition) (*definition, error) {
	d := &definition{url: text(props["TemplateURL"]), capabilities: s.now.capabilities, role: s.now.role}
	ctx := context.Background()
	if previous != nil && previous.url == d.url && s.svc.world.Switches.SameTemplateURL != "fetched-again" {
		d.t = previous.t
	} else {
		body, err := s.svc.fetch(ctx, d.url)
		if err != nil {
			return nil, err
		}
		if d.t, err = readTemplate(body); err != nil {
			return nil, err
		}
	}
	var sent []types.Parameter
	given, _ := props["Parameters"].(object)
	for _, k := range sorted(given) {
		sent = append(sent, types.Parameter{ParameterKey: ptr(k), ParameterValue: ptr(text(given[k]))})
	}
	var err error
	if d.arguments, err = s.svc.arguments(ctx, d.t, sent, nil); err != nil {
		return nil, err
	}
	d.tags = tagsOf(props["Tags"])
	for _, t := range s.now.tags { // the root's tags reach every nested stack
		d.tags = appendTag(d.tags, t)
	}
	if l, ok := props["NotificationARNs"].([]any); ok {
		for _, v := range l {
			d.notices = append(d.notices, text(v))
		}
	}
	return d, nil
}

func tagsOf(v any) []types.Tag {
	l, _ := v.([]any)
	var tags []types.Tag
	for _, e := range l {
		if m, ok := e.(object); ok {
			tags = append(tags, types.Tag{Key: ptr(text(m["Key"])), Value: ptr(text(m["Value"]))})
		}
	}
	return tags
}

func appendTag(tags []types.Tag, t types.Tag) []types.Tag {
	for _, o := range tags {
		if str(o.Key) == str(t.Key) {
			return tags
		}
	}
	return append(tags, t)
}

// makeChild creates a nested stack, named <Parent>-<LogicalId>-<13>
// (docs/aws/cfn.md 1.4).
func (s *stack) makeChild(r *resource, props object, started func(string), ended func(error)) {
	d, err := s.childDefinition(props, nil)
	if err == nil {
		c := &scope{ctx: context.Background(), svc: s.svc, t: d.t, arguments: d.arguments}
		if err = c.decide(); err == nil {
			err = c.checkLive()
		}
	}
	if reason, due := s.svc.scripted(s, r.id, simtype.OnCreate, BeforeHandler); due && err == nil {
		err = errors.New(reason)
	}
	if err == nil {
		err = s.hooked(r)
	}
	if err != nil {
		s.svc.world.After(s.svc.Latency, func() { ended(err) })
		return
	}
	child := s.reservedOrNew(r, d)
	child.noRollback, child.dropNew, child.onFailure = s.noRollback, s.dropNew, s.onFailure
	child.begin(types.OperationTypeCreateStack, ptr(s.token))
	r.child = child
	started(child.id)
	g := r.generation
	child.create(func(err error) {
		if r.generation != g {
			return
		}
		if err != nil {
			err = errors.New("Embedded stack " + child.id + " was not successfully created: " + err.Error())
		} else if reason, due := s.svc.scripted(s, r.id, simtype.OnCreate, AfterHandler); due {
			err = errors.New(reason)
		}
		ended(err)
	})
}

// childName keeps generated names within the 128 characters of a stack's name.
func childName(parent, id string) string {
	name := parent + "-" + id
	return strings.TrimRight(name[:min(len(name), 128-14)], "-")
}

// changeChild updates a nested stack; one without differences is left alone,
// and its parent's resource is updated all the same.
func (s *stack) changeChild(r *resource, props object, ended func(error)) {
	child := r.child
	g := r.generation
	end := func(err error) {
		if r.generation == g {
			ended(err)
		}
	}
	d, err := s.childDefinition(props, child.now)
	if reason, due := s.svc.scripted(s, r.id, simtype.OnUpdate, BeforeHandler); due && err == nil {
		err = errors.New(reason)
	}
	if err == nil {
		err = s.hooked(r)
	}
	alone := child.status == types.StackStatusUpdateRollbackFailed
	if alone && err == nil && s.svc.world.Switches.ChildLockedAlone == "not-visited" && same(r.base(), props) {
		s.svc.world.After(s.svc.Latency, func() { end(nil) })
		return
	}
	if err == nil && !child.updatable(s.noRollback) {
		err = cannotUpdate(child)
		// Drawn in, it is part of the root's rollback.
		r.reached = r.reached || alone && s.svc.world.Switches.ChildLockedAlone == "draws-in"
	}
	unchanged := false
	if err == nil {
		unchanged, err = child.sameAs(d)
	}
	if err != nil || unchanged {
		s.svc.world.After(s.svc.Latency, func() {
			if err == nil {
				r.sent = props
			}
			end(err)
		})
		return
	}
	r.sent, r.reached = props, true
	child.noRollback, child.dropNew = s.noRollback, s.dropNew
	child.begin(types.OperationTypeUpdateStack, ptr(s.token))
	child.update(d, true, func(err error) {
		if err == nil {
			if reason, due := s.svc.scripted(s, r.id, simtype.OnUpdate, AfterHandler); due {
				err = errors.New(reason)
			}
		}
		end(err)
	})
}

// revertChild makes a nested stack go back with its parent, or joins the
// rollback that its own failure began.
func (s *stack) revertChild(r *resource, done func(error)) {
	child := r.child
	if reason, due := s.svc.scripted(s, r.id, simtype.OnRollback, BeforeHandler); due {
		s.svc.world.After(s.svc.Latency, func() { done(errors.New(reason)) })
		return
	}
	if !r.reached {
		done(nil)
		return
	}
	join := func() {
		child.waiters = append(child.waiters, func() { s.joined(r, done) })
	}
	progress := func() { r.set(types.ResourceStatusUpdateInProgress, "", r.past.record) }
	switch child.status {
	case types.StackStatusUpdateRollbackInProgress:
		progress()
		join()
	case types.StackStatusUpdateCompleteCleanupInProgress, types.StackStatusUpdateFailed:
		progress()
		child.token = s.token
		child.rollBack(types.OperationTypeRollback, "", s.rolling, join)
	case types.StackStatusUpdateRollbackFailed:
		if s.rolling == nil || !s.rolling.continued {
			done(child.embedded("updated"))
			return
		}
		progress()
		child.hold, child.token = true, s.token
		child.rollBack(types.OperationTypeContinueRollback, "", s.rolling, join)
	case types.StackStatusUpdateInProgress:
		done(errStillRolling)
	default:
		done(nil)
	}
}

// joined hears that the nested stack came to rest.
func (s *stack) joined(r *resource, done func(error)) {
	switch r.child.status {
	case types.StackStatusUpdateRollbackComplete, types.StackStatusUpdateRollbackCompleteCleanupInProgress:
		r.sent = r.past.record
		done(nil)
	default:
		done(r.child.embedded("updated"))
	}
}

// deleteChild deletes a nested stack, after whatever it is doing.
func (s *stack) deleteChild(done func(error)) {
	var start func()
	start = func() {
		switch {
		case s.cleaningUp:
			s.waiters = append(s.waiters, start)
			return
		case !s.live():
			done(nil)
			return
		}
		s.begin(types.OperationTypeDeleteStack, nil)
		s.tearDown(types.StackStatusDeleteInProgress, "", types.StackStatusDeleteComplete, types.StackStatusDeleteFailed, nil, func(err error) {
			if err != nil {
				err = errors.New("Stack " + s.id + " failed to delete: " + err.Error())
			}
			done(err)
		})
	}
	if settled(s.status) {
		start()
		return
	}
	s.waiters = append(s.waiters, start)
}
