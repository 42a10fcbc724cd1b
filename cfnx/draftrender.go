package cfnx

import (
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

const repositoryType = "AWS::ECR::Repository"

// renderer evaluates expressions of a stack's template as the draft has it,
// with the parameters that the update would give.
func (d *Draft) renderer(s *Stack, depth int) (*expr.Renderer, *tree.Doc, error) {
	doc, err := d.parse(d.current[s.ID])
	if err != nil {
		return nil, nil, err
	}
	if len(doc.Roots) == 0 {
		return nil, nil, template.ErrNotTemplate // of a stack that is gone
	}
	r := &expr.Renderer{Root: doc.Roots[0].Follow()}
	if r.Root == nil || r.Root.Kind != tree.Mapping {
		return nil, nil, template.ErrNotTemplate
	}
	o := findContext(s)
	r.Pseudo = func(name string) string {
		switch name {
		case "AWS::StackName":
			return s.Name
		case "AWS::StackId":
			return s.ID
		}
		return expr.Pseudo(name, o.Account, o.Region, o.Partition)
	}
	r.Parameter = func(name string) any { return d.parameterValue(s, r.Root, name, depth) }
	r.Attribute = func(resource, attribute string) any { return d.attributeValue(s, resource, attribute, depth) }
	return r, doc, nil
}

// parse parses a template, or finds it parsed: a draft reads the same ones again
// and again. What was parsed is never changed.
func (d *Draft) parse(body []byte) (*tree.Doc, error) {
	if len(body) == 0 {
		return tree.Parse(body, tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth})
	}
	key := &body[0]
	if doc := d.parsed[key]; doc != nil && len(doc.Text) == len(body) {
		return doc, nil
	}
	doc, err := tree.Parse(body, tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth})
	if err == nil && d.parsed != nil {
		if len(d.parsed) >= maxParsed {
			clear(d.parsed)
		}
		d.parsed[key] = doc
	}
	return doc, err
}

// maxParsed is how many templates a draft keeps parsed.
const maxParsed = 64

// parameterValue is what a stack's parameter will be.
func (d *Draft) parameterValue(s *Stack, root *tree.Node, name string, depth int) any {
	decl := root.Get("Parameters").Follow().Get(name).Follow()
	path := "/Parameters/" + tree.Escape(name)
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
		return expr.Unknown{Kind: expr.SourceParameter, Name: name, Path: path, Stable: true, Why: "a parameter without a value"}
	case !isText:
		return value
	case strings.HasPrefix(typ, "AWS::SSM::Parameter::Value"), typ == "" && s.resolved(name):
		return expr.Unknown{Kind: expr.SourceSSM, Name: text, Path: path, Why: "a parameter of Systems Manager, which the update reads again"}
	case text == "****":
		return expr.Unknown{Kind: expr.SourceParameter, Name: name, Path: path, Stable: true, Why: "a parameter with NoEcho"}
	case strings.HasPrefix(typ, "List<") || typ == "CommaDelimitedList":
		return expr.List(text)
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
	if d.blind {
		was, known = nil, false
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
	n, _, err := doc.At(r.Root, parameterPath(s, name))
	if err != nil || n == nil {
		return was, known
	}
	v := r.Value(n)
	switch v := v.(type) {
	case expr.Unknown:
		if v.Stable && known && was != "****" && handed(d.originals[s.parent.ID], s.LogicalID, name).raw == handed(d.current[s.parent.ID], s.LogicalID, name).raw {
			return was, true
		}
	case expr.List:
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
	case expr.Nothing:
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
	open := expr.Unknown{Kind: expr.SourceResource, Name: resource, Path: "/Resources/" + tree.Escape(resource), Stable: true, Why: "an attribute of resource " + resource}
	if !ok {
		open.Why = "resource " + resource + " is not in the stack"
		return open
	}
	if v := s.attribute(res, attribute); v != "" && !d.blind {
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
		o := findContext(s)
		suffix := expr.Pseudo("AWS::URLSuffix", o.Account, o.Region, o.Partition)
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
	name := child + ".Outputs." + key
	if i < 0 {
		return expr.Unknown{Kind: expr.SourceStack, Name: name, Stable: true, Why: "an output of a nested stack that is not there"}
	}
	c := s.Children[i]
	if depth < maxNesting {
		if r, doc, err := d.renderer(c, depth+1); err == nil {
			if n, _, err := doc.At(r.Root, "/Outputs/"+tree.Escape(key)+"/Value"); err == nil {
				switch v := r.Value(n).(type) {
				case string:
					return v
				case expr.Unknown:
					if !v.Stable {
						return v
					}
				}
			}
		}
	}
	if o, ok := c.Output(key); ok && !d.blind {
		return o.Value
	}
	return expr.Unknown{Kind: expr.SourceStack, Name: name, Stable: true, Why: "an output that nested stack " + c.Name + " does not have"}
}
