package cfnx

import (
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Carry keeps a property as it is in reality, where the template would set it
// back: the DesiredCount of a service that was scaled. It changes the text in
// the template, or the value of the parameter that the property reads, and
// reports whether something had to be changed. A property that the template
// does not set is left alone; one that is another expression is an error,
// because the update would reset it.
func (d *Draft) Carry(s *Stack, logicalID, property, live string) (changed bool, err error) {
	path := "/Resources/" + tree.Escape(logicalID) + "/Properties/" + tree.Escape(property)
	doc, err := tree.Parse(d.current[s.ID], tree.Limits{Bytes: maxTemplateBytes, Depth: maxDepth})
	if err != nil {
		return false, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	n, _, err := doc.At(doc.Roots[0], path)
	if errors.Is(err, tree.ErrNoNode) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	e := exprAt(n)
	fn, arg := e.call()
	switch {
	case fn == "" && e.Kind == tree.Scalar:
		if e.Value == live {
			return false, nil
		}
		_, err = d.Set(s, TemplateValue{Path: path, Value: live})
		return err == nil, err
	case fn == "Ref":
		for _, p := range s.Parameters {
			if p.Key != arg.Value {
				continue
			}
			if p.Value == live {
				return false, nil
			}
			err = d.SetParameter(s, p.Key, live)
			return err == nil, err
		}
	}
	return false, fmt.Errorf("stack %s: %s of %s is an expression, and the update would set it back from %s", s.Name, property, logicalID, live)
}
