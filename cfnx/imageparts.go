package cfnx

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// part is a run of an expression's text that comes from one place.
type part struct {
	text  string // what it comes to where known, else ${Name}
	open  bool   // text is not known
	place Place
	// A literal part, or a variable of a Sub, is written as bytes from to to of
	// the decoded text of scalar; scalar is nil for everything else.
	scalar   *tree.Node
	from, to int
	fixed    bool // may not be changed alone: an escape, a separator of a Join
	sub      bool // scalar is the template of a Sub
}

// here reports whether the part is text that can be replaced in place.
func (p part) here() bool { return p.place.In == PlaceHere && p.scalar != nil && !p.fixed }

type parts []part

// text returns what the parts come to.
func (ps parts) text() string {
	if len(ps) == 1 {
		return ps[0].text
	}
	size := 0
	for _, p := range ps {
		size += len(p.text)
	}
	var b strings.Builder
	b.Grow(size)
	for _, p := range ps {
		b.WriteString(p.text)
	}
	return b.String()
}

// known reports whether there is a text without open parts.
func (ps parts) known() bool {
	for _, p := range ps {
		if p.open {
			return false
		}
	}
	return len(ps) > 0
}

// places returns the parts' places, each once.
func (ps parts) places() []Place {
	if len(ps) == 0 {
		return nil
	}
	out := make([]Place, 0, min(len(ps), 4))
	var seen map[Place]bool
	if len(ps) > 16 {
		seen = make(map[Place]bool, len(ps))
	}
	for _, p := range ps {
		if seen[p.place] || seen == nil && slices.Contains(out, p.place) {
			continue
		}
		out = append(out, p.place)
		if seen != nil {
			seen[p.place] = true
		}
	}
	return out
}

// parts takes an expression apart. It never fails: what it does not understand
// is one open part.
func (f *imageFinder) parts(e exprNode, path string) parts {
	return f.partsAt(e, path, 0)
}

func (f *imageFinder) partsAt(e exprNode, path string, depth int) parts {
	if e.Node == nil || depth > 60 || !f.step() {
		return openPart("...", Place{In: PlaceUnknown})
	}
	fn, arg := e.call()
	path += functionStep(fn)
	switch fn {
	case "":
		if v, ok := e.text(); ok {
			return literalParts(e.Node, v)
		}
		return nil
	case "Ref":
		if arg.Kind == tree.Scalar {
			return f.refParts(arg.Value)
		}
	case "Fn::Sub":
		return f.subParts(arg, path, depth)
	case "Fn::Join":
		return f.joinParts(arg, path, depth)
	case "Fn::FindInMap":
		return f.mappingParts(arg, path, depth)
	case "Fn::Select":
		return f.selectParts(arg, path, depth)
	case "Fn::GetAtt":
		return f.attributeParts(arg.dotted())
	case "Fn::ImportValue":
		name := f.partsAt(arg, path, depth+1).text()
		return openPart("Import:"+name, Place{In: PlaceExport, Name: name})
	case "Fn::If":
		return openPart("If", Place{In: PlaceCondition, Path: path})
	case "Fn::Transform":
		return openPart("Transform", Place{In: PlaceMacro, Path: path})
	}
	return openPart(fn, Place{In: PlaceUnknown, Name: fn, Path: path})
}

func functionStep(fn string) string {
	if fn == "" {
		return ""
	}
	return "/" + tree.Escape(fn)
}

func openPart(name string, place Place) parts {
	return parts{{text: "${" + name + "}", open: true, place: place}}
}

// dotted returns the argument of a GetAtt as Resource.Attribute.
func (e exprNode) dotted() string {
	if e.Kind == tree.Scalar {
		return e.Value
	}
	var names []string
	for _, a := range e.args() {
		v, ok := a.text()
		if !ok {
			v = "?"
		}
		names = append(names, v)
	}
	return strings.Join(names, ".")
}

func (f *imageFinder) attributeParts(name string) parts {
	res, attr, _ := strings.Cut(name, ".")
	place := Place{In: PlaceResource, Name: res}
	if f.resources[res] != nil {
		place.Path = "/Resources/" + tree.Escape(res)
	}
	if strings.HasPrefix(attr, "Outputs.") {
		place = Place{In: PlaceStack, Name: name}
	}
	if v, known := f.opts.Attributes[name]; known {
		return parts{{text: v, place: place}}
	}
	return openPart(name, place)
}

// joinParts: the separator belongs to no item, so it is fixed.
func (f *imageFinder) joinParts(arg exprNode, path string, depth int) parts {
	args := arg.exactly(2)
	if args == nil {
		return openPart("Join", Place{In: PlaceUnknown, Path: path})
	}
	sep, ok := args[0].text()
	items := args[1].args()
	if fn, _ := args[1].call(); fn != "" || !ok || items == nil {
		ps := f.partsAt(args[1], path+"/1", depth+1)
		if len(ps) == 0 {
			return openPart("Join", Place{In: PlaceUnknown, Path: path})
		}
		return openPart("Join", ps[0].place)
	}
	var out parts
	for i, item := range items {
		if i > 0 && sep != "" {
			out = append(out, part{text: sep, place: Place{In: PlaceHere}, fixed: true})
		}
		if item.noValue() {
			continue
		}
		out = append(out, f.partsAt(item, path+"/1/"+strconv.Itoa(i), depth+1)...)
	}
	return out
}
