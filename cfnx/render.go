package cfnx

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

// noValue is what Ref AWS::NoValue comes to: the property is not there.
type noValue struct{}

// unknown is a value that the template does not tell.
type unknown struct {
	// place is where it comes from.
	place Place
	// stable says that an update which does not touch the source renders the
	// same value again: an attribute of a resource, the import of an export in
	// use. A parameter of Systems Manager is read anew.
	stable bool
	why    string
}

// renderer evaluates expressions of one template.
type renderer struct {
	root *tree.Node
	// parameter and attribute give what the template itself does not say: the
	// value of a parameter, of a resource's Ref ("" as attribute) or GetAtt.
	parameter func(name string) any
	attribute func(resource, attribute string) any
	pseudo    func(name string) string

	loops map[string]string // variables of the Fn::ForEach around
	conds map[string]any    // conditions evaluated so far; nil while one is
	steps int
}

func (r *renderer) value(n *tree.Node) any { return r.render(exprAt(n), 0) }

func (r *renderer) render(e exprNode, depth int) any {
	if r.steps++; e.Node == nil || depth > 100 || r.steps > maxSteps {
		return unknown{why: "nested too deeply", place: Place{In: PlaceUnknown}}
	}
	fn, arg := e.call()
	if fn != "" {
		return r.call(fn, arg, depth)
	}
	switch e.Kind {
	case tree.Scalar:
		if e.Null() {
			return noValue{}
		}
		if i := strings.Index(e.Value, "{{resolve:"); i >= 0 {
			return dynamicUnknown(e.Value[i:])
		}
		return e.Value
	case tree.Sequence:
		out := []any{}
		for _, n := range e.Items {
			if v := r.render(exprAt(n), depth+1); v != (noValue{}) {
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
	return unknown{why: "not understood", place: Place{In: PlaceUnknown}}
}

// mapping renders the entries of a mapping, merge keys and loops among them,
// into out.
func (r *renderer) mapping(n *tree.Node, out map[string]any, depth int) *unknown {
	for i := 0; i+1 < len(n.Items); i += 2 {
		key, v := n.Items[i].Value, n.Items[i+1].Follow()
		switch {
		case key == "Fn::Transform":
			return &unknown{why: "made by a macro", place: Place{In: PlaceMacro}}
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
			if bad := r.loop(exprAt(v), depth, func(body *tree.Node) *unknown { return r.mapping(body, out, depth+1) }); bad != nil {
				return bad
			}
		default:
			if x := r.render(exprAt(v), depth+1); x != (noValue{}) {
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

// loop renders the body of an Fn::ForEach for each item of its collection.
func (r *renderer) loop(e exprNode, depth int, body func(*tree.Node) *unknown) *unknown {
	args := e.exactly(3)
	if args == nil || args[2].Kind != tree.Mapping {
		return &unknown{why: "a loop that is not understood", place: Place{In: PlaceLoop}}
	}
	items := r.list(r.render(args[1], depth+1))
	if items == nil {
		return &unknown{why: "the collection of a loop is not known", place: Place{In: PlaceLoop, Name: args[0].Value}}
	}
	was, had := r.loops[args[0].Value]
	if r.loops == nil {
		r.loops = map[string]string{}
	}
	defer func() {
		if delete(r.loops, args[0].Value); had {
			r.loops[args[0].Value] = was
		}
	}()
	for _, item := range items {
		text, ok := item.(string)
		if !ok {
			return &unknown{why: "an item of a loop is not known", place: Place{In: PlaceLoop, Name: args[0].Value}}
		}
		r.loops[args[0].Value] = text
		if bad := body(args[2].Node); bad != nil {
			return bad
		}
	}
	return nil
}

// list is a value as a list of items, as Fn::ForEach, Fn::Select and Fn::Join
// take it: a list that is written out, or the text of a CommaDelimitedList.
func (r *renderer) list(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case commaList:
		return v.items()
	}
	return nil
}

// commaList is the value of a list parameter.
type commaList string

func (c commaList) items() []any {
	out := []any{}
	for _, s := range strings.Split(string(c), ",") {
		out = append(out, strings.TrimSpace(s))
	}
	return out
}

// inLoop puts the loops' variables into a key or a text: ${Name} and &{Name}.
func (r *renderer) inLoop(s string) string {
	for name, v := range r.loops {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "${"+name+"}", v), "&{"+name+"}", alphanumeric(v))
	}
	return s
}

func alphanumeric(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x80 && wordByte(byte(c)) {
			return c
		}
		return -1
	}, s)
}

func (r *renderer) call(fn string, arg exprNode, depth int) any {
	switch fn {
	case "Ref":
		if arg.Kind == tree.Scalar {
			return r.ref(r.inLoop(arg.Value))
		}
	case "Fn::GetAtt":
		name, attribute, _ := strings.Cut(r.inLoop(arg.dotted()), ".")
		return r.attribute(name, attribute)
	case "Fn::Sub":
		return r.sub(arg, depth)
	case "Fn::Join":
		return r.join(arg, depth)
	case "Fn::Select":
		return r.selected(arg, depth)
	case "Fn::Split":
		if args := arg.exactly(2); args != nil {
			v := r.render(args[1], depth+1)
			sep, _ := args[0].text()
			if text, ok := v.(string); ok && sep != "" {
				out := []any{}
				for _, s := range strings.Split(text, sep) {
					out = append(out, s)
				}
				return out
			}
			return orUnknown(v, fn)
		}
	case "Fn::FindInMap":
		return r.mapped(arg, depth)
	case "Fn::If":
		return r.branch(arg, depth)
	case "Fn::ImportValue":
		name, _ := r.render(arg, depth+1).(string)
		return unknown{place: Place{In: PlaceExport, Name: name}, stable: true, why: "an export of another stack"}
	case "Fn::Base64":
		v := r.render(arg, depth+1)
		if text, ok := v.(string); ok {
			return base64.StdEncoding.EncodeToString([]byte(text))
		}
		return orUnknown(v, fn)
	case "Fn::Length":
		if items := r.list(r.render(arg, depth+1)); items != nil {
			return strconv.Itoa(len(items))
		}
	case "Fn::ToJsonString":
		if v := r.render(arg, depth+1); whole(v) {
			if b, err := json.Marshal(v); err == nil {
				return string(b)
			}
		}
	case "Fn::Transform":
		return unknown{place: Place{In: PlaceMacro}, why: "made by a macro"}
	}
	return unknown{place: Place{In: PlaceUnknown, Name: fn}, why: "made by " + fn}
}

// orUnknown is an unknown value as it is, and everything else as unknown.
func orUnknown(v any, fn string) any {
	if u, ok := v.(unknown); ok {
		return u
	}
	return unknown{place: Place{In: PlaceUnknown, Name: fn}, why: "made by " + fn}
}

// whole reports whether nothing in a value is unknown.
func whole(v any) bool {
	switch v := v.(type) {
	case unknown:
		return false
	case []any:
		return !slices.ContainsFunc(v, func(x any) bool { return !whole(x) })
	case map[string]any:
		for _, x := range v {
			if !whole(x) {
				return false
			}
		}
	}
	return true
}

func dynamicUnknown(ref string) unknown {
	if end := strings.Index(ref, "}}"); end >= 0 {
		ref = ref[:end+2]
	}
	p := dynamicPlace(ref)
	return unknown{place: p, why: "a dynamic reference, which the update resolves again"}
}

func (r *renderer) ref(name string) any {
	if v, ok := r.loops[name]; ok {
		return v
	}
	switch {
	case name == "AWS::NoValue":
		return noValue{}
	case strings.HasPrefix(name, "AWS::"):
		if v := r.pseudo(name); v != "" {
			return v
		}
		return unknown{place: Place{In: PlacePseudo, Name: name}, stable: true, why: "a pseudo parameter"}
	case r.root.Get("Parameters").Follow().Get(name) != nil:
		return r.parameter(name)
	}
	return r.attribute(name, "")
}

func (r *renderer) sub(arg exprNode, depth int) any {
	tmpl, vars := arg.subTemplate()
	if tmpl.Node == nil {
		return unknown{place: Place{In: PlaceUnknown, Name: "Fn::Sub"}, why: "an Fn::Sub that is not understood"}
	}
	text := tmpl.Value
	var b strings.Builder
	var open *unknown
	note := func(u unknown) {
		if open == nil || open.stable && !u.stable {
			open = &u
		}
	}
	for {
		i, end := nextInSub(text, 0)
		if end == 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:i])
		if text[i] != '$' {
			note(dynamicUnknown(text[i:]))
			text = text[end:]
			continue
		}
		name := strings.TrimSpace(text[i+2 : end-1])
		text = text[end:]
		var v any
		switch lit, escaped := strings.CutPrefix(name, "!"); {
		case escaped:
			v = "${" + lit + "}"
		case vars.Follow().Get(name) != nil:
			v = r.render(exprAt(vars.Follow().Get(name)), depth+1)
		case strings.Contains(name, "."):
			res, attribute, _ := strings.Cut(name, ".")
			v = r.attribute(res, attribute)
		default:
			v = r.ref(name)
		}
		switch v := v.(type) {
		case string:
			b.WriteString(v)
		case commaList:
			b.WriteString(string(v))
		case unknown:
			note(v)
		default:
			note(unknown{place: Place{In: PlaceUnknown, Name: name}, why: "no text"})
		}
	}
	if open != nil {
		return *open
	}
	return b.String()
}

