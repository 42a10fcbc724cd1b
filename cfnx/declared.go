package cfnx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Declared is what the template of a stack says of one property of a resource.
type Declared struct {
	// Set says that the template sets the property.
	Set bool
	// Known says that Value is what the property's expression comes to, with the
	// stack's parameters, conditions and mappings.
	Known bool
	Value string
	// Resource is the logical id of the resource of the same stack that the
	// property names, by Ref or Fn::GetAtt, or through parameters and outputs of
	// nested stacks; "" where it names none.
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
	draft := draftOfTree(&Tree{Root: s.root()})
	r, doc, err := draft.renderer(s, 0)
	if err != nil {
		return d, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	if _, _, err := doc.At(r.Root, "/Resources/"+tree.Escape(logicalID)); err != nil {
		return d, fmt.Errorf("stack %s: resource %s is not in the template: %w", s.Name, logicalID, err)
	}
	n, _, err := doc.At(r.Root, propertyPath(logicalID, property))
	if errors.Is(err, tree.ErrNoNode) {
		return d, nil
	}
	if err != nil {
		return d, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	e := expr.At(n)
	v := r.Render(e, 0)
	d.Set = v != expr.Nothing{}
	if st, id, ok := draft.follow(s, r, e, 0); ok && st == s {
		d.Resource = id
		return d, nil
	}
	d.Value, d.Known = v.(string)
	if u, ok := v.(expr.Unknown); ok && u.Kind == expr.SourceSSM && strings.HasPrefix(u.Path, "/Parameters/") {
		// A parameter of Systems Manager: what the stack last read.
		for _, p := range s.Parameters {
			if propertyName(u.Path) == p.Key && p.Resolved != "" {
				d.Value, d.Known = p.Resolved, true
			}
		}
	}
	return d, nil
}

// propertyName is the last step of a pointer.
func propertyName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
