package template

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// part is a run of an expression's text that comes from one place.
type part struct {
	text  string // what it comes to where known, else ${Name}
	open  bool   // text is not known
	place Source
	// A literal part, or a variable of a Sub, is written as bytes from to to of
	// the decoded text of scalar; scalar is nil for everything else.
	scalar   *tree.Node
	from, to int
	fixed    bool // may not be changed alone: an escape, a separator of a Join
	sub      bool // scalar is the template of a Sub
}

// here reports whether the part is text that can be replaced in place.
func (p part) here() bool { return p.place.Kind == expr.SourceInline && p.scalar != nil && !p.fixed }

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
func (ps parts) places() []Source {
	if len(ps) == 0 {
		return nil
	}
	out := make([]Source, 0, min(len(ps), 4))
	var seen map[Source]bool
	if len(ps) > 16 {
		seen = make(map[Source]bool, len(ps))
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
func (f *imageFinder) parts(e expr.Node, path string) parts {
	return f.partsAt(e, path, 0)
}

func (f *imageFinder) partsAt(e expr.Node, path string, depth int) parts {
	if e.Node == nil || depth > 60 || !f.step() {
		return openPart("...", Source{Kind: expr.SourceUnknown})
	}
	fn, arg := e.Call()
	path += functionStep(fn)
	switch fn {
	case "":
		if v, ok := e.Text(); ok {
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
		return f.attributeParts(arg.Dotted())
	case "Fn::ImportValue":
		name := f.partsAt(arg, path, depth+1).text()
		return openPart("Import:"+name, Source{Kind: expr.SourceExport, Name: name})
	case "Fn::If":
		return openPart("If", Source{Kind: expr.SourceCondition, Path: path})
	case "Fn::Transform":
		return openPart("Transform", Source{Kind: expr.SourceMacro, Path: path})
	}
	return openPart(fn, Source{Kind: expr.SourceUnknown, Name: fn, Path: path})
}

func functionStep(fn string) string {
	if fn == "" {
		return ""
	}
	return "/" + tree.Escape(fn)
}

func openPart(name string, place Source) parts {
	return parts{{text: "${" + name + "}", open: true, place: place}}
}

func (f *imageFinder) attributeParts(name string) parts {
	res, attr, _ := strings.Cut(name, ".")
	place := Source{Kind: expr.SourceResource, Name: res}
	if f.resources[res] != nil {
		place.Path = "/Resources/" + tree.Escape(res)
	}
	if strings.HasPrefix(attr, "Outputs.") {
		place = Source{Kind: expr.SourceStack, Name: name}
	}
	if v, known := f.opts.Attributes[name]; known {
		return parts{{text: v, place: place}}
	}
	return openPart(name, place)
}

// joinParts: the separator belongs to no item, so it is fixed.
func (f *imageFinder) joinParts(arg expr.Node, path string, depth int) parts {
	args := arg.Exactly(2)
	if args == nil {
		return openPart("Join", Source{Kind: expr.SourceUnknown, Path: path})
	}
	sep, ok := args[0].Text()
	items := args[1].Args()
	if fn, _ := args[1].Call(); fn != "" || !ok || items == nil {
		ps := f.partsAt(args[1], path+"/1", depth+1)
		if len(ps) == 0 {
			return openPart("Join", Source{Kind: expr.SourceUnknown, Path: path})
		}
		return openPart("Join", ps[0].place)
	}
	var out parts
	for i, item := range items {
		if i > 0 && sep != "" {
			out = append(out, part{text: sep, place: Source{Kind: expr.SourceInline}, fixed: true})
		}
		if item.NoValue() {
			continue
		}
		out = append(out, f.partsAt(item, path+"/1/"+strconv.Itoa(i), depth+1)...)
	}
	return out
}
