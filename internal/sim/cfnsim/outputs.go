package cfnsim

import (
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// compute reads the outputs of the scope's template.
func (s *stack) compute(c *scope) ([]types.Output, error) {
	var out []types.Output
	for _, d := range c.t.outputs {
		if !c.holds(d.condition) {
			continue
		}
		c.steps, c.made = 0, 0
		v, err := c.value(d.value, 0)
		if err != nil {
			return nil, errors.New(message(err))
		}
		switch v.(type) {
		case absent:
			continue
		case []any, object:
			return nil, reason("Template format error: The Value field of every Outputs member must evaluate to a String.")
		}
		o := types.Output{OutputKey: ptr(d.name), OutputValue: ptr(text(v))}
		if d.description != "" {
			o.Description = ptr(d.description)
		}
		if d.export != nil {
			n, err := c.value(d.export, 0)
			if err != nil {
				return nil, errors.New(message(err))
			}
			o.ExportName = ptr(text(n))
		}
		out = append(out, o)
	}
	return out, nil
}

// publish makes the outputs of the finished update the stack's: outputs are
// computed when an operation ends (docs/aws/cfn.md 1.7).
func (s *stack) publish(c *scope) error {
	out, err := s.compute(c)
	if err != nil {
		return err
	}
	if err := s.checkExports(out); err != nil {
		return err
	}
	s.outputs = out
	return nil
}

// rolledBackOutputs are the outputs after a rollback: those from before the
// update, but for what a skip may do to them (docs/aws/cfn.md 1.7, uncertain:
// simtype.Switches.OutputsAfterSkip).
func (s *stack) rolledBackOutputs() []types.Output {
	mode := s.svc.world.Switches.OutputsAfterSkip
	if mode == "kept" || s.stable == nil {
		return s.before
	}
	touched := s.skippedNames(mode)
	if len(touched) == 0 {
		return s.before
	}
	switch mode {
	case "child-dropped":
		if s.parent != nil {
			return nil
		}
		return s.before
	case "dropped":
		return slices.DeleteFunc(slices.Clone(s.before), func(o types.Output) bool { return s.reads(str(o.OutputKey), touched) })
	}
	return s.staleOutputs(touched)
}

// skippedNames are the resources that the rollback left alone; a nested stack
// counts when it lost outputs.
func (s *stack) skippedNames(mode string) []string {
	var ids []string
	s.each(func(r *resource) {
		lost := mode == "dropped" && r.child != nil && len(r.child.outputs) < len(r.child.before)
		if r.skipped && r.touched || lost {
			ids = append(ids, r.id)
		}
	})
	return ids
}

// reads reports whether an output of the stable template reads one of the
// resources; of a nested stack only outputs that are gone count.
func (s *stack) reads(output string, ids []string) bool {
	i := slices.IndexFunc(s.stable.t.outputs, func(d outputDecl) bool { return d.name == output })
	if i < 0 {
		return false
	}
	hit := false
	v := s.stable.t.outputs[i].value
	for _, id := range references(v) {
		if !slices.Contains(ids, id) {
			continue
		}
		r := s.resources[id]
		if r == nil || r.child == nil {
			hit = true
			continue
		}
		visitAttributes(v, func(of, attribute string) {
			if _, err := r.child.outputValue(attribute); of == id && err != nil {
				hit = true
			}
		})
	}
	return hit
}

// visitAttributes finds every GetAtt and ${id.attribute} in v.
func visitAttributes(v any, see func(id, attribute string)) {
	switch v := v.(type) {
	case string:
		for _, m := range variable.FindAllStringSubmatch(v, -1) {
			if id, attribute, ok := getAttArgs(m[2]); ok && m[1] == "" {
				see(id, attribute)
			}
		}
	case []any:
		for _, e := range v {
			visitAttributes(e, see)
		}
	case object:
		if name, arg, ok := function(v); ok && name == "Fn::GetAtt" {
			if id, attribute, ok := getAttArgs(arg); ok {
				see(id, attribute)
			}
			return
		}
		for _, k := range sorted(v) {
			visitAttributes(v[k], see)
		}
	}
}

// staleOutputs keeps what the failed update would have shown for outputs that
// read a skipped resource.
func (s *stack) staleOutputs(ids []string) []types.Output {
	c, err := s.scope(s.stable)
	if err != nil {
		return s.before
	}
	att := c.att
	c.att = func(id, attribute string) (any, error) {
		if r := s.resources[id]; r != nil && r.child == nil {
			if v, ok := r.sent[attribute]; ok && slices.Contains(ids, id) {
				return v, nil
			}
		}
		return att(id, attribute)
	}
	out, err := s.compute(c)
	if err != nil {
		return s.before
	}
	for i, o := range out {
		j := slices.IndexFunc(s.before, func(b types.Output) bool { return str(b.OutputKey) == str(o.OutputKey) })
		if j >= 0 && !s.reads(str(o.OutputKey), ids) {
			out[i] = s.before[j]
		}
	}
	return out
}
