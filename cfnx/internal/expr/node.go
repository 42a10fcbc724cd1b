package expr

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Node is a node as the value of an expression: bare says that its tag has
// been taken as the name of a function, so that the rest is its argument.
type Node struct {
	*tree.Node
	Bare bool
}

// At makes an expression of a node, through aliases.
func At(n *tree.Node) Node { return Node{Node: n.Follow()} }

// Call returns the intrinsic function that the expression calls and its
// argument; fn is "" where it calls none.
func (e Node) Call() (fn string, arg Node) {
	if !e.Bare {
		if tag := e.Local(); tag != "" {
			return tree.Function(tag), Node{Node: e.Node, Bare: true}
		}
	}
	if e.Kind == tree.Mapping && len(e.Items) == 2 && e.Items[0].Kind == tree.Scalar {
		if k := e.Items[0].Value; isFunction(k) {
			return k, At(e.Items[1])
		}
	}
	return "", Node{}
}

// Args returns the items of a function's argument list.
func (e Node) Args() []Node {
	if e.Kind != tree.Sequence {
		return nil
	}
	out := make([]Node, len(e.Items))
	for i, n := range e.Items {
		out[i] = At(n)
	}
	return out
}

// Exactly returns the arguments where there are n of them, nil otherwise.
func (e Node) Exactly(n int) []Node {
	if e.Node == nil || e.Kind != tree.Sequence || len(e.Items) != n {
		return nil
	}
	return e.Args()
}

// Text returns the Text of a plain scalar that is no function call.
func (e Node) Text() (string, bool) {
	if e.Kind != tree.Scalar || !e.Bare && e.Local() != "" || e.Null() && !e.Bare {
		return "", false
	}
	return e.Value, true
}

// NoValue reports whether the expression is Ref AWS::NoValue.
func (e Node) NoValue() bool {
	fn, arg := e.Call()
	return fn == "Ref" && arg.Kind == tree.Scalar && arg.Value == "AWS::NoValue"
}

// isFunction reports whether a key is the name of a function.
func isFunction(key string) bool {
	return key == "Ref" || key == "Condition" || key == "Rain::S3" || strings.HasPrefix(key, "Fn::")
}

// SubTemplate returns the template of an Fn::Sub's argument and its map of
// variables, which may be nil.
func (e Node) SubTemplate() (tmpl Node, vars *tree.Node) {
	if e.Kind == tree.Scalar {
		return e, nil
	}
	args := e.Args()
	if len(args) == 0 || args[0].Kind != tree.Scalar {
		return Node{}, nil
	}
	if len(args) > 1 && args[1].Kind == tree.Mapping {
		vars = args[1].Node
	}
	return args[0], vars
}

// Dotted returns the argument of a GetAtt as Resource.Attribute.
func (e Node) Dotted() string {
	if e.Kind == tree.Scalar {
		return e.Value
	}
	var names []string
	for _, a := range e.Args() {
		v, ok := a.Text()
		if !ok {
			v = "?"
		}
		names = append(names, v)
	}
	return strings.Join(names, ".")
}
