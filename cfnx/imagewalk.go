package cfnx

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// imageSite is an image expression where it was found.
type imageSite struct {
	resource, typ, container string
	index                    int
	path                     string
	value                    exprNode
	loops                    []string // variables of the Fn::ForEach around
	dup                      bool     // a key on the way stands twice
}

// stackSite is a nested stack where it was found.
type stackSite struct {
	resource, typ string
	url           *imageSite
	params        []imageSite
	names         []string
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
				f.follow(exprAt(fe.value), []string{"ImageUri"}, fe.path, s, 0)
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
		v := exprAt(e.value)
		if strings.HasPrefix(e.key, "Fn::ForEach::") {
			if loop := v.args2(true, 3); loop != nil && loop[2].Kind == tree.Mapping {
				f.loops = append(f.loops, loop[0].Value)
				f.walkResources(loop[2].Node, e.path+"/2", prefix+e.key+"/", dup || e.dup, depth+1)
				f.loops = f.loops[:len(f.loops)-1]
			}
			continue
		}
		if v.Kind == tree.Mapping {
			f.walkResource(v, e, prefix+e.key, dup || e.dup)
		}
	}
}

func (f *imageFinder) walkResource(v exprNode, e mapEntry, name string, dup bool) {
	if t := v.Get("Type").Follow(); t != nil && imagePaths(t.Value) == nil && !isStack(t.Value) {
		return
	}
	typ := ""
	entries := f.entries(v.Node, e.path, func(k string) bool { return k == "Type" || k == "Properties" })
	for _, p := range entries {
		if t := p.value.Follow(); p.key == "Type" && t.Kind == tree.Scalar {
			typ = t.Value
		}
	}
	paths := imagePaths(typ)
	if paths == nil && !isStack(typ) {
		return
	}
	for _, p := range entries {
		if p.key != "Properties" {
			continue
		}
		s := imageSite{resource: name, typ: typ, index: -1, dup: dup || p.dup}
		for _, spec := range paths {
			f.follow(exprAt(p.value), spec, p.path, s, 0)
		}
		if isStack(typ) {
			f.walkStack(exprAt(p.value), p.path, s)
		}
	}
}

// isStack reports whether a resource of that type is a nested stack.
func isStack(typ string) bool {
	return typ == "AWS::CloudFormation::Stack" || typ == "AWS::Serverless::Application"
}

// walkStack notes the template and the parameters of a nested stack.
func (f *imageFinder) walkStack(props exprNode, path string, s imageSite) {
	st := stackSite{resource: s.resource, typ: s.typ}
	for _, e := range f.entries(props.Node, path, nil) {
		s := s
		s.path, s.value, s.dup = e.path, exprAt(e.value), s.dup || e.dup
		switch e.key {
		case "TemplateURL", "Location":
			st.url = &s
		case "Parameters":
			for _, p := range f.entries(s.value.Node, e.path, nil) {
				s := s
				s.path, s.value, s.dup = p.path, exprAt(p.value), s.dup || p.dup
				st.params = append(st.params, s)
				st.names = append(st.names, p.key)
			}
		}
	}
	f.stacks = append(f.stacks, st)
}

func (f *imageFinder) nestedStack(s stackSite) NestedStack {
	n := NestedStack{Resource: s.resource, Type: s.typ}
	if s.url != nil {
		x := f.exprOf(s.url.value, s.url.path, f.parts(s.url.value, s.url.path))
		n.TemplateURL = &x
	}
	for i, p := range s.params {
		n.Parameters = append(n.Parameters, StackParameter{Name: s.names[i], Expr: f.exprOf(p.value, p.path, f.parts(p.value, p.path))})
	}
	return n
}

// follow goes down a path of property names and notes the images at its end,
// and the functions that keep it from going on.
func (f *imageFinder) follow(e exprNode, spec []string, path string, s imageSite, depth int) {
	if depth > 60 || e.Node == nil || !f.step() {
		return
	}
	if len(spec) == 0 {
		if !e.noValue() {
			s.path, s.value, s.loops = path, e, slices.Clone(f.loops)
			f.sites = append(f.sites, s)
		}
		return
	}
	if fn, arg := e.call(); fn != "" {
		if args := arg.args2(fn == "Fn::If", 3); args != nil {
			for _, b := range f.branches(e) {
				f.follow(b.exprNode, spec, path+b.step, s, depth+1)
			}
			return
		}
		if e.noValue() {
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
			f.follow(exprAt(c.value), spec[1:], c.path, s, depth+1)
		}
	default:
		wanted := func(key string) bool { return key == spec[0] || strings.HasPrefix(key, "Fn::") }
		for _, c := range f.entries(e.Node, path, wanted) {
			s := s
			s.dup = s.dup || c.dup
			switch {
			case c.key == spec[0]:
				f.follow(exprAt(c.value), spec[1:], c.path, s, depth+1)
			case c.key == "Fn::Transform" || c.key == "Fn::If":
				f.hide(c.value, s, c.path, c.key)
			case strings.HasPrefix(c.key, "Fn::ForEach::"):
				if loop := exprAt(c.value).args2(true, 3); loop != nil && loop[2].Kind == tree.Mapping {
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
func (f *imageFinder) followItems(e exprNode, spec []string, path string, s imageSite, depth int) {
	switch e.Kind {
	case tree.Sequence:
		for i, n := range e.Items {
			s.index = i
			f.followItem(exprAt(n), spec, path+"/"+strconv.Itoa(i), s, depth+1)
		}
	case tree.Mapping:
		s.index = 0
		f.followItem(e, spec, path, s, depth+1)
	}
}

// followItem goes into an item, both branches where it is an Fn::If, and notes
// the container's name.
func (f *imageFinder) followItem(e exprNode, spec []string, path string, s imageSite, depth int) {
	if depth > 60 || !f.step() {
		return
	}
	if bs := f.branches(e); bs != nil {
		for _, b := range bs {
			f.followItem(b.exprNode, spec, path+b.step, s, depth+1)
		}
		return
	}
	if e.Kind == tree.Mapping && len(spec) == 1 {
		s.container = ""
		for _, c := range f.entries(e.Node, "", func(k string) bool { return k == "Name" || k == "ContainerName" }) {
			if p := f.parts(exprAt(c.value), ""); p.known() {
				s.container = p.text()
			}
		}
	}
	f.follow(e, spec, path, s, depth)
}

// hide notes a part that cannot be looked into, once.
func (f *imageFinder) hide(n *tree.Node, s imageSite, path, fn string) {
	for i := len(f.found.Hidden) - 1; i >= 0 && f.found.Hidden[i].Resource == s.resource; i-- {
		if h := f.found.Hidden[i]; h.Path == path && h.Fn == fn {
			return
		}
	}
	h := Hidden{Resource: s.resource, Type: s.typ, Fn: fn, Path: path}
	start, _ := f.doc.Span(n)
	h.Line, h.Column = f.doc.Position(start)
	f.found.Hidden = append(f.found.Hidden, h)
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
