package cfnx

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// subParts takes the template of an Fn::Sub apart.
func (f *imageFinder) subParts(arg exprNode, path string, depth int) parts {
	tmpl, vars := arg.subTemplate()
	if tmpl.Node == nil {
		return openPart("Sub", Place{In: PlaceUnknown, Path: path})
	}
	text := blockText(tmpl.Node, tmpl.Value)
	out := make(parts, 0, min(2*strings.Count(text, "${")+1, 16))
	literal := func(from, to int) {
		if from < to {
			out = append(out, part{text: text[from:to], place: Place{In: PlaceHere}, scalar: tmpl.Node, from: from, to: to, sub: true})
		}
	}
	done := 0
	for at := 0; at < len(text); {
		i, end := nextInSub(text, at)
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
		out = parts{{place: Place{In: PlaceHere}, scalar: tmpl.Node, sub: true}}
	}
	return out
}

// nextInSub returns the bytes of the next ${…} or {{resolve:…}}, whose name may
// hold variables, at or behind byte at; end is 0 where there is none.
func nextInSub(text string, at int) (start, end int) {
	for ; at < len(text); at++ {
		switch {
		case strings.HasPrefix(text[at:], "${"):
			if j := strings.IndexByte(text[at:], '}'); j >= 0 {
				return at, at + j + 1
			}
			return 0, 0
		case strings.HasPrefix(text[at:], "{{resolve:"):
			for i := at; i < len(text); i++ {
				if strings.HasPrefix(text[i:], "${") {
					if j := strings.IndexByte(text[i:], '}'); j >= 0 {
						i += j
					}
				} else if strings.HasPrefix(text[i:], "}}") {
					return at, i + 2
				}
			}
			return 0, 0
		}
	}
	return 0, 0
}

// variableParts is ${Name}, ${Resource.Attribute} or ${!Literal}, written as
// bytes from to end of a Sub's template.
func (f *imageFinder) variableParts(tmpl *tree.Node, from, end int, vars *tree.Node, path string, depth int) parts {
	name := strings.TrimSpace(tmpl.Value[from+2 : end-1])
	if lit, ok := strings.CutPrefix(name, "!"); ok || name == "" {
		return parts{{text: "${" + lit + "}", place: Place{In: PlaceHere}, scalar: tmpl, from: from, to: end, fixed: true, sub: true}}
	}
	if vars != nil {
		if v := vars.Get(name); v != nil {
			ps := f.partsAt(exprAt(v), path+"/1/"+tree.Escape(name), depth+1)
			if len(ps) == 0 {
				return openPart(name, Place{In: PlaceUnknown, Name: name})
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
