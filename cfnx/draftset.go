package cfnx

import (
	"errors"
	"fmt"
	"maps"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// clone is a draft that can be changed without changing this one.
func (d *Draft) clone() *Draft {
	next := *d
	next.current, next.Parameters = maps.Clone(d.current), maps.Clone(d.Parameters)
	if next.Parameters == nil {
		next.Parameters = map[string]string{}
	}
	return &next
}

// become takes over what was done on a clone.
func (d *Draft) become(next *Draft) { d.current, d.Parameters = next.current, next.Parameters }

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
	if was, set := d.Parameters[name]; set && was != value {
		return draftError([]Problem{{StackID: s.ID, Stack: s.Name, Property: "Parameter", From: name, To: value,
			Why:    fmt.Sprintf("parameter %s is %q already for something else that reads it", name, was),
			Places: []Place{{In: PlaceParameter, Name: name}}, Err: ErrConflict}})
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
	fail := func(why string, err error, places ...Place) error {
		return draftError([]Problem{{StackID: s.ID, Stack: s.Name, Resource: resource, Property: property, To: value, Why: why, Places: places, Err: err}})
	}
	f, err := newImageFinder(d.current[s.ID], d.findOptions(s))
	if err != nil {
		return fmt.Errorf("stack %s: %w", s.Name, err)
	}
	f.walk()
	n, _, err := f.doc.At(f.root, path)
	if err != nil {
		return fail(templateError(path, err).Error(), ErrNoValue)
	}
	r, _, err := d.renderer(s, 0)
	if err != nil {
		return fmt.Errorf("stack %s: %w", s.Name, err)
	}
	e := exprAt(n)
	for range 20 {
		fn, arg := e.call()
		args := arg.exactly(3)
		if fn != "Fn::If" || args == nil {
			break
		}
		c, known := r.condition(args[0].Value).(bool)
		if !known {
			return fail("condition "+args[0].Value+" is not known", ErrElsewhere, Place{In: PlaceCondition, Name: args[0].Value, Path: path})
		}
		branch := 2
		if c {
			branch = 1
		}
		e, path = args[branch], fmt.Sprintf("%s/Fn::If/%d", path, branch)
	}
	if fn, _ := e.call(); fn == "" && e.Kind == tree.Scalar {
		_, err := d.Set(s, TemplateValue{Path: path, Value: value})
		return err
	}
	ps := f.parts(e, path)
	if ps.known() && ps.text() == value {
		return nil
	}
	edit, places := ps.align(value)
	switch {
	case edit != nil:
		te, err := f.doc.ReplaceText(edit.scalar, edit.from, edit.to, edit.text)
		if err == nil && f.doc.Shared(edit.scalar) {
			return fail(ErrShared.Error(), ErrShared)
		}
		if err != nil {
			return fail(templateError(path, err).Error(), ErrUnspliceable)
		}
		next, err := f.splice(d.current[s.ID], []tree.Edit{te})
		if err != nil {
			return fmt.Errorf("stack %s: %w", s.Name, err)
		}
		d.current[s.ID] = next
		return nil
	case ps.onlyText():
		_, err := d.Set(s, TemplateValue{Path: path, Value: value})
		return err
	}
	set, err := d.setPlace(s, places)
	if !set {
		return fail(ErrElsewhere.Error(), ErrElsewhere, places...)
	}
	return err
}

// setPlace changes the one place that is all of a difference, where that is in
// the tree, and reports whether there was one.
func (d *Draft) setPlace(s *Stack, places []Place) (bool, error) {
	for _, p := range places {
		if p.Value == "" {
			continue
		}
		switch p.In {
		case PlaceParameter:
			return true, d.SetParameter(s, p.Name, p.Value)
		case PlaceMapping:
			_, err := d.Set(s, TemplateValue{Path: p.Path, Value: p.Value})
			if e, ok := errors.AsType[*TemplateError](err); ok {
				return true, draftError([]Problem{{StackID: s.ID, Stack: s.Name, Property: "Mapping", To: p.Value, Places: []Place{p}, Why: e.Error(), Err: e.Err}})
			}
			return true, err
		}
	}
	return false, nil
}
