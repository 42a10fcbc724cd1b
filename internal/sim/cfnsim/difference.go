package cfnsim

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// difference is what an update would do to one resource.
type difference struct {
	id, typ       string
	action        types.ChangeAction
	physical      string
	names         []string // of the changed properties
	before, after object
	replaced      types.Replacement
	scope         []types.ResourceAttribute
	decl          declaration
	old           declaration
	child         *stack
	// automatic says that a nested stack is updated only because its template
	// might have changed.
	automatic bool
	// dynamic are the properties that read an attribute of a resource that is
	// updated in place: they might change, too.
	dynamic []string
}

// certain reports whether the resource changes for sure.
func (f difference) certain() bool {
	return f.action != types.ChangeActionModify || f.automatic || len(f.scope) > 0 || f.typ != f.old.typ
}

// differences compares a definition with the stack: what is recorded for the
// resources, not what they are.
func (s *stack) differences(d *definition) ([]difference, error) {
	c := &scope{ctx: context.Background(), svc: s.svc, stackID: s.id, stackName: s.name, noticeARNs: d.notices, t: d.t, arguments: d.arguments}
	if err := c.decide(); err != nil {
		return nil, err
	}
	found := map[string]difference{}
	c.ref = func(id string) (any, error) {
		r := s.resources[id]
		if f, ok := found[id]; ok && (f.action == types.ChangeActionAdd || f.replaced == types.ReplacementTrue) || r == nil || !r.exists() {
			return unknown{id}, nil
		}
		return r.physical, nil
	}
	c.att = func(id, attribute string) (any, error) {
		r, f := s.resources[id], found[id]
		if r == nil || !r.exists() || f.action == types.ChangeActionAdd || f.replaced == types.ReplacementTrue {
			return unknown{id}, nil
		}
		// The present value, even where the resource is about to be updated
		// (docs/aws/recordings.md cloudformation/test_change_set_fn_get_attr).
		v, err := s.attOf(id, attribute)
		falsely := r.child != nil && f.action != "" && s.svc.world.Switches.NestedChangeSets == "false-replacement"
		if err != nil || falsely {
			return unknown{id}, nil //nolint:nilerr // an attribute that is missing fails the update
		}
		return v, nil
	}
	var out []difference
	for _, decl := range ordered(c.resources()) {
		props, err := c.properties(decl)
		if err != nil {
			return nil, err
		}
		if f, ok := s.difference(c.withMetadata(decl), props); ok {
			found[decl.id] = f
			out = append(out, f)
		}
	}
	out = s.dynamics(c, out)
	s.each(func(r *resource) {
		decl, declared := d.t.resource(r.id)
		if r.exists() && (!declared || !c.holds(decl.condition)) {
			out = append(out, difference{id: r.id, typ: r.typ, action: types.ChangeActionRemove, physical: r.physical, before: s.removed(r), old: r.decl, child: r.child})
		}
	})
	slices.SortFunc(out, func(a, b difference) int { return compare(a.id, b.id) })
	return out, nil
}

// dynamics adds what might change along with other resources: AWS lists a
// reader of an attribute of an updated resource, and its readers in turn, when
// the change set is described without values
// (docs/aws/recordings.md cloudformation/test_change_set_fn_get_attr).
func (s *stack) dynamics(c *scope, out []difference) []difference {
	at := map[string]int{}
	for i, f := range out {
		at[f.id] = i
	}
	for _, decl := range ordered(c.resources()) {
		r := s.resources[decl.id]
		if r == nil || !r.exists() {
			continue
		}
		var names []string
		for _, n := range sorted(decl.properties) {
			visitAttributes(decl.properties[n], func(id, _ string) {
				i, ok := at[id]
				if ok && out[i].action == types.ChangeActionModify && out[i].replaced != types.ReplacementTrue && !slices.Contains(names, n) {
					names = append(names, n)
				}
			})
		}
		if len(names) == 0 {
			continue
		}
		i, ok := at[decl.id]
		if !ok {
			i = len(out)
			at[decl.id] = i
			out = append(out, difference{
				id: decl.id, typ: decl.typ, decl: decl, old: r.decl, action: types.ChangeActionModify, physical: r.physical,
				before: r.record, after: r.record, replaced: types.ReplacementFalse, child: r.child,
			})
		}
		for _, n := range names {
			if !slices.Contains(out[i].names, n) {
				out[i].dynamic = append(out[i].dynamic, n)
			}
		}
	}
	return out
}

