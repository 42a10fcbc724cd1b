package cfnx

import (
	"slices"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// dependencies is what a template says of who reads whom.
type dependencies struct {
	resources map[string][]expr.Use // of each resource, DependsOn included
	outputs   map[string][]expr.Use
	exported  map[string]string // output -> the expression of its export name, as far as it is a text
	types     map[string]string
	// exact outputs are nothing but the one value they read; conditional ones
	// have a Condition.
	exact, conditional map[string]bool
	// order is the outputs' order in the template.
	order []string
}

// readDependencies reads a template; one that cannot be read has none, because
// a template is no condition for unlocking a stack.
func readDependencies(template []byte) dependencies {
	d := dependencies{resources: map[string][]expr.Use{}, outputs: map[string][]expr.Use{}, exported: map[string]string{}, types: map[string]string{}, exact: map[string]bool{}, conditional: map[string]bool{}}
	doc, err := tree.Parse(template, tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth})
	if err != nil || len(doc.Roots) == 0 {
		return d
	}
	root := doc.Roots[0].Follow()
	expr.Entries(root.Get("Resources"), func(id string, r *tree.Node) {
		if t := r.Get("Type"); t != nil {
			d.types[id] = t.Value
		}
		refs := expr.References(expr.At(r), 0)
		if on := r.Get("DependsOn").Follow(); on != nil {
			if on.Kind == tree.Scalar {
				refs = append(refs, expr.Use{Name: on.Value})
			}
			if on.Kind == tree.Sequence {
				for _, n := range on.Items {
					refs = append(refs, expr.Use{Name: n.Follow().Value})
				}
			}
		}
		d.resources[id] = refs
	})
	expr.Entries(root.Get("Outputs"), func(key string, o *tree.Node) {
		d.order = append(d.order, key)
		d.outputs[key] = nil
		if v := o.Get("Value"); v != nil {
			d.outputs[key] = expr.References(expr.At(v), 0)
			fn, _ := expr.At(v).Call()
			d.exact[key] = fn == "Ref" || fn == "Fn::GetAtt"
		}
		d.conditional[key] = o.Get("Condition") != nil
		if e := o.Get("Export").Follow().Get("Name").Follow(); e != nil && e.Kind == tree.Scalar {
			d.exported[key] = e.Value
		}
	})
	return d
}

// dependsOn reports whether resource id reads one of the others, directly or
// through further resources.
func (d dependencies) dependsOn(id string, others map[string]bool) bool {
	seen := map[string]bool{id: true}
	queue := []string{id}
	for len(queue) > 0 {
		for _, r := range d.resources[queue[0]] {
			if others[r.Name] && r.Name != id {
				return true
			}
			if _, resource := d.resources[r.Name]; resource && !seen[r.Name] {
				seen[r.Name] = true
				queue = append(queue, r.Name)
			}
		}
		queue = queue[1:]
	}
	return false
}

// outputsOf lists the outputs that read a resource directly, in the order of
// the template.
func (d dependencies) outputsOf(id string) []string {
	var keys []string
	for _, key := range d.order {
		if slices.ContainsFunc(d.outputs[key], func(r expr.Use) bool { return r.Name == id }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// readersOf lists the resources that read output key of the nested stack that
// is resource id here.
func (d dependencies) readersOf(id, key string) []string {
	var out []string
	for name, refs := range d.resources {
		if slices.Contains(refs, expr.Use{Name: id, Attribute: "Outputs." + key}) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
