package cfnx

import (
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// dependencies is what a template says of who reads whom.
type dependencies struct {
	resources map[string][]use // of each resource, DependsOn included
	outputs   map[string][]use
	exported  map[string]string // output -> the expression of its export name, as far as it is a text
	types     map[string]string
	// exact outputs are nothing but the one value they read; conditional ones
	// have a Condition.
	exact, conditional map[string]bool
	// order is the outputs' order in the template.
	order []string
}

// use is one use of a name: attribute is "" for Ref.
type use struct{ name, attribute string }

// readDependencies reads a template; one that cannot be read has none, because
// a template is no condition for unlocking a stack.
func readDependencies(template []byte) dependencies {
	d := dependencies{resources: map[string][]use{}, outputs: map[string][]use{}, exported: map[string]string{}, types: map[string]string{}, exact: map[string]bool{}, conditional: map[string]bool{}}
	doc, err := tree.Parse(template, tree.Limits{Bytes: maxTemplateBytes, Depth: maxDepth})
	if err != nil || len(doc.Roots) == 0 {
		return d
	}
	root := doc.Roots[0].Follow()
	entries(root.Get("Resources"), func(id string, r *tree.Node) {
		if t := r.Get("Type"); t != nil {
			d.types[id] = t.Value
		}
		refs := references(exprAt(r), 0)
		if on := r.Get("DependsOn").Follow(); on != nil {
			if on.Kind == tree.Scalar {
				refs = append(refs, use{name: on.Value})
			}
			if on.Kind == tree.Sequence {
				for _, n := range on.Items {
					refs = append(refs, use{name: n.Follow().Value})
				}
			}
		}
		d.resources[id] = refs
	})
	entries(root.Get("Outputs"), func(key string, o *tree.Node) {
		d.order = append(d.order, key)
		d.outputs[key] = nil
		if v := o.Get("Value"); v != nil {
			d.outputs[key] = references(exprAt(v), 0)
			fn, _ := exprAt(v).call()
			d.exact[key] = fn == "Ref" || fn == "Fn::GetAtt"
		}
		d.conditional[key] = o.Get("Condition") != nil
		if e := o.Get("Export").Follow().Get("Name").Follow(); e != nil && e.Kind == tree.Scalar {
			d.exported[key] = e.Value
		}
	})
	return d
}

// entries calls fn for each entry of a mapping, with aliases followed.
func entries(n *tree.Node, fn func(key string, value *tree.Node)) {
	n = n.Follow()
	if n == nil || n.Kind != tree.Mapping {
		return
	}
	for i := 0; i+1 < len(n.Items); i += 2 {
		if v := n.Items[i+1].Follow(); v != nil {
			fn(n.Items[i].Value, v)
		}
	}
}

// references lists the names an expression reads, through every function in it.
func references(e exprNode, depth int) []use {
	if e.Node == nil || depth > maxDepth {
		return nil
	}
	switch fn, arg := e.call(); fn {
	case "Ref":
		return []use{{name: arg.Value}}
	case "Fn::GetAtt":
		return getAtt(arg)
	case "Fn::Sub":
		tmpl, vars := arg.subTemplate()
		var refs []use
		if tmpl.Node != nil {
			refs = subReferences(tmpl.Value, vars)
		}
		entries(vars, func(_ string, v *tree.Node) { refs = append(refs, references(exprAt(v), depth+1)...) })
		return refs
	case "":
	default:
		return references(arg, depth+1)
	}
	var refs []use
	switch e.Kind {
	case tree.Sequence:
		for _, n := range e.Items {
			refs = append(refs, references(exprAt(n), depth+1)...)
		}
	case tree.Mapping:
		for i := 1; i < len(e.Items); i += 2 {
			refs = append(refs, references(exprAt(e.Items[i]), depth+1)...)
		}
	}
	return refs
}

func getAtt(arg exprNode) []use {
	if arg.Kind == tree.Scalar {
		name, attribute, _ := strings.Cut(arg.Value, ".")
		return []use{{name, attribute}}
	}
	if args := arg.args(); len(args) > 0 {
		r := use{name: args[0].Value}
		for i, a := range args[1:] {
			if i > 0 {
				r.attribute += "."
			}
			r.attribute += a.Value
		}
		return []use{r}
	}
	return nil
}

// subReferences are the ${names} of an Fn::Sub that its own map does not
// define.
func subReferences(s string, vars *tree.Node) []use {
	var refs []use
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			return refs
		}
		s = s[i+2:]
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return refs
		}
		name := strings.TrimSpace(s[:end])
		s = s[end+1:]
		if strings.HasPrefix(name, "!") || vars.Follow().Get(name) != nil {
			continue
		}
		n, attribute, _ := strings.Cut(name, ".")
		refs = append(refs, use{n, attribute})
	}
}

// dependsOn reports whether resource id reads one of the others, directly or
// through further resources.
func (d dependencies) dependsOn(id string, others map[string]bool) bool {
	seen := map[string]bool{id: true}
	queue := []string{id}
	for len(queue) > 0 {
		for _, r := range d.resources[queue[0]] {
			if others[r.name] && r.name != id {
				return true
			}
			if _, resource := d.resources[r.name]; resource && !seen[r.name] {
				seen[r.name] = true
				queue = append(queue, r.name)
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
		if slices.ContainsFunc(d.outputs[key], func(r use) bool { return r.name == id }) {
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
		if slices.Contains(refs, use{id, "Outputs." + key}) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
