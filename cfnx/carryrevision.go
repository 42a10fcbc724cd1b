package cfnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// CarryRevision writes into the template every difference between the task
// definition that the draft renders and one that serves, images apart, as
// [Draft.ServiceDifferences] returns them: environment, secrets by reference,
// command, ports, cpu, memory, health check and whatever else it compares. Call
// it after [Draft.PatchImages], which may give a parameter the value that
// serves.
//
// logicalID is that of a service, whose TaskDefinition is followed, or of a task
// definition. serving and recorded are as in ServiceDifferences.
//
// A text of the template is changed in its place. A parameter or an entry of a
// mapping is changed where that has no other effect in the tree; otherwise the
// value is written where it is read. What serves does not have is replaced by
// Ref AWS::NoValue. It returns what was carried, with Where.
//
// It returns a *[DraftError] with every difference that cannot be carried, and
// leaves the draft as it was: a branch of a condition that is not known, a part
// that a macro makes or that a YAML alias shares, a container whose name is not
// known, a value that looks like a password and is not written out in the
// template already. The text of a template can be read by whoever may describe
// the stack; a password belongs into Secrets.
//
// Where serving has "valueSha256" in the place of a value, the draft shows
// whether the difference can be carried; [Draft.Apply] refuses it.
func (d *Draft) CarryRevision(s *Stack, logicalID string, serving, recorded any) ([]Difference, error) {
	st, id, err := d.taskDefinition(s, logicalID)
	if err != nil {
		return nil, err
	}
	is, was, err := taskDocuments(serving, recorded)
	if err != nil {
		return nil, err
	}
	diffs, err := d.taskDifferences(st, id, is, was)
	if err != nil {
		return nil, err
	}
	c := carrier{d: d.clone(), s: st, id: id, serving: is, was: was}
	var out []Difference
	var problems []Problem
	note := func(x Difference, err error) error {
		e, ok := errors.AsType[*DraftError](err)
		if !ok {
			return err
		}
		for _, p := range e.Problems {
			p.Resource, p.Container, p.Property = id, x.Container, x.Property
			problems = append(problems, p)
		}
		return nil
	}
	for _, x := range diffs {
		if x.Why == otherTemplate {
			if err := note(x.Difference, c.problem(x, x.Why, template.ErrUnresolved)); err != nil {
				return nil, err
			}
			continue
		}
		if still, err := c.still(x); err != nil || !still {
			if err != nil {
				return nil, err
			}
			continue // a parameter that was changed for another settled it
		}
		where, err := c.carry(x)
		if err != nil {
			if err := note(x.Difference, err); err != nil {
				return nil, err
			}
			continue
		}
		x.Where = where
		out = append(out, x.Difference)
	}
	if len(problems) == 0 {
		left, err := c.left()
		if err != nil {
			return nil, err
		}
		for _, x := range left {
			if err := note(x.Difference, c.problem(x, "it would still differ: "+x.String(), template.ErrElsewhere)); err != nil {
				return nil, err
			}
		}
	}
	if len(problems) > 0 {
		return nil, draftError(problems)
	}
	// Of each service: two that share a task definition may run two revisions.
	c.d.want(s.ID+"/"+logicalID+" revision", func(d *Draft) ([]Problem, error) {
		later := c
		later.d = d
		left, err := later.left()
		var problems []Problem
		for _, x := range left {
			if p, ok := errors.AsType[*DraftError](c.problem(x, "what was asked for later would make it differ from what serves", ErrConflict)); ok {
				problems = append(problems, p.Problems...)
			}
		}
		return problems, err
	})
	if err := c.d.conflicts(); err != nil {
		return nil, err
	}
	d.become(c.d)
	return out, nil
}

// taskDefinition is the task definition that a logical id names: itself, or that
// of a service.
func (d *Draft) taskDefinition(s *Stack, logicalID string) (*Stack, string, error) {
	r, doc, err := d.renderer(s, 0)
	if err != nil {
		return nil, "", fmt.Errorf("stack %s: %w", s.Name, err)
	}
	if n, _, err := doc.At(r.Root, "/Resources/"+tree.Escape(logicalID)+"/Type"); err == nil && n.Value == taskDefinitionType {
		return s, logicalID, nil
	}
	if st, id, ok := d.TaskDefinitionOf(s, logicalID); ok {
		return st, id, nil
	}
	return nil, "", draftError([]Problem{{StackID: s.ID, Stack: s.Name, Resource: logicalID, Property: "TaskDefinition",
		Why: "it cannot be followed to a resource of the tree", Err: template.ErrUnresolved, Sources: []template.Source{{Kind: expr.SourceInline, Path: propertyPath(logicalID, "TaskDefinition")}}}})
}

