package cfnx

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// Kinds of differences, which Difference.Kind documents.
const (
	notRendered = "not-rendered"
	notServing  = "not-serving"
	otherValue  = "other-value"
	notKnown    = "not-known"
)

// Difference is one property in which the task definition that a template
// renders differs from one that serves. It holds no value of either.
type Difference struct {
	// StackID, Stack and Resource are the task definition's in the tree.
	StackID  string `json:"stackId"`
	Stack    string `json:"stack"`
	Resource string `json:"resource"`
	// Container is the container's name; "" for the task definition itself.
	Container string `json:"container,omitempty"`
	// Property is the path of the property below the container or the task
	// definition: "Environment.SMTP_HOST", "Secrets.KEY", "Command", "Memory".
	// It is "" for a container that one side alone has.
	Property string `json:"property,omitempty"`
	// Kind is
	//   - "not-rendered": what serves has the property, the template does not set
	//     it;
	//   - "not-serving": the template sets the property, what serves does not
	//     have it;
	//   - "other-value": both have it, with different values;
	//   - "not-known": what the template comes to is not known, which is not
	//     equal.
	Kind string `json:"kind"`
	// Why is more about a value that is not known.
	Why string `json:"why,omitempty"`
	// Sources are where a value that is not known comes from.
	Sources []template.Source `json:"places,omitempty"`
	// Where is where [Draft.CarryRevision] has changed it: "template", or
	// "parameter NAME" or "mapping"; "" for a difference that was not carried.
	Where string `json:"where,omitempty"`
}

// String is one line, without values.
func (d Difference) String() string {
	s := fmt.Sprintf("stack %s: %s: ", d.Stack, d.Resource)
	if d.Container != "" {
		s += "container " + d.Container + ": "
	}
	if d.Property != "" {
		s += d.Property + ": "
	}
	switch d.Kind {
	case notRendered:
		s += "the template does not set it"
	case notServing:
		s += "what serves does not have it"
	case otherValue:
		s += "the template sets another value"
	case notKnown:
		s += "what the template comes to is not known"
	}
	if d.Why != "" {
		s += ": " + d.Why
	}
	return s
}

// TaskDefinitionOf follows a service's TaskDefinition through Ref, parameters
// and outputs of nested stacks to the resource of the tree that it names.
func (d *Draft) TaskDefinitionOf(s *Stack, service string) (*Stack, string, bool) {
	r, doc, err := d.renderer(s, 0)
	if err != nil {
		return nil, "", false
	}
	n, _, err := doc.At(r.Root, propertyPath(service, "TaskDefinition"))
	if err != nil {
		return nil, "", false
	}
	return d.follow(s, r, expr.At(n), 0)
}

// follow follows an expression to the one resource of the tree that it names.
func (d *Draft) follow(s *Stack, r *expr.Renderer, e expr.Node, depth int) (*Stack, string, bool) {
	if depth > maxNesting {
		return nil, "", false
	}
	at := func(s *Stack, path string) (*Stack, string, bool) {
		r, doc, err := d.renderer(s, 0)
		if err != nil {
			return nil, "", false
		}
		n, _, err := doc.At(r.Root, path)
		if err != nil {
			return nil, "", false
		}
		return d.follow(s, r, expr.At(n), depth+1)
	}
	fn, arg := e.Call()
	name, attribute := "", ""
	switch fn {
	case "Ref":
		name = arg.Value
	case "Fn::GetAtt":
		name, attribute, _ = strings.Cut(arg.Dotted(), ".")
	case "Fn::Sub":
		tmpl, vars := arg.SubTemplate()
		if tmpl.Node == nil {
			return nil, "", false
		}
		text := strings.TrimSpace(tmpl.Value)
		if !strings.HasPrefix(text, "${") || strings.IndexByte(text, '}') != len(text)-1 {
			return nil, "", false
		}
		name = strings.TrimSpace(text[2 : len(text)-1])
		if v := vars.Follow().Get(name); v != nil {
			return d.follow(s, r, expr.At(v), depth+1)
		}
		name, attribute, _ = strings.Cut(name, ".")
	case "Fn::If":
		args := arg.Exactly(3)
		if args == nil {
			return nil, "", false
		}
		c, known := r.Condition(args[0].Value).(bool)
		switch {
		case !known:
			return nil, "", false
		case c:
			return d.follow(s, r, args[1], depth+1)
		}
		return d.follow(s, r, args[2], depth+1)
	case "Fn::Select":
		args := arg.Exactly(2)
		if args == nil {
			return nil, "", false
		}
		index, _ := r.Render(args[0], 0).(string)
		items := args[1].Args()
		if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(items) {
			return d.follow(s, r, items[i], depth+1)
		}
		return nil, "", false
	case "":
		// An ARN that is written out, or given as a parameter's value.
		if text, ok := e.Text(); ok {
			return d.named(text)
		}
		return nil, "", false
	default:
		return nil, "", false
	}
	if key, ok := strings.CutPrefix(attribute, "Outputs."); ok {
		i := slices.IndexFunc(s.Children, func(c *Stack) bool { return c.LogicalID == name })
		if i < 0 {
			return nil, "", false
		}
		return at(s.Children[i], "/Outputs/"+tree.Escape(key)+"/Value")
	}
	if r.Root.Get("Parameters").Follow().Get(name) == nil {
		if r.Root.Get("Resources").Follow().Get(name) == nil {
			return nil, "", false
		}
		return s, name, true
	}
	if s.parent != nil {
		if st, id, ok := at(s.parent, parameterPath(s, name)); ok {
			return st, id, true
		}
	}
	text, _ := r.Parameter(name).(string)
	return d.named(text)
}

