package expr

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// loop renders the body of an Fn::ForEach for each item of its collection.
func (r *Renderer) loop(e Node, depth int, body func(*tree.Node) *Unknown) *Unknown {
	args := e.Exactly(3)
	if args == nil || args[2].Kind != tree.Mapping {
		return &Unknown{Why: "a loop that is not understood", Kind: SourceLoop}
	}
	items := r.list(r.Render(args[1], depth+1))
	if items == nil {
		return &Unknown{Why: "the collection of a loop is not known", Kind: SourceLoop, Name: args[0].Value}
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
			return &Unknown{Why: "an item of a loop is not known", Kind: SourceLoop, Name: args[0].Value}
		}
		r.loops[args[0].Value] = text
		if bad := body(args[2].Node); bad != nil {
			return bad
		}
	}
	return nil
}

// inLoop puts the loops' variables into a key or a text: ${Name} and &{Name}.
func (r *Renderer) inLoop(s string) string {
	for name, v := range r.loops {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "${"+name+"}", v), "&{"+name+"}", alphanumeric(v))
	}
	return s
}

func alphanumeric(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, s)
}

// Each calls fn with the entries of a section of the template: with those that an
// Fn::ForEach makes instead of it, and in with what the variables of the loops
// around an entry make of a text. It returns what keeps a loop from being known;
// fn is then called without its entries.
func (r *Renderer) Each(section *tree.Node, fn func(key string, value *tree.Node, in func(string) string)) *Unknown {
	var first *Unknown
	section = section.Follow()
	if section == nil || section.Kind != tree.Mapping {
		return nil
	}
	for i := 0; i+1 < len(section.Items); i += 2 {
		key, v := section.Items[i].Value, section.Items[i+1].Follow()
		if !strings.HasPrefix(key, "Fn::ForEach::") {
			fn(r.inLoop(key), v, r.inLoop)
			continue
		}
		bad := r.loop(At(v), 0, func(body *tree.Node) *Unknown { return r.Each(body, fn) })
		if first == nil {
			first = bad
		}
	}
	return first
}