// carrier carries the differences of one task definition into a clone of the
// draft.
type carrier struct {
	d       *Draft
	s       *Stack
	id      string
	serving taskProperties
	was     taskProperties // recorded
}

func (c *carrier) problem(x taskDifference, why string, err error, places ...template.Source) error {
	return draftError([]Problem{{StackID: c.s.ID, Stack: c.s.Name, Resource: c.id, Container: x.Container, Property: x.Property, Why: why, Err: err, Sources: places}})
}

// left are the differences that are left; that the draft no longer renders what
// was recorded is none.
func (c *carrier) left() ([]taskDifference, error) {
	diffs, err := c.d.taskDifferences(c.s, c.id, c.serving, c.was)
	return slices.DeleteFunc(diffs, func(x taskDifference) bool { return x.Why == otherTemplate }), err
}

// still reports whether a difference is there yet.
func (c *carrier) still(x taskDifference) (bool, error) {
	left, err := c.left()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(left, func(y taskDifference) bool {
		return y.Container == x.Container && strings.EqualFold(y.Property, x.Property)
	}), nil
}

// carry writes one difference and says where.
func (c *carrier) carry(x taskDifference) (where string, err error) {
	if k := x.open.Kind; x.serves && (k == expr.SourceSecret || k == expr.SourceParameter) {
		return "", c.problem(x, x.open.Why+", whose value does not belong into a template", template.ErrUnresolved, sourceOf(x.open))
	}
	l := locator{carrier: c, x: x}
	switch {
	case !x.serves:
		err = c.remove(l, x)
	case x.renders && x.Kind == otherValue:
		return c.change(l, x)
	default:
		err = c.add(l, x)
	}
	return inTemplate, err
}

const inTemplate = "template"

// remove takes away what serves does not have, the whole of a map of which nothing
// serves (docs/aws/cfn.md 8.7).
func (c *carrier) remove(l locator, x taskDifference) error {
	at := x.rendered.at
	for len(at) > 1 && !at[len(at)-1].item && !at[len(at)-2].item && !c.serves(x.Container, at[:len(at)-1]) {
		at = at[:len(at)-1]
	}
	p, err := l.find(at)
	if err != nil {
		return err
	}
	if p.missing != nil {
		return c.problem(x, "it is not found in the template", template.ErrNoValue)
	}
	return c.write(x, p.path, map[string]any{"Ref": "AWS::NoValue"})
}

// serves reports whether what serves has anything at or below a way.
func (c *carrier) serves(container string, at []step) bool {
	for k, p := range c.serving {
		if k.container == container && len(p.at) >= len(at) && slices.EqualFunc(p.at[:len(at)], at, func(a, b step) bool { return strings.EqualFold(a.name, b.name) }) {
			return true
		}
	}
	return false
}

// change gives a property that both sides have the value that serves.
func (c *carrier) change(l locator, x taskDifference) (string, error) {
	at, raw := x.serving.at, x.serving.raw
	if x.serving.member != "" {
		at = append(slices.Clone(at), step{name: x.serving.member})
		raw = c.itemValue(x.serving)
	}
	p, err := l.find(at)
	if err != nil {
		return "", err
	}
	if p.missing != nil {
		return "", c.problem(x, "it is not found in the template", template.ErrNoValue)
	}
	if err := c.presentable(x, p.literal); err != nil {
		return "", err
	}
	if isScalar(raw) {
		if where, ok := c.expression(x, p.path, scalarText(raw)); ok {
			return where, nil
		}
	}
	if err := c.write(x, p.path, raw); err != nil {
		return "", err
	}
	if !p.literal {
		c.d.noteLiteral(c.s, Difference{Resource: c.id, Container: x.Container, Property: x.Property, Sources: []template.Source{{Kind: expr.SourceInline, Path: p.path}}})
	}
	return inTemplate, nil
}