// named is the resource of the tree with a physical id.
func (d *Draft) named(physical string) (*Stack, string, bool) {
	if !strings.HasPrefix(physical, "arn:") {
		return nil, "", false
	}
	for s := range d.Tree.All() {
		for _, r := range s.Resources {
			if s.Recorded(r.LogicalID) == physical {
				return s, r.LogicalID, true
			}
		}
	}
	return nil, "", false
}

// ServiceDifferences compares the task definition that the draft renders for a
// service with one that serves, in everything but images: environment, secrets,
// command, ports, roles, cpu, memory, health check, volumes and whatever else
// either of them sets. Values that ECS fills in are no differences.
//
// serving is a task definition as encoding/json writes it: *types.TaskDefinition
// of the SDK, what the AWS CLI prints, or a map; keys may begin in lower case.
// Of an environment variable, "valueSha256", the SHA-256 of the value in
// hexadecimal digits, may be given in the place of "value".
//
// recorded is, in the same form, the revision that the stack has recorded for
// the task definition, nil where it is not known. It gives what the template
// does not tell and an update renders again as it was: attributes of resources,
// imports, parameters with NoEcho. It also proves that the template is the one
// it was rendered from: where the two disagree the value is "not-known".
//
// A reference that cannot be followed is one Difference, of the service's
// TaskDefinition. The result is sorted by container and property. It is pure.
func (d *Draft) ServiceDifferences(s *Stack, service string, serving, recorded any) ([]Difference, error) {
	st, id, ok := d.TaskDefinitionOf(s, service)
	if !ok {
		return []Difference{{StackID: s.ID, Stack: s.Name, Resource: service, Property: "TaskDefinition", Kind: notKnown, Why: "it cannot be followed to a resource of the tree"}}, nil
	}
	return d.TaskDefinitionDifferences(st, id, serving, recorded)
}

// TaskDefinitionDifferences is [Draft.ServiceDifferences] of a task definition
// of the tree.
func (d *Draft) TaskDefinitionDifferences(s *Stack, logicalID string, serving, recorded any) ([]Difference, error) {
	is, was, err := taskDocuments(serving, recorded)
	if err != nil {
		return nil, err
	}
	diffs, err := d.taskDifferences(s, logicalID, is, was)
	if err != nil {
		return nil, err
	}
	var out []Difference
	for _, x := range diffs {
		out = append(out, x.Difference)
	}
	return out, nil
}

// taskDocuments reads what serves, and what is recorded where that is known.
func taskDocuments(serving, recorded any) (is, was taskProperties, err error) {
	if is, err = taskDocument(serving); err != nil {
		return nil, nil, fmt.Errorf("serving task definition: %w", err)
	}
	if recorded != nil {
		if was, err = taskDocument(recorded); err != nil {
			return nil, nil, fmt.Errorf("recorded task definition: %w", err)
		}
	}
	return is, was, nil
}

// taskDifferences compares what the draft renders for a task definition.
func (d *Draft) taskDifferences(s *Stack, logicalID string, is, was taskProperties) ([]taskDifference, error) {
	t, err := d.renderedTask(s, logicalID)
	if err != nil {
		return nil, err
	}
	original, err := d.unchanged().renderedTask(s, logicalID)
	if err != nil {
		return nil, err
	}
	out := compareTasks(t, original, is, was)
	for i := range out {
		out[i].StackID, out[i].Stack, out[i].Resource = s.ID, s.Name, logicalID
	}
	return out, nil
}

// unchanged is a draft of the templates as they were read.
func (d *Draft) unchanged() *Draft {
	out := d.clone()
	out.current, out.Parameters = maps.Clone(d.originals), map[string]string{}
	return out
}

// renderedTask is what the draft renders for a task definition.
func (d *Draft) renderedTask(s *Stack, logicalID string) (taskProperties, error) {
	r, doc, err := d.renderer(s, 0)
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	var rendered any = expr.Unknown{Why: "resource " + logicalID + " is not in the template", Kind: expr.SourceResource, Name: logicalID}
	if n, _, err := doc.At(r.Root, "/Resources/"+tree.Escape(logicalID)+"/Properties"); err == nil {
		rendered = r.Value(n)
	}
	t := taskProperties{}
	t.add(rendered)
	return t, nil
}
