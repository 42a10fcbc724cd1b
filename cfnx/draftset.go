package cfnx

import (
	"errors"
	"fmt"
	"maps"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// clone is a draft that can be changed without changing this one.
func (d *Draft) clone() *Draft {
	next := *d
	next.current, next.Parameters, next.wants, next.images = maps.Clone(d.current), maps.Clone(d.Parameters), maps.Clone(d.wants), maps.Clone(d.images)
	next.given, next.pinned = maps.Clone(d.given), maps.Clone(d.pinned)
	next.urls, next.authored, next.placed, next.unplaced = maps.Clone(d.urls), maps.Clone(d.authored), maps.Clone(d.placed), maps.Clone(d.unplaced)
	if next.Parameters == nil {
		next.Parameters = map[string]string{}
	}
	return &next
}

// become takes over what was done on a clone.
func (d *Draft) become(next *Draft) {
	d.current, d.Parameters, d.wants, d.images, d.literals = next.current, next.Parameters, next.wants, next.images, next.literals
	d.urls, d.authored, d.placed, d.unplaced, d.given, d.pinned, d.imports = next.urls, next.authored, next.placed, next.unplaced, next.given, next.pinned, next.imports
}

// SetParameter gives a parameter of a stack of the tree another value: in the
// root by the update, in a nested stack where its parent hands it down, through
// Ref, Fn::Sub, Fn::Join, Fn::If and Fn::FindInMap as long as what has to change
// is a text, a parameter or a mapping of the tree. Otherwise it returns a
// *[DraftError] with the place. So it does for a parameter that this draft has
// set to another value already: one parameter cannot have two.
func (d *Draft) SetParameter(s *Stack, name, value string) error {
	if s.parent != nil {
		return d.setExpression(s.parent, s.LogicalID, "Parameters."+name, parameterPath(s, name), value)
	}
	if was, set := d.Parameters[name]; set && was != value && d.given[name] != was {
		return draftError([]Problem{{StackID: s.ID, Stack: s.Name, Property: "Parameter", From: name, To: value,
			Why:     fmt.Sprintf("parameter %s is %q already for something else that reads it", name, was),
			Sources: []template.Source{{Kind: expr.SourceParameter, Name: name}}, Err: ErrConflict}})
	}
	if d.Parameters == nil {
		d.Parameters = map[string]string{}
	}
	d.Parameters[name] = value
	return nil
}

// setExpression changes what the expression at a path comes to: its own text,
// or the one parameter or entry of a mapping that the difference comes from.
func (d *Draft) setExpression(s *Stack, resource, property, path, value string) error {
	fail := func(why string, err error, places ...template.Source) error {
		return draftError([]Problem{{StackID: s.ID, Stack: s.Name, Resource: resource, Property: property, To: value, Why: why, Sources: places, Err: err}})
	}
	r, doc, err := d.renderer(s, 0)
	if err != nil {
		return fmt.Errorf("stack %s: %w", s.Name, err)
	}
	n, _, err := doc.At(r.Root, path)
	if err != nil {
		return fail(err.Error(), template.ErrNoValue)
	}
	at, ok := branchPath(r, n, path)
	if !ok {
		return fail("its condition is not known", template.ErrElsewhere, template.Source{Kind: expr.SourceCondition, Path: at})
	}
	path = at
	p, err := template.SetText(d.current[s.ID], template.Value{Path: path, Value: value}, func(o *template.Options) {
		*o = d.findOptions(s)
		o.Original = true
	})
	if t, ok := errors.AsType[*template.Error](err); ok {
		return fail(t.Error(), t)
	}
	if err != nil {
		return fmt.Errorf("stack %s: %w", s.Name, err)
	}
	if len(p.Unpatched) == 0 {
		d.current[s.ID] = p.Template
		return nil
	}
	places := p.Unpatched[0].Sources
	set, err := d.setPlace(s, places)
	if !set {
		return fail(template.ErrElsewhere.Error(), template.ErrElsewhere, places...)
	}
	return err
}

// branchPath follows Fn::If to the branch that counts; ok is false where its
// condition is not known.
func branchPath(r *expr.Renderer, n *tree.Node, path string) (at string, ok bool) {
	e := expr.At(n)
	for range expr.MaxDepth {
		fn, arg := e.Call()
		args := arg.Exactly(3)
		if fn != "Fn::If" || args == nil {
			return path, true
		}
		c, known := r.Condition(args[0].Value).(bool)
		if !known {
			return path, false
		}
		branch := 2
		if c {
			branch = 1
		}
		e, path = args[branch], fmt.Sprintf("%s/Fn::If/%d", path, branch)
	}
	return path, false
}

// setPlace changes the one place that is all of a difference, where that is in
// the tree, and reports whether there was one.
func (d *Draft) setPlace(s *Stack, places []template.Source) (bool, error) {
	for _, p := range places {
		if p.Value == "" {
			continue
		}
		switch p.Kind {
		case expr.SourceParameter:
			if p.Refused != "" {
				return true, draftError([]Problem{{StackID: s.ID, Stack: s.Name, Property: "Parameter", From: p.Name, To: p.Value, Sources: []template.Source{p},
					Why: "parameter " + p.Name + " does not take " + p.Value + ": " + p.Refused, Err: template.ErrBadValue}})
			}
			return true, d.SetParameter(s, p.Name, p.Value)
		case expr.SourceMapping:
			_, err := d.Set(s, template.Value{Path: p.Path, Value: p.Value})
			if e, ok := errors.AsType[*template.Error](err); ok {
				return true, draftError([]Problem{{StackID: s.ID, Stack: s.Name, Property: "Mapping", To: p.Value, Sources: []template.Source{p}, Why: e.Error(), Err: e.Err}})
			}
			return true, err
		}
	}
	return false, nil
}