// add writes what the template does not set, or what is not known of it.
func (c *carrier) add(l locator, x taskDifference) error {
	if err := c.presentable(x, false); err != nil {
		return err
	}
	if x.serving.name == "" { // a container
		_, path, err := l.containers()
		if err != nil {
			return err
		}
		return c.write(x, path+"/-", cfnValue("ContainerDefinitions", x.serving.raw))
	}
	at, raw := x.serving.at, x.serving.raw
	if x.serving.member != "" && x.Kind == notKnown {
		at, raw = append(slices.Clone(at), step{name: x.serving.member}), c.itemValue(x.serving)
	}
	p, err := l.find(at)
	if err != nil {
		return err
	}
	name := at[len(at)-1].name
	if at[len(at)-1].item {
		name = at[len(at)-2].name
	}
	value := raw
	if !isScalar(raw) {
		value = cfnValue(name, raw)
	}
	path := p.path
	if p.missing != nil && !p.append {
		// What is there instead of the map or the list goes, as an Fn::If that
		// comes to AWS::NoValue.
		for _, s := range slices.Backward(p.missing) {
			if s.item {
				value = []any{value}
			} else {
				value = map[string]any{s.name: value}
			}
		}
		return c.write(x, path, value)
	}
	for _, s := range p.missing {
		if s.item {
			path += "/-"
		} else {
			path += "/" + tree.Escape(s.name)
		}
	}
	return c.write(x, path, value)
}

// itemValue is the one value of an item of a list.
func (c *carrier) itemValue(p property) any {
	m, _ := p.raw.(map[string]any)
	if v := member(m, p.member); v != nil {
		return v
	}
	return withheld + scalarText(member(m, "valueSha256"))
}

// presentable refuses a value of the environment that looks like a password,
// but where the template has one written out.
func (c *carrier) presentable(x taskDifference, literal bool) error {
	if literal || !strings.HasPrefix(strings.ToLower(x.Property), "environment.") || x.serving.member == "" {
		return nil
	}
	name := x.serving.at[len(x.serving.at)-1].name
	text := name + "=" + scalarText(c.itemValue(x.serving))
	if redact.Text(text) == text {
		return nil
	}
	return c.problem(x, "its value looks like a password, which does not belong into a template: pass it in Secrets, or use the template of your repository", template.ErrBadValue)
}

// write sets a value in the template.
func (c *carrier) write(x taskDifference, path string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("stack %s: %s: %w", c.s.Name, x.Property, err)
	}
	p, err := template.AddEntries(c.d.current[c.s.ID], []template.Entry{{Path: path, Value: b}}, func(o *template.Options) { o.Original, o.Replace = true, true })
	if e, ok := errors.AsType[*template.Error](err); ok {
		return c.problem(x, e.Error(), e.Err, template.Source{Kind: expr.SourceInline, Path: path})
	}
	if err != nil {
		return fmt.Errorf("stack %s: %w", c.s.Name, err)
	}
	c.d.current[c.s.ID] = p.Template
	return nil
}

// expression changes the text that an expression is made of, or the parameter or
// entry of a mapping that it reads where nothing else reads it, and says where.
func (c *carrier) expression(x taskDifference, path, value string) (string, bool) {
	next := c.d.clone()
	if err := next.setExpression(c.s, c.id, x.Property, path, value); err != nil {
		return "", false
	}
	where := inTemplate
	if !maps.Equal(sectionTexts(next.current[c.s.ID], "Mappings"), sectionTexts(c.d.current[c.s.ID], "Mappings")) {
		where = "mapping"
	}
	for name, v := range next.Parameters {
		if was, ok := c.d.Parameters[name]; !ok || was != v {
			where = "parameter " + name
		}
	}
	if !next.onlySettles(c) {
		return "", false
	}
	c.d.become(next)
	return where, true
}

// onlySettles reports whether the draft differs from the carrier's in nothing
// but properties of its task definition that are now as they serve.
func (d *Draft) onlySettles(c *carrier) bool {
	t, err := d.renderedTask(c.s, c.id)
	if err != nil {
		return false
	}
	was, err := c.d.renderedTask(c.s, c.id)
	if err != nil {
		return false
	}
	for _, pair := range [][2]taskProperties{{t, was}, {was, t}} {
		for k, p := range pair[0] {
			if q, ok := pair[1][k]; (!ok || q.value != p.value) && t[k].value != c.serving[k].value {
				return false
			}
		}
	}
	return maps.Equal(c.d.effects(c.s, c.id), d.effects(c.s, c.id))
}
