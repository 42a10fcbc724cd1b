package cfnsim

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// scope is what a template's values are computed in.
type scope struct {
	ctx        context.Context
	svc        *Service
	stackID    string
	stackName  string
	noticeARNs []string
	t          *template
	arguments  []argument
	conditions map[string]bool
	// ref and att give a resource's Ref and GetAtt values.
	ref   func(id string) (any, error)
	att   func(id, attribute string) (any, error)
	steps int
	// made is how much text functions put together.
	made int
}

// absent is the value of AWS::NoValue.
type absent struct{}

// unknown is a value that a change set cannot tell, because the resource it
// comes from would be created or replaced.
type unknown struct{ cause string }

const knownAfterApply = "{{changeSet:KNOWN_AFTER_APPLY}}"

// step bounds the work of one evaluation.
func (c *scope) step(depth int) error {
	if c.steps++; c.steps > maxNodes || c.made > maxText || depth > maxDepth {
		return errTooDeep
	}
	return nil
}

// value computes v. Members and elements that are AWS::NoValue vanish.
func (c *scope) value(v any, depth int) (any, error) {
	if err := c.step(depth); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case object:
		if name, arg, ok := function(v); ok && name != "Condition" {
			return c.call(name, arg, depth)
		}
		m := make(object, len(v))
		for _, k := range sorted(v) {
			e, err := c.value(v[k], depth+1)
			if err != nil {
				return nil, err
			}
			if _, gone := e.(absent); !gone {
				m[k] = e
			}
		}
		return m, nil
	case []any:
		return c.list(v, depth)
	}
	return v, nil
}

func (c *scope) list(v []any, depth int) ([]any, error) {
	l := make([]any, 0, len(v))
	for _, e := range v {
		e, err := c.value(e, depth+1)
		if err != nil {
			return nil, err
		}
		if _, gone := e.(absent); !gone {
			l = append(l, e)
		}
	}
	return l, nil
}

// values computes a list that may itself be a function's result.
func (c *scope) values(v any, depth int) ([]any, error) {
	e, err := c.value(v, depth+1)
	if err != nil {
		return nil, err
	}
	switch e := e.(type) {
	case []any:
		return e, nil
	case unknown:
		return []any{e}, nil
	}
	return nil, invalid("Template error: a list was expected")
}

// ref is the value of a Ref.
func (c *scope) refValue(name string) (any, error) {
	w := c.svc.world
	switch name {
	case "AWS::AccountId":
		return w.Account, nil
	case "AWS::NotificationARNs":
		l := []any{}
		for _, a := range c.noticeARNs {
			l = append(l, a)
		}
		return l, nil
	case "AWS::NoValue":
		return absent{}, nil
	case "AWS::Partition":
		return w.Partition, nil
	case "AWS::Region":
		return w.Region, nil
	case "AWS::StackId":
		return c.stackID, nil
	case "AWS::StackName":
		return c.stackName, nil
	case "AWS::URLSuffix":
		return w.URLSuffix(), nil
	}
	if i := slices.IndexFunc(c.arguments, func(a argument) bool { return a.name == name }); i >= 0 {
		return c.arguments[i].get(), nil
	}
	if d, ok := c.t.resource(name); !ok || !c.holds(d.condition) {
		return nil, formatError("Unresolved resource dependencies [" + name + "] in the Resources block of the template")
	}
	return c.ref(name)
}

func (c *scope) attValue(id, attribute string) (any, error) {
	if d, ok := c.t.resource(id); !ok || !c.holds(d.condition) {
		return nil, formatError("Unresolved resource dependencies [" + id + "] in the Resources block of the template")
	}
	return c.att(id, attribute)
}

// holds is a condition's value; no condition holds.
func (c *scope) holds(name string) bool { return name == "" || c.conditions[name] }

// decide computes all conditions of the template.
func (c *scope) decide() error {
	c.conditions = map[string]bool{}
	busy := map[string]bool{}
	for _, name := range sorted(c.t.conditions) {
		if _, err := c.condition(name, busy, 0); err != nil {
			return err
		}
	}
	return nil
}

func (c *scope) condition(name string, busy map[string]bool, depth int) (bool, error) {
	if v, ok := c.conditions[name]; ok {
		return v, nil
	}
	body, ok := c.t.conditions[name]
	if !ok {
		return false, invalid("Template error: unresolved condition dependency " + name + " in Condition")
	}
	if busy[name] {
		return false, invalid("Template error: Found circular condition dependency between conditions " + name)
	}
	busy[name] = true
	v, err := c.test(body, busy, depth)
	if err != nil {
		return false, err
	}
	c.conditions[name] = v
	return v, nil
}

