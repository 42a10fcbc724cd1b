package template

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// follow goes down a path of property names and notes the images at its end,
// and the functions that keep it from going on.
func (f *imageFinder) follow(e expr.Node, spec []string, path string, s imageSite, depth int) {
	if depth > 60 || e.Node == nil || !f.step() {
		return
	}
	if len(spec) == 0 {
		if !e.NoValue() {
			s.path, s.value, s.loops = path, e, slices.Clone(f.loops)
			f.sites = append(f.sites, s)
		}
		return
	}
	if fn, arg := e.Call(); fn != "" {
		if fn == "Fn::If" && arg.Exactly(3) != nil {
			for _, b := range f.branches(e) {
				f.follow(b.Node, spec, path+b.step, s, depth+1)
			}
			return
		}
		if e.NoValue() {
			return
		}
		// A tag nobody knows on a collection is looked through.
		if known := isKnownFunction(fn); known || e.Local() == "" || e.Kind == tree.Scalar {
			f.hide(e.Node, s, path, fn)
			return
		}
	}
	switch spec[0] {
	case "*":
		f.followItems(e, spec[1:], path, s, depth)
	case "**":
		for _, c := range f.entries(e.Node, path, nil) {
			s := s
			s.dup = s.dup || c.dup
			f.follow(expr.At(c.value), spec[1:], c.path, s, depth+1)
		}
	default:
		wanted := func(key string) bool { return key == spec[0] || strings.HasPrefix(key, "Fn::") }
		for _, c := range f.entries(e.Node, path, wanted) {
			s := s
			s.dup = s.dup || c.dup
			switch {
			case c.key == spec[0]:
				f.follow(expr.At(c.value), spec[1:], c.path, s, depth+1)
			case c.key == "Fn::Transform" || c.key == "Fn::If":
				f.hide(c.value, s, c.path, c.key)
			case strings.HasPrefix(c.key, "Fn::ForEach::"):
				if loop := expr.At(c.value).Exactly(3); loop != nil && loop[2].Kind == tree.Mapping {
					f.loops = append(f.loops, loop[0].Value)
					f.follow(loop[2], spec, c.path+"/2", s, depth+1)
					f.loops = f.loops[:len(f.loops)-1]
				}
			}
		}
	}
}

// followItems goes into every item of a list, or into a single map where a
// list belongs.
func (f *imageFinder) followItems(e expr.Node, spec []string, path string, s imageSite, depth int) {
	switch e.Kind {
	case tree.Sequence:
		for i, n := range e.Items {
			s.index = i
			f.followItem(expr.At(n), spec, path+"/"+strconv.Itoa(i), s, depth+1)
		}
	case tree.Mapping:
		s.index = 0
		f.followItem(e, spec, path, s, depth+1)
	}
}

// followItem goes into an item, both branches where it is an Fn::If, and notes
// the container's name.
func (f *imageFinder) followItem(e expr.Node, spec []string, path string, s imageSite, depth int) {
	if depth > 60 || !f.step() {
		return
	}
	if bs := f.branches(e); bs != nil {
		for _, b := range bs {
			f.followItem(b.Node, spec, path+b.step, s, depth+1)
		}
		return
	}
	if e.Kind == tree.Mapping && len(spec) == 1 {
		s.container = ""
		for _, c := range f.entries(e.Node, "", func(k string) bool { return k == "Name" || k == "ContainerName" }) {
			if p := f.parts(expr.At(c.value), ""); p.known() {
				s.container = p.text()
			}
		}
	}
	f.follow(e, spec, path, s, depth)
}

// hide notes a part that cannot be looked into, once.
func (f *imageFinder) hide(n *tree.Node, s imageSite, path, fn string) {
	for i := len(f.found.Opaque) - 1; i >= 0 && f.found.Opaque[i].Resource == s.resource; i-- {
		if h := f.found.Opaque[i]; h.Path == path && h.Fn == fn {
			return
		}
	}
	h := Opaque{Resource: s.resource, Type: s.typ, Fn: fn, Path: path}
	start, _ := f.doc.Span(n)
	h.Line, h.Column = f.doc.Position(start)
	f.found.Opaque = append(f.found.Opaque, h)
}

// isKnownFunction reports whether fn is a function of CloudFormation's, or of
// rain's, and no made-up tag.
func isKnownFunction(fn string) bool {
	switch strings.TrimPrefix(fn, "Fn::") {
	case "Ref", "Condition", "Sub", "Join", "FindInMap", "If", "GetAtt", "ImportValue", "Select", "Split", "Transform",
		"Base64", "Cidr", "GetAZs", "ToJsonString", "Length", "GetStackOutput", "And", "Or", "Not", "Equals", "Contains":
		return true
	}
	return strings.HasPrefix(fn, "Fn::ForEach") || strings.HasPrefix(fn, "Rain") || strings.HasPrefix(fn, "Fn::Rain")
}
