package cfnx

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Declared is what the template of a stack says of one property of a resource.
type Declared struct {
	// Set says that the template sets the property.
	Set bool
	// Known says that Value is the property's value: a text, or a parameter
	// whose value the stack shows.
	Known bool
	Value string
	// Resource is the logical id of the resource of the same stack that the
	// property refers to, by Ref or Fn::GetAtt; "" where it refers to none.
	Resource string
}

// Declared reads a property of a resource in the stack's template. It is pure.
// It returns an error if the stack's template was not read, cannot be parsed,
// or does not have the resource.
func (s *Stack) Declared(logicalID, property string) (Declared, error) {
	var d Declared
	if len(s.Template) == 0 {
		return d, fmt.Errorf("stack %s: template was not read", s.Name)
	}
	doc, err := tree.Parse(s.Template, tree.Limits{Bytes: maxTemplateBytes, Depth: maxDepth})
	if err != nil {
		return d, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	resource := "/Resources/" + tree.Escape(logicalID)
	if _, _, err := doc.At(doc.Roots[0], resource); err != nil {
		return d, fmt.Errorf("stack %s: resource %s is not in the template: %w", s.Name, logicalID, err)
	}
	n, _, err := doc.At(doc.Roots[0], resource+"/Properties/"+tree.Escape(property))
	if errors.Is(err, tree.ErrNoNode) {
		return d, nil
	}
	if err != nil {
		return d, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	e := exprAt(n)
	if e.noValue() {
		return d, nil
	}
	d.Set = true
	fn, arg := e.call()
	switch fn {
	case "":
		d.Value, d.Known = e.text()
	case "Ref":
		target, _ := arg.text()
		for _, p := range s.Parameters {
			if p.Key == target && p.Value != "****" {
				d.Value, d.Known = cmp.Or(p.Resolved, p.Value), true
			}
		}
		if _, ok := s.Resource(target); ok {
			d.Resource = target
		}
	case "Fn::GetAtt":
		target, _ := arg.text()
		if list := arg.args(); len(list) > 0 {
			target, _ = list[0].text()
		}
		target, _, _ = strings.Cut(target, ".")
		if _, ok := s.Resource(target); ok {
			d.Resource = target
		}
	}
	return d, nil
}