func (r *renderer) join(arg exprNode, depth int) any {
	args := arg.exactly(2)
	if args == nil {
		return unknown{place: Place{In: PlaceUnknown, Name: "Fn::Join"}, why: "an Fn::Join that is not understood"}
	}
	sep, _ := args[0].text()
	v := r.render(args[1], depth+1)
	items := r.list(v)
	if items == nil {
		return orUnknown(v, "Fn::Join")
	}
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := item.(string)
		if !ok {
			return orUnknown(item, "Fn::Join")
		}
		texts[i] = text
	}
	return strings.Join(texts, sep)
}

func (r *renderer) selected(arg exprNode, depth int) any {
	args := arg.exactly(2)
	if args == nil {
		return unknown{place: Place{In: PlaceUnknown, Name: "Fn::Select"}, why: "an Fn::Select that is not understood"}
	}
	index, ok := r.render(args[0], depth+1).(string)
	n, err := strconv.Atoi(index)
	v := r.render(args[1], depth+1)
	items := r.list(v)
	if !ok || err != nil || items == nil || n < 0 || n >= len(items) {
		return orUnknown(v, "Fn::Select")
	}
	return items[n]
}

func (r *renderer) mapped(arg exprNode, depth int) any {
	args := arg.args()
	if len(args) < 3 {
		return unknown{place: Place{In: PlaceUnknown, Name: "Fn::FindInMap"}, why: "an Fn::FindInMap that is not understood"}
	}
	n, path := r.root.Get("Mappings").Follow(), "/Mappings"
	for _, a := range args[:3] {
		v := r.render(a, depth+1)
		key, ok := v.(string)
		if !ok {
			return orUnknown(v, "Fn::FindInMap")
		}
		if n = n.Get(key).Follow(); n == nil {
			if len(args) > 3 {
				if d := args[3].Get("DefaultValue"); d != nil {
					return r.render(exprAt(d), depth+1)
				}
			}
			return unknown{place: Place{In: PlaceMapping, Name: args[0].Value, Path: path}, why: "no entry of the mapping"}
		}
		path += "/" + tree.Escape(key)
	}
	return r.render(exprAt(n), depth+1)
}

func (r *renderer) branch(arg exprNode, depth int) any {
	args := arg.exactly(3)
	if args == nil || args[0].Kind != tree.Scalar {
		return unknown{place: Place{In: PlaceUnknown, Name: "Fn::If"}, why: "an Fn::If that is not understood"}
	}
	switch c := r.condition(args[0].Value).(type) {
	case bool:
		if c {
			return r.render(args[1], depth+1)
		}
		return r.render(args[2], depth+1)
	case unknown:
		return c
	}
	return unknown{place: Place{In: PlaceCondition, Name: args[0].Value}, why: "condition " + args[0].Value + " is not known"}
}
