package cfnx

import (
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

const repositoryType = "AWS::ECR::Repository"

// renderer evaluates expressions of a stack's template as the draft has it,
// with the parameters that the update would give.
func (d *Draft) renderer(s *Stack, depth int) (*renderer, *tree.Doc, error) {
	doc, err := tree.Parse(d.current[s.ID], tree.Limits{Bytes: maxTemplateBytes, Depth: maxDepth})
	if err != nil {
		return nil, nil, templateError("", err)
	}
	r := &renderer{root: doc.Roots[0].Follow()}
	if r.root == nil || r.root.Kind != tree.Mapping {
		return nil, nil, &TemplateError{Err: ErrNotTemplate, Detail: "no mapping at the top"}
	}
	var o FindOptions
	o.context(s)
	f := imageFinder{opts: o}
	r.pseudo = func(name string) string {
		switch name {
		case "AWS::StackName":
			return s.Name
		case "AWS::StackId":
			return s.ID
		}
		return f.pseudo(name)
	}
	r.parameter = func(name string) any { return d.parameterValue(s, r.root, name, depth) }
	r.attribute = func(resource, attribute string) any { return d.attributeValue(s, resource, attribute, depth) }
	return r, doc, nil
}

// parameterValue is what a stack's parameter will be.
func (d *Draft) parameterValue(s *Stack, root *tree.Node, name string, depth int) any {
	decl := root.Get("Parameters").Follow().Get(name).Follow()
	place := Place{In: PlaceParameter, Name: name, Path: "/Parameters/" + tree.Escape(name)}
	typ := ""
	if t := decl.Get("Type").Follow(); t != nil {
		typ = t.Value
	}
	value, given := d.givenValue(s, name, depth)
	if !given {
		if def := decl.Get("Default").Follow(); def != nil && def.Kind == tree.Scalar && !def.Null() {
			value, given = def.Value, true
		}
	}
	text, isText := value.(string)
	switch {
	case !given:
		return unknown{place: place, stable: true, why: "a parameter without a value"}
	case !isText:
		return value
	case strings.HasPrefix(typ, "AWS::SSM::Parameter::Value"), typ == "" && s.resolved(name):
		return unknown{place: Place{In: PlaceSSM, Name: text, Path: place.Path}, why: "a parameter of Systems Manager, which the update reads again"}
	case text == "****":
		return unknown{place: place, stable: true, why: "a parameter with NoEcho"}
	case strings.HasPrefix(typ, "List<") || typ == "CommaDelimitedList":
		return commaList(text)
	}
	return text
}

// resolved reports whether the stack shows that a parameter is one of Systems
// Manager.
func (s *Stack) resolved(name string) bool {
	return slices.ContainsFunc(s.Parameters, func(p Parameter) bool { return p.Key == name && p.Resolved != "" })
}

// givenValue is the value that the draft, the parent or the stack's record give
// a parameter.
func (d *Draft) givenValue(s *Stack, name string, depth int) (any, bool) {
	var was any
	known := false
	for _, p := range s.Parameters {
		if p.Key == name {
			was, known = p.Value, true
		}
	}
	if s.parent == nil {
		if v, ok := d.Parameters[name]; ok {
			return v, true
		}
		return was, known
	}
	if depth > maxNesting {
		return was, known
	}
	r, doc, err := d.renderer(s.parent, depth+1)
	if err != nil {
		return was, known
	}
	n, _, err := doc.At(r.root, parameterPath(s, name))
	if err != nil || n == nil {
		return was, known
	}
	v := r.value(n)
	switch v := v.(type) {
	case unknown:
		if v.stable && known && was != "****" && handed(d.originals[s.parent.ID], s.LogicalID, name).raw == handed(d.current[s.parent.ID], s.LogicalID, name).raw {
			return was, true
		}
	case commaList:
		return string(v), true
	case []any:
		var items []string
		for _, x := range v {
			text, ok := x.(string)
			if !ok {
				return x, true
			}
			items = append(items, text)
		}
		return strings.Join(items, ","), true
	case noValue:
		return nil, false
	}
	return v, true
}

// parameterPath is where the parent's template hands a nested stack's parameter
// down.
func parameterPath(s *Stack, name string) string {
	return "/Resources/" + tree.Escape(s.LogicalID) + "/Properties/Parameters/" + tree.Escape(name)
}

// attributeValue is what a resource's Ref ("") or GetAtt gives, as far as the
// stack's record tells.
func (d *Draft) attributeValue(s *Stack, resource, attribute string, depth int) any {
	if key, ok := strings.CutPrefix(attribute, "Outputs."); ok {
		return d.outputValue(s, resource, key, depth)
	}
	res, ok := s.Resource(resource)
	if !ok && attribute == "" && s.hasParameter(resource) {
		return d.parameterValue(s, nil, resource, depth) // the template does not declare it: it was not read whole
	}
	open := unknown{place: Place{In: PlaceResource, Name: resource, Path: "/Resources/" + tree.Escape(resource)}, stable: true, why: "an attribute of resource " + resource}
	if !ok {
		open.why = "resource " + resource + " is not in the stack"
		return open
	}
	if v := s.attribute(res, attribute); v != "" {
		return v
	}
	return open
}

// attribute is a resource's Ref or GetAtt where it follows from the physical
// id, else "".
func (s *Stack) attribute(r Resource, attribute string) string {
	id := s.Recorded(r.LogicalID)
	switch {
	case attribute == "":
		return id // what Ref gives for all but a few types
	case r.Type == repositoryType && attribute == "RepositoryUri" && id != "":
		var o FindOptions
		o.context(s)
		suffix := (&imageFinder{opts: o}).pseudo("AWS::URLSuffix")
		if o.Account == "" || o.Region == "" || suffix == "" {
			return ""
		}
		return o.Account + ".dkr.ecr." + o.Region + "." + suffix + "/" + id
	}
	return ""
}

// outputValue is what an output of a nested stack will be.
func (d *Draft) outputValue(s *Stack, child, key string, depth int) any {
	i := slices.IndexFunc(s.Children, func(c *Stack) bool { return c.LogicalID == child })
	place := Place{In: PlaceStack, Name: child + ".Outputs." + key}
	if i < 0 {
		return unknown{place: place, stable: true, why: "an output of a nested stack that is not there"}
	}
	c := s.Children[i]
	if depth < maxNesting {
		if r, doc, err := d.renderer(c, depth+1); err == nil {
			if n, _, err := doc.At(r.root, "/Outputs/"+tree.Escape(key)+"/Value"); err == nil {
				switch v := r.value(n).(type) {
				case string:
					return v
				case unknown:
					if !v.stable {
						return v
					}
				}
			}
		}
	}
	if o, ok := c.Output(key); ok {
		return o.Value
	}
	return unknown{place: place, stable: true, why: "an output that nested stack " + c.Name + " does not have"}
}
