package cfnx

import (
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// Carry keeps a property as it is in reality, where the template would set it
// back: the DesiredCount of a service that was scaled. It changes the text in
// the template, the branch of an Fn::If that counts, or the parameter or entry
// of a mapping that the property reads, else it writes the value in the place of
// the expression (see [Draft.Literals]), and reports whether something had to be
// changed. A property that the template does not set is left alone.
//
// It returns a *[DraftError], and leaves the draft as it was, if the update
// would set the property back and that cannot be changed from here. One parameter or entry of a mapping that
// feeds two properties that want different values is [ErrConflict].
func (d *Draft) Carry(s *Stack, logicalID, property, live string) (changed bool, err error) {
	path := propertyPath(logicalID, property)
	r, doc, err := d.renderer(s, 0)
	if err != nil {
		return false, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	problem := Problem{StackID: s.ID, Stack: s.Name, Resource: logicalID, Property: property, To: live}
	fail := func(why string, err error, places ...template.Source) error {
		x := problem
		x.Why, x.Err, x.Sources = why, err, places
		return draftError([]Problem{x})
	}
	n, _, err := doc.At(r.Root, path)
	if errors.Is(err, tree.ErrNoNode) {
		return false, nil
	}
	if err != nil {
		return false, fail(err.Error(), err)
	}
	keep := func(d *Draft) ([]Problem, error) {
		r, doc, err := d.renderer(s, 0)
		if err != nil {
			return nil, fmt.Errorf("stack %s: %w", s.Name, err)
		}
		if n, _, err := doc.At(r.Root, path); err == nil && r.Value(n) == live {
			return nil, nil
		}
		x := problem
		x.Why, x.Err = "what was asked for another resource would set it back", ErrConflict
		return []Problem{x}, nil
	}
	next := d.clone()
	switch v := r.Value(n).(type) {
	case string:
		if v == live {
			d.want(s.ID+path, keep)
			return false, nil
		}
		problem.From = v
		err = next.setExpression(s, logicalID, property, path, live)
	case expr.Nothing:
		return false, nil
	case expr.Unknown:
		err = fail("what the update would set it to is not known: "+v.Why, template.ErrUnresolved, sourceOf(v))
	default:
		err = fail("what the update would set it to is not known", template.ErrUnresolved)
	}
	// One parameter with two wishes is for the operator to settle; what cannot be
	// changed where it comes from is written where it is read.
	if e, ok := errors.AsType[*DraftError](err); ok && !errors.Is(err, ErrConflict) {
		at, known := branchPath(r, n, path)
		if x := (Difference{Resource: logicalID, Property: property, Sources: e.Problems[0].Sources}); known && next.writeLiteral(s, at, live, x) {
			err = nil
		}
	}
	if e, ok := errors.AsType[*DraftError](err); ok {
		for i := range e.Problems {
			x := &e.Problems[i]
			x.Resource, x.Property, x.From, x.To = logicalID, property, problem.From, live
		}
	}
	if err != nil {
		return false, err
	}
	// What was changed must count: read it anew.
	r, doc, err = next.renderer(s, 0)
	if err != nil {
		return false, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	if n, _, err = doc.At(r.Root, path); err != nil || r.Value(n) != live {
		return false, fail("it would still be set back", template.ErrElsewhere)
	}
	next.want(s.ID+path, keep)
	if err := next.conflicts(); err != nil {
		return false, err
	}
	d.become(next)
	return true, nil
}
