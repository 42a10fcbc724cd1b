package expr

import (
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Condition evaluates a Condition of the template: a bool, or an unknown.
func (r *Renderer) Condition(name string) any {
	if v, known := r.conds[name]; known {
		if v == nil {
			return Unknown{Kind: SourceCondition, Name: name, Why: "condition " + name + " depends on itself"}
		}
		return v
	}
	if r.conds == nil {
		r.conds = map[string]any{}
	}
	r.conds[name] = nil
	n := r.Root.Get("Conditions").Follow().Get(name)
	var v any = Unknown{Kind: SourceCondition, Name: name, Why: "condition " + name + " is not in the template"}
	if n != nil {
		v = r.truth(At(n), 0)
	}
	r.conds[name] = v
	return v
}

// truth evaluates Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
func (r *Renderer) truth(e Node, depth int) any {
	open := Unknown{Kind: SourceCondition, Stable: true, Why: "a condition that is not understood"}
	if e.Node == nil || depth > 50 {
		return open
	}
	fn, arg := e.Call()
	switch fn {
	case "Condition":
		return r.Condition(arg.Value)
	case "Fn::Equals":
		args := arg.Exactly(2)
		if args == nil {
			return open
		}
		a, b := r.Render(args[0], depth+1), r.Render(args[1], depth+1)
		for _, v := range []any{a, b} {
			if u, ok := v.(Unknown); ok {
				return u
			}
		}
		x, okA := a.(string)
		y, okB := b.(string)
		if !okA || !okB {
			return open
		}
		return x == y
	case "Fn::Not":
		if args := arg.Exactly(1); args != nil {
			if v, ok := r.truth(args[0], depth+1).(bool); ok {
				return !v
			}
			return r.truth(args[0], depth+1)
		}
	case "Fn::And", "Fn::Or":
		var undecided any
		for _, a := range arg.Args() {
			switch v := r.truth(a, depth+1).(type) {
			case bool:
				if v == (fn == "Fn::Or") {
					return v
				}
			default:
				undecided = v
			}
		}
		if undecided != nil {
			return undecided
		}
		return fn == "Fn::And"
	}
	return open
}

// Active reports whether what is at a JSON pointer of the template becomes
// part of the stack: whether no condition of its resource or of an Fn::If on
// the way says otherwise. A condition that is not known does not.
func (r *Renderer) Active(path string) bool {
	steps := strings.Split(path, "/")
	n := r.Root
	for i := 1; i < len(steps); i++ {
		step := strings.ReplaceAll(strings.ReplaceAll(steps[i], "~1", "/"), "~0", "~")
		n = n.Follow()
		if n == nil {
			return true
		}
		if fn, arg := (Node{Node: n}).Call(); fn == "Fn::If" && step == fn {
			args := arg.Exactly(3)
			if args == nil || i+1 >= len(steps) {
				return true
			}
			if c, known := r.Condition(args[0].Value).(bool); known && c != (steps[i+1] == "1") {
				return false
			}
			i++
			n = args[0].Node
			if steps[i] == "1" || steps[i] == "2" {
				n = args[steps[i][0]-'0'].Node
			}
			continue
		}
		switch n.Kind {
		case tree.Sequence:
			j := index(step, len(n.Items))
			if j < 0 {
				return true
			}
			n = n.Items[j]
		default:
			n = n.Get(step)
		}
		if i == 2 && steps[1] == "Resources" {
			if c := n.Follow().Get("Condition").Follow(); c != nil && c.Kind == tree.Scalar {
				if v, known := r.Condition(c.Value).(bool); known && !v {
					return false
				}
			}
		}
	}
	return true
}

func index(s string, n int) int {
	if i, err := strconv.Atoi(s); err == nil && i >= 0 && i < n {
		return i
	}
	return -1
}
