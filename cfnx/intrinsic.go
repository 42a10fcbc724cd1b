package cfnx

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// exprNode is a node as the value of an expression: bare says that its tag has
// been taken as the name of a function, so that the rest is its argument.
type exprNode struct {
	*tree.Node
	bare bool
}

// exprAt makes an expression of a node, through aliases.
func exprAt(n *tree.Node) exprNode { return exprNode{Node: n.Follow()} }

// call returns the intrinsic function that the expression calls and its
// argument; fn is "" where it calls none.
func (e exprNode) call() (fn string, arg exprNode) {
	if !e.bare {
		if tag := e.Local(); tag != "" {
			return tree.Function(tag), exprNode{Node: e.Node, bare: true}
		}
	}
	if e.Kind == tree.Mapping && len(e.Items) == 2 && e.Items[0].Kind == tree.Scalar {
		if k := e.Items[0].Value; isFunction(k) {
			return k, exprAt(e.Items[1])
		}
	}
	return "", exprNode{}
}

// args returns the items of a function's argument list.
func (e exprNode) args() []exprNode {
	if e.Kind != tree.Sequence {
		return nil
	}
	out := make([]exprNode, len(e.Items))
	for i, n := range e.Items {
		out[i] = exprAt(n)
	}
	return out
}

// exactly returns the arguments where there are n of them, nil otherwise.
func (e exprNode) exactly(n int) []exprNode {
	if e.Node == nil || e.Kind != tree.Sequence || len(e.Items) != n {
		return nil
	}
	return e.args()
}

// text returns the text of a plain scalar that is no function call.
func (e exprNode) text() (string, bool) {
	if e.Kind != tree.Scalar || !e.bare && e.Local() != "" || e.Null() && !e.bare {
		return "", false
	}
	return e.Value, true
}

// noValue reports whether the expression is Ref AWS::NoValue.
func (e exprNode) noValue() bool {
	fn, arg := e.call()
	return fn == "Ref" && arg.Kind == tree.Scalar && arg.Value == "AWS::NoValue"
}

// isFunction reports whether a key is the name of a function.
func isFunction(key string) bool {
	return key == "Ref" || key == "Condition" || key == "Rain::S3" || strings.HasPrefix(key, "Fn::")
}

// subTemplate returns the template of an Fn::Sub's argument and its map of
// variables, which may be nil.
func (e exprNode) subTemplate() (tmpl exprNode, vars *tree.Node) {
	if e.Kind == tree.Scalar {
		return e, nil
	}
	args := e.args()
	if len(args) == 0 || args[0].Kind != tree.Scalar {
		return exprNode{}, nil
	}
	if len(args) > 1 && args[1].Kind == tree.Mapping {
		vars = args[1].Node
	}
	return args[0], vars
}
