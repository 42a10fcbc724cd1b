package template

import (
	"slices"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// NestedTemplate is a resource that is a stack with a template of its own.
type NestedTemplate struct {
	Resource, Type string
	// TemplateURL is where its template is: property TemplateURL, or Location
	// of AWS::Serverless::Application. nil where it has none that is a value.
	TemplateURL *Expr
	Parameters  []StackParameter // in the order of the template
}

// StackParameter is a value handed to a nested stack.
type StackParameter struct {
	Name string
	Expr
}

// stackSite is a nested stack where it was found.
type stackSite struct {
	resource, typ string
	url           *imageSite
	params        []imageSite
	names         []string
}

// isStack reports whether a resource of that type is a nested stack.
func isStack(typ string) bool {
	return typ == "AWS::CloudFormation::Stack" || typ == "AWS::Serverless::Application"
}

// walkStack notes the template and the parameters of a nested stack.
func (f *imageFinder) walkStack(props expr.Node, path string, s imageSite) {
	st := stackSite{resource: s.resource, typ: s.typ}
	for _, e := range f.entries(props.Node, path, nil) {
		s := s
		s.path, s.value, s.dup = e.path, expr.At(e.value), s.dup || e.dup
		switch e.key {
		case "TemplateURL", "Location":
			st.url = &s
		case "Parameters":
			for _, p := range f.entries(s.value.Node, e.path, nil) {
				s := s
				s.path, s.value, s.dup = p.path, expr.At(p.value), s.dup || p.dup
				st.params = append(st.params, s)
				st.names = append(st.names, p.key)
				if slices.Contains(f.opts.Also, s.path) && !s.value.NoValue() {
					s.container = p.key
					f.sites = append(f.sites, s)
				}
			}
		}
	}
	f.stacks = append(f.stacks, st)
}

func (f *imageFinder) nestedStack(s stackSite) NestedTemplate {
	n := NestedTemplate{Resource: s.resource, Type: s.typ}
	if s.url != nil {
		f.loops = s.url.loops
		x := f.exprOf(s.url.value, s.url.path, f.parts(s.url.value, s.url.path))
		n.TemplateURL = &x
	}
	for i, p := range s.params {
		f.loops = p.loops
		n.Parameters = append(n.Parameters, StackParameter{Name: s.names[i], Expr: f.exprOf(p.value, p.path, f.parts(p.value, p.path))})
	}
	return n
}
