package expr

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Use is one Use of a name: attribute is "" for Ref.
type Use struct{ Name, Attribute string }

// Entries calls fn for each entry of a mapping, with aliases followed.
func Entries(n *tree.Node, fn func(key string, value *tree.Node)) {
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

// References lists the names an expression reads, through every function in it.
func References(e Node, depth int) []Use {
	if e.Node == nil || depth > MaxDepth {
		return nil
	}
	switch fn, arg := e.Call(); fn {
	case "Ref":
		return []Use{{Name: arg.Value}}
	case "Fn::GetAtt":
		return getAtt(arg)
	case "Fn::Sub":
		tmpl, vars := arg.SubTemplate()
		var refs []Use
		if tmpl.Node != nil {
			refs = SubReferences(tmpl.Value, vars)
		}
		Entries(vars, func(_ string, v *tree.Node) { refs = append(refs, References(At(v), depth+1)...) })
		return refs
	case "":
	default:
		return References(arg, depth+1)
	}
	var refs []Use
	switch e.Kind {
	case tree.Sequence:
		for _, n := range e.Items {
			refs = append(refs, References(At(n), depth+1)...)
		}
	case tree.Mapping:
		for i := 1; i < len(e.Items); i += 2 {
			refs = append(refs, References(At(e.Items[i]), depth+1)...)
		}
	}
	return refs
}

func getAtt(arg Node) []Use {
	if arg.Kind == tree.Scalar {
		name, attribute, _ := strings.Cut(arg.Value, ".")
		return []Use{{name, attribute}}
	}
	if args := arg.Args(); len(args) > 0 {
		r := Use{Name: args[0].Value}
		for i, a := range args[1:] {
			if i > 0 {
				r.Attribute += "."
			}
			r.Attribute += a.Value
		}
		return []Use{r}
	}
	return nil
}

// SubReferences are the ${names} of an Fn::Sub that its own map does not
// define.
func SubReferences(s string, vars *tree.Node) []Use {
	var refs []Use
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
		refs = append(refs, Use{n, attribute})
	}
}