// removed are the properties of a resource that leaves, with what it reads of
// others not listed (docs/aws/recordings.md cloudformation/test_change_set_values).
func (s *stack) removed(r *resource) object {
	c, err := s.scope(s.now)
	if err != nil {
		return r.record
	}
	hide := func(id string) (any, error) { return unknown{id}, nil }
	c.ref, c.att = hide, func(id, _ string) (any, error) { return hide(id) }
	props, err := c.properties(r.decl)
	if err != nil {
		return r.record
	}
	return props
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (s *stack) difference(decl declaration, props object) (difference, bool) {
	f := difference{id: decl.id, typ: decl.typ, decl: decl, after: props}
	r := s.resources[decl.id]
	if r == nil || !r.exists() {
		f.action = types.ChangeActionAdd
		return f, true
	}
	f.action, f.physical, f.before, f.old, f.child = types.ChangeActionModify, r.physical, r.record, r.decl, r.child
	f.names = changed(r.base(), props)
	f.replaced = types.ReplacementFalse
	if decl.typ != r.typ || s.svc.kind(decl.typ).replaces(f.names) {
		f.replaced = types.ReplacementTrue
	}
	if len(f.names) > 0 {
		f.scope = append(f.scope, types.ResourceAttributeProperties)
	}
	if !same(decl.metadata, r.decl.metadata) {
		f.scope = append(f.scope, types.ResourceAttributeMetadata)
	}
	if decl.deletionPolicy != r.decl.deletionPolicy {
		f.scope = append(f.scope, types.ResourceAttributeDeletionPolicy)
	}
	if decl.updatePolicy != r.decl.updatePolicy {
		f.scope = append(f.scope, types.ResourceAttributeUpdateReplacePolicy)
	}
	if len(f.scope) == 0 && decl.typ == stackType {
		f.automatic = true
		return f, true
	}
	return f, len(f.scope) > 0 || decl.typ != r.typ
}

// ordered puts resources after those they depend on.
func ordered(all []declaration) []declaration {
	var out []declaration
	done := map[string]bool{}
	left := map[string]bool{}
	for _, d := range all {
		left[d.id] = true
	}
	for len(out) < len(all) {
		n := len(out)
		for _, d := range all {
			if !done[d.id] && !slices.ContainsFunc(d.deps, func(id string) bool { return left[id] && !done[id] && id != d.id }) {
				done[d.id] = true
				out = append(out, d)
			}
		}
		if n == len(out) {
			return out // a cycle was refused before
		}
	}
	return out
}

// sameAs reports whether an update to d would change nothing. A nested stack
// may always have changed: its template is fetched again
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html,
// Automatic), unless simtype.Switches.SameTemplateURL says otherwise.
func (s *stack) sameAs(d *definition) (bool, error) {
	diff, err := s.differences(d)
	if err != nil {
		return false, err
	}
	fetched := s.svc.world.Switches.SameTemplateURL == "fetched-again"
	for _, f := range diff {
		if f.certain() && (!f.automatic || fetched) {
			return false, nil
		}
	}
	return !s.otherwise(d), nil
}

// otherwise reports changes that are not of resources: outputs, tags,
// notifications (docs/aws/cfn.md 1.7: outputs count today).
func (s *stack) otherwise(d *definition) bool {
	return signature(s.now) != signature(d)
}

func signature(d *definition) string {
	if d == nil || d.t == nil {
		return ""
	}
	outs := []any{}
	for _, o := range d.t.outputs {
		outs = append(outs, []any{o.name, o.description, o.condition, o.value, o.export, argumentsOf(d, o)})
	}
	tags := []any{}
	for _, t := range d.tags {
		tags = append(tags, []any{str(t.Key), str(t.Value)})
	}
	b, err := json.Marshal([]any{outs, tags, d.notices, d.t.description, str(d.role)})
	if err != nil {
		return ""
	}
	return string(b)
}

// argumentsOf are the parameters that an output reads, with their values.
func argumentsOf(d *definition, o outputDecl) []any {
	var out []any
	names := append(references(o.value), references(o.export)...)
	for _, a := range d.arguments {
		if slices.Contains(names, a.name) {
			out = append(out, a.name, text(a.get()))
		}
	}
	return out
}
