package template

import (
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// imageSite is an image expression where it was found.
type imageSite struct {
	resource, typ, container string
	index                    int
	path                     string
	value                    expr.Node
	loops                    []string // variables of the Fn::ForEach around
	dup                      bool     // a key on the way occurs twice
}

// mapEntry is one entry of a mapping, merge keys followed.
type mapEntry struct {
	key   string
	value *tree.Node
	path  string
	dup   bool
}

// walk collects the sites of the whole template.
func (f *imageFinder) walk() {
	f.found.Macros = f.macros()
	if p := f.root.Get("Parameters").Follow(); p != nil {
		for _, e := range f.entries(p, "", nil) {
			f.params[e.key] = e.value
		}
	}
	for _, e := range f.entries(f.root, "", nil) {
		switch e.key {
		case "Resources":
			r := e.value.Follow()
			for _, e := range f.entries(r, "", nil) {
				f.resources[e.key] = e.value
			}
			f.walkResources(r, e.path, "", e.dup, 0)
		case "Globals":
			f.walkGlobals(e)
		case "Fn::Transform":
			f.hide(e.value, imageSite{}, e.path, e.key)
		}
	}
	slices.SortStableFunc(f.sites, func(a, b imageSite) int { return f.doc.Start(a.value.Node) - f.doc.Start(b.value.Node) })
}

// walkGlobals finds SAM's Globals.Function.ImageUri.
func (f *imageFinder) walkGlobals(e mapEntry) {
	for _, fe := range f.entries(e.value.Follow(), e.path, nil) {
		if fe.key == "Function" {
			s := imageSite{resource: "Globals.Function", typ: "AWS::Serverless::Function", index: -1, dup: e.dup || fe.dup}
			if fe.value.Follow().Get("ImageUri") != nil {
				f.follow(expr.At(fe.value), []string{"ImageUri"}, fe.path, s, 0)
			}
		}
	}
}

// walkResources finds what lies below Resources, or the body of an
// Fn::ForEach there.
func (f *imageFinder) walkResources(n *tree.Node, path, prefix string, dup bool, depth int) {
	if depth > 20 {
		return
	}
	for _, e := range f.entries(n, path, nil) {
		if !f.step() {
			return
		}
		v := expr.At(e.value)
		if strings.HasPrefix(e.key, "Fn::ForEach::") {
			if loop := v.Exactly(3); loop != nil && loop[2].Kind == tree.Mapping {
				f.loops = append(f.loops, loop[0].Value)
				f.walkResources(loop[2].Node, e.path+"/2", prefix+e.key+"/", dup || e.dup, depth+1)
				f.loops = f.loops[:len(f.loops)-1]
			}
			continue
		}
		switch {
		case e.key == "Fn::Transform":
			f.hide(e.value, imageSite{}, e.path, e.key)
		case v.Kind == tree.Mapping:
			f.walkResource(v, e, prefix+e.key, dup || e.dup)
		}
	}
}

// imagePaths returns the image paths of a type, made once.
func (f *imageFinder) imagePaths(typ string) [][]string {
	paths, known := f.paths[typ]
	if !known {
		paths = imagePaths(typ)
		f.paths[typ] = paths
	}
	return paths
}

func (f *imageFinder) walkResource(v expr.Node, e mapEntry, name string, dup bool) {
	if t := v.Get("Type").Follow(); t != nil && f.imagePaths(t.Value) == nil && !isStack(t.Value) && v.Get("Fn::Transform") == nil {
		return
	}
	typ := ""
	entries := f.entries(v.Node, e.path, func(k string) bool { return k == "Type" || k == "Properties" || k == "Fn::Transform" })
	for _, p := range entries {
		if t := p.value.Follow(); p.key == "Type" && t.Kind == tree.Scalar {
			typ = t.Value
		}
	}
	paths := f.imagePaths(typ)
	for _, p := range entries {
		if p.key == "Fn::Transform" {
			f.hide(p.value, imageSite{resource: name, typ: typ}, p.path, p.key)
		}
		if p.key != "Properties" {
			continue
		}
		s := imageSite{resource: name, typ: typ, index: -1, loops: slices.Clone(f.loops), dup: dup || p.dup}
		for _, spec := range paths {
			f.follow(expr.At(p.value), spec, p.path, s, 0)
		}
		if isStack(typ) {
			f.walkStack(expr.At(p.value), p.path, s)
		}
	}
}
