package template

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// macros returns the names under Transform.
func (f *imageFinder) macros() []string {
	var out []string
	add := func(n *tree.Node) {
		n = n.Follow()
		if n != nil && n.Kind == tree.Mapping {
			n = n.Get("Name").Follow()
		}
		if n != nil && n.Kind == tree.Scalar && strings.TrimSpace(n.Value) != "" {
			out = append(out, n.Value)
		}
	}
	t := f.root.Get("Transform").Follow()
	if t != nil && t.Kind == tree.Sequence {
		for _, n := range t.Items {
			add(n)
		}
	} else {
		add(t)
	}
	return out
}
