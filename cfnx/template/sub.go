package template

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// subParts takes the template of an Fn::Sub apart.
func (f *imageFinder) subParts(arg expr.Node, path string, depth int) parts {
	tmpl, vars := arg.SubTemplate()
	if tmpl.Node == nil {
		return openPart("Sub", Source{Kind: expr.SourceUnknown, Path: path})
	}
	text := blockText(tmpl.Node, tmpl.Value)
	out := make(parts, 0, min(2*strings.Count(text, "${")+1, 16))
	literal := func(from, to int) {
		if from < to {
			out = append(out, part{text: text[from:to], place: Source{Kind: expr.SourceInline}, scalar: tmpl.Node, from: from, to: to, sub: true})
		}
	}
	done := 0
	for at := 0; at < len(text); {
		i, end := expr.NextInSub(text, at)
		if end == 0 {
			break
		}
		literal(done, i)
		if text[i] == '$' {
			out = append(out, f.variableParts(tmpl.Node, i, end, vars, path, depth)...)
		} else {
			out = append(out, part{text: text[i:end], open: true, place: dynamicPlace(text[i:end]), scalar: tmpl.Node, from: i, to: end, sub: true})
		}
		done, at = end, end
	}
	literal(done, len(text))
	if len(out) == 0 {
		out = parts{{place: Source{Kind: expr.SourceInline}, scalar: tmpl.Node, sub: true}}
	}
	return out
}

// variableParts is ${Name}, ${Resource.Attribute} or ${!Literal}, written as
// bytes from to end of a Sub's template.
func (f *imageFinder) variableParts(tmpl *tree.Node, from, end int, vars *tree.Node, path string, depth int) parts {
	name := strings.TrimSpace(tmpl.Value[from+2 : end-1])
	if lit, ok := strings.CutPrefix(name, "!"); ok || name == "" {
		return parts{{text: "${" + lit + "}", place: Source{Kind: expr.SourceInline}, scalar: tmpl, from: from, to: end, fixed: true, sub: true}}
	}
	if vars != nil {
		if v := vars.Get(name); v != nil {
			ps := f.partsAt(expr.At(v), path+"/1/"+tree.Escape(name), depth+1)
			if len(ps) == 0 {
				return openPart(name, Source{Kind: expr.SourceUnknown, Name: name})
			}
			return ps
		}
	}
	var ps parts
	if strings.Contains(name, ".") {
		ps = f.attributeParts(name)
	} else {
		ps = f.refParts(name)
	}
	for i := range ps {
		ps[i].scalar, ps[i].from, ps[i].to, ps[i].sub = tmpl, from, end, true
	}
	return ps
}
