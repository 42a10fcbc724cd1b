package cfnx

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// condition evaluates a condition of the template: a bool, or an unknown.
func (r *renderer) condition(name string) any {
	if v, known := r.conds[name]; known {
		if v == nil {
			return unknown{place: Place{In: PlaceCondition, Name: name}, why: "condition " + name + " depends on itself"}
		}
		return v
	}
	if r.conds == nil {
		r.conds = map[string]any{}
	}
	r.conds[name] = nil
	n := r.root.Get("Conditions").Follow().Get(name)
	var v any = unknown{place: Place{In: PlaceCondition, Name: name}, why: "condition " + name + " is not in the template"}
	if n != nil {
		v = r.truth(exprAt(n), 0)
	}
	r.conds[name] = v
	return v
}

// truth evaluates Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
func (r *renderer) truth(e exprNode, depth int) any {
	open := unknown{place: Place{In: PlaceCondition}, stable: true, why: "a condition that is not understood"}
	if e.Node == nil || depth > 50 {
		return open
	}
	fn, arg := e.call()
	switch fn {
	case "Condition":
		return r.condition(arg.Value)
	case "Fn::Equals":
		args := arg.exactly(2)
		if args == nil {
			return open
		}
		a, b := r.render(args[0], depth+1), r.render(args[1], depth+1)
		for _, v := range []any{a, b} {
			if u, ok := v.(unknown); ok {
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
		if args := arg.exactly(1); args != nil {
			if v, ok := r.truth(args[0], depth+1).(bool); ok {
				return !v
			}
			return r.truth(args[0], depth+1)
		}
	case "Fn::And", "Fn::Or":
		var undecided any
		for _, a := range arg.args() {
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

// rendered reports whether what is at a JSON pointer of the template becomes
// part of the stack: whether no condition of its resource or of an Fn::If on
// the way says otherwise. A condition that is not known does not.
func (r *renderer) rendered(path string) bool {
	steps := strings.Split(path, "/")
	n := r.root
	for i := 1; i < len(steps); i++ {
		step := strings.ReplaceAll(strings.ReplaceAll(steps[i], "~1", "/"), "~0", "~")
		n = n.Follow()
		if n == nil {
			return true
		}
		if fn, arg := (exprNode{Node: n}).call(); fn == "Fn::If" && step == fn {
			args := arg.exactly(3)
			if args == nil || i+1 >= len(steps) {
				return true
			}
			if c, known := r.condition(args[0].Value).(bool); known && c != (steps[i+1] == "1") {
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
				if v, known := r.condition(c.Value).(bool); known && !v {
					return false
				}
			}
		}
	}
	return true
}

func index(s string, n int) int {
	i := 0
	for _, c := range s {
		if c < '0' || c > '9' || i > n {
			return -1
		}
		i = i*10 + int(c-'0')
	}
	if s == "" || i >= n {
		return -1
	}
	return i
}
