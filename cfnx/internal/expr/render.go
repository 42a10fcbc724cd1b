package expr

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// A rendered value is a string (numbers and booleans as they are written), an
// []any, a map[string]any, an unknown, or noValue.

// Nothing is what Ref AWS::NoValue comes to: the property is not there.
type Nothing struct{}

// Unknown is a value that the template does not tell.
type Unknown struct {
	// Kind, Name and Path are where it comes from: see the kinds of sources.
	Kind, Name, Path string
	// Stable says that an update which does not touch the source renders the
	// same value again: an attribute of a resource, the import of an export in
	// use. A parameter of Systems Manager is read anew.
	Stable bool
	Why    string
}

// Renderer evaluates expressions of one template.
type Renderer struct {
	Root *tree.Node
	// Parameter and attribute give what the template itself does not say: the
	// value of a Parameter, of a resource's Ref ("" as attribute) or GetAtt.
	Parameter func(name string) any
	Attribute func(resource, attribute string) any
	Pseudo    func(name string) string

	loops map[string]string // variables of the Fn::ForEach around
	conds map[string]any    // conditions evaluated so far; nil while one is
	steps int
}

// Value renders the expression at a node.
func (r *Renderer) Value(n *tree.Node) any { return r.Render(At(n), 0) }

// Render renders an expression that is at a depth of nesting.
func (r *Renderer) Render(e Node, depth int) any {
	if r.steps++; e.Node == nil || depth > 100 || r.steps > MaxSteps {
		return Unknown{Why: "nested too deeply", Kind: SourceUnknown}
	}
	fn, arg := e.Call()
	if fn != "" {
		return r.call(fn, arg, depth)
	}
	switch e.Kind {
	case tree.Scalar:
		if e.Null() {
			return Nothing{}
		}
		if i := strings.Index(e.Value, "{{resolve:"); i >= 0 {
			return dynamicUnknown(e.Value[i:])
		}
		return e.Value
	case tree.Sequence:
		out := []any{}
		for _, n := range e.Items {
			if v := r.Render(At(n), depth+1); v != (Nothing{}) {
				out = append(out, v)
			}
		}
		return out
	case tree.Mapping:
		out := map[string]any{}
		if bad := r.mapping(e.Node, out, depth); bad != nil {
			return *bad
		}
		return out
	}
	return Unknown{Why: "not understood", Kind: SourceUnknown}
}

// mapping renders the entries of a mapping, merge keys and loops among them,
// into out.
func (r *Renderer) mapping(n *tree.Node, out map[string]any, depth int) *Unknown {
	for i := 0; i+1 < len(n.Items); i += 2 {
		key, v := n.Items[i].Value, n.Items[i+1].Follow()
		switch {
		case key == "Fn::Transform":
			return &Unknown{Why: "made by a macro", Kind: SourceMacro}
		case key == "<<" && n.Items[i].Style == tree.Plain:
			merged := map[string]any{}
			for _, m := range slices.Backward(mergeSources(v)) {
				if bad := r.mapping(m, merged, depth+1); bad != nil {
					return bad
				}
			}
			for k, v := range merged {
				if _, own := out[k]; !own && n.Get(k) == nil {
					out[k] = v
				}
			}
		case strings.HasPrefix(key, "Fn::ForEach::"):
			if bad := r.loop(At(v), depth, func(body *tree.Node) *Unknown { return r.mapping(body, out, depth+1) }); bad != nil {
				return bad
			}
		default:
			if x := r.Render(At(v), depth+1); x != (Nothing{}) {
				out[r.inLoop(key)] = x
			}
		}
	}
	return nil
}

func mergeSources(n *tree.Node) []*tree.Node {
	if n != nil && n.Kind == tree.Sequence {
		var out []*tree.Node
		for _, m := range n.Items {
			if m = m.Follow(); m != nil && m.Kind == tree.Mapping {
				out = append(out, m)
			}
		}
		return out
	}
	if n != nil && n.Kind == tree.Mapping {
		return []*tree.Node{n}
	}
	return nil
}

func (r *Renderer) call(fn string, arg Node, depth int) any {
	switch fn {
	case "Ref":
		if arg.Kind == tree.Scalar {
			return r.ref(r.inLoop(arg.Value))
		}
	case "Fn::GetAtt":
		name, attribute, _ := strings.Cut(r.inLoop(arg.Dotted()), ".")
		return r.Attribute(name, attribute)
	case "Fn::Sub":
		return r.sub(arg, depth)
	case "Fn::Join":
		return r.join(arg, depth)
	case "Fn::Select":
		return r.selected(arg, depth)
	case "Fn::Split":
		if args := arg.Exactly(2); args != nil {
			v := r.Render(args[1], depth+1)
			sep, _ := args[0].Text()
			if text, ok := v.(string); ok && sep != "" {
				out := []any{}
				for _, s := range strings.Split(text, sep) {
					out = append(out, s)
				}
				return out
			}
			return OrUnknown(v, fn)
		}
	case "Fn::FindInMap":
		return r.mapped(arg, depth)
	case "Fn::If":
		return r.branch(arg, depth)
	case "Fn::ImportValue":
		name, _ := r.Render(arg, depth+1).(string)
		return Unknown{Kind: SourceExport, Name: name, Stable: true, Why: "an export of another stack"}
	case "Fn::Base64":
		v := r.Render(arg, depth+1)
		if text, ok := v.(string); ok {
			return base64.StdEncoding.EncodeToString([]byte(text))
		}
		return OrUnknown(v, fn)
	case "Fn::Length":
		if items := r.list(r.Render(arg, depth+1)); items != nil {
			return strconv.Itoa(len(items))
		}
	case "Fn::ToJsonString":
		if v := r.Render(arg, depth+1); Whole(v) {
			if b, err := json.Marshal(v); err == nil {
				return string(b)
			}
		}
	case "Fn::Transform":
		return Unknown{Kind: SourceMacro, Why: "made by a macro"}
	}
	return Unknown{Kind: SourceUnknown, Name: fn, Why: "made by " + fn}
}

// OrUnknown is an unknown value as it is, and everything else as unknown.
func OrUnknown(v any, fn string) any {
	if u, ok := v.(Unknown); ok {
		return u
	}
	return Unknown{Kind: SourceUnknown, Name: fn, Why: "made by " + fn}
}

// Whole reports whether nothing in a value is unknown.
func Whole(v any) bool {
	switch v := v.(type) {
	case Unknown:
		return false
	case []any:
		return !slices.ContainsFunc(v, func(x any) bool { return !Whole(x) })
	case map[string]any:
		for _, x := range v {
			if !Whole(x) {
				return false
			}
		}
	}
	return true
}

func dynamicUnknown(ref string) Unknown {
	if end := strings.Index(ref, "}}"); end >= 0 {
		ref = ref[:end+2]
	}
	kind, name := DynamicSource(ref)
	return Unknown{Kind: kind, Name: name, Why: "a dynamic reference, which the update resolves again"}
}

func (r *Renderer) ref(name string) any {
	if v, ok := r.loops[name]; ok {
		return v
	}
	switch {
	case name == "AWS::NoValue":
		return Nothing{}
	case strings.HasPrefix(name, "AWS::"):
		if v := r.Pseudo(name); v != "" {
			return v
		}
		return Unknown{Kind: SourcePseudo, Name: name, Stable: true, Why: "a pseudo parameter"}
	case r.Root.Get("Parameters").Follow().Get(name) != nil:
		return r.Parameter(name)
	}
	return r.Attribute(name, "")
}