// test computes a condition's body.
func (c *scope) test(v any, busy map[string]bool, depth int) (bool, error) {
	if err := c.step(depth); err != nil {
		return false, err
	}
	m, ok := v.(object)
	if !ok {
		return truth(v), nil
	}
	name, arg, ok := function(m)
	if !ok {
		return false, formatError("Conditions can only be boolean operations on parameters and other conditions")
	}
	if name == "Condition" {
		s, _ := arg.(string)
		return c.condition(s, busy, depth+1)
	}
	l, _ := arg.([]any)
	switch name {
	case "Fn::Equals":
		if len(l) != 2 {
			return false, checkFunction(name, arg)
		}
		a, err := c.value(l[0], depth+1)
		if err != nil {
			return false, err
		}
		b, err := c.value(l[1], depth+1)
		return text(a) == text(b), err
	case "Fn::Not", "Fn::And", "Fn::Or":
		all, one := true, false
		for _, e := range l {
			v, err := c.test(e, busy, depth+1)
			if err != nil {
				return false, err
			}
			all, one = all && v, one || v
		}
		switch name {
		case "Fn::Not":
			if len(l) != 1 {
				return false, invalid("Template error: Fn::Not requires a list argument with one function token")
			}
			return !one, nil
		case "Fn::And":
			return all, nil
		}
		return one, nil
	}
	r, err := c.value(m, depth+1)
	return truth(r), err
}

// resources are the declarations whose condition holds.
func (c *scope) resources() []declaration {
	var out []declaration
	for _, d := range c.t.resources {
		if c.holds(d.condition) {
			out = append(out, d)
		}
	}
	return out
}

// properties computes a resource's properties.
func (c *scope) properties(d declaration) (object, error) {
	c.steps, c.made = 0, 0
	v, err := c.value(mapOf(d.properties), 0)
	if err != nil {
		return nil, err
	}
	m, ok := v.(object)
	if !ok {
		return nil, formatError(fmt.Sprintf("[/Resources/%s/Properties] Properties must be an object.", d.id))
	}
	return m, nil
}

// withMetadata is the declaration with its metadata computed; where that
// needs what is not known yet, it stays as it is written.
func (c *scope) withMetadata(d declaration) declaration {
	if d.metadata == nil {
		return d
	}
	c.steps, c.made = 0, 0
	if v, err := c.value(d.metadata, 0); err == nil && !mentionsUnknown(v) {
		d.metadata = v
	}
	return d
}

func mapOf(m object) object {
	if m == nil {
		return object{}
	}
	return m
}

// checkLive refuses references to resources whose condition does not hold
// (docs/aws/recordings.md cloudformation/engine/test_conditions).
func (c *scope) checkLive() error {
	dead := map[string]bool{}
	for _, d := range c.t.resources {
		if !c.holds(d.condition) {
			dead[d.id] = true
		}
	}
	find := func(v any) []string {
		var lost []string
		for _, n := range references(c.prune(v, 0)) {
			if dead[n] {
				lost = append(lost, n)
			}
		}
		return lost
	}
	var lost []string
	for _, d := range c.resources() {
		lost = append(lost, find(mapOf(d.properties))...)
	}
	if lost = unique(lost); len(lost) > 0 {
		return formatError("Unresolved resource dependencies [" + strings.Join(lost, ", ") + "] in the Resources block of the template")
	}
	for _, o := range c.t.outputs {
		if c.holds(o.condition) {
			lost = append(lost, find(o.value)...)
		}
	}
	if lost = unique(lost); len(lost) > 0 {
		return invalid("Unresolved resource dependencies [" + strings.Join(lost, ", ") + "] in the Outputs block of the template")
	}
	return nil
}

// prune keeps the live branch of every Fn::If.
func (c *scope) prune(v any, depth int) any {
	if depth > maxDepth {
		return nil
	}
	switch v := v.(type) {
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = c.prune(e, depth+1)
		}
		return l
	case object:
		if l, ok := v["Fn::If"].([]any); ok && len(v) == 1 && len(l) == 3 {
			if name, ok := l[0].(string); ok {
				if c.conditions[name] {
					return c.prune(l[1], depth+1)
				}
				return c.prune(l[2], depth+1)
			}
		}
		m := make(object, len(v))
		for k, e := range v {
			m[k] = c.prune(e, depth+1)
		}
		return m
	}
	return v
}
