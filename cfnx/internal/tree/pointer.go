package tree

import (
	"strconv"
	"strings"
)

// Function returns the long name of a short-form tag: "Fn::Sub" of "!Sub",
// "Ref" of "!Ref".
func Function(tag string) string {
	switch tag {
	case "!Ref", "!Condition":
		return tag[1:]
	}
	return "Fn::" + strings.TrimPrefix(tag, "!")
}

// Escape writes a key as an element of a JSON pointer (RFC 6901).
func Escape(key string) string {
	if strings.ContainsAny(key, "~/") {
		key = strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
	}
	return key
}

// At returns the node that a JSON pointer names under root. A short-form tag
// is spelt as its long form: below !If the pointer goes on with /Fn::If/1. The
// error is an *Error: ErrNoNode; ErrTwice where a key on the way stands twice;
// ErrShared where the way leads through an alias or the node is one's target.
//
// argument is true where the pointer ends at the long form of the node's tag:
// what it names is the argument of the function, not the call.
func (d *Doc) At(root *Node, pointer string) (n *Node, argument bool, err error) {
	n = root
	if pointer == "" {
		return n, false, nil
	}
	if pointer[0] != '/' {
		return nil, false, &Error{Offset: -1, Err: ErrNoNode, Detail: strconv.Quote(pointer) + " is no JSON pointer"}
	}
	for _, step := range strings.Split(pointer[1:], "/") {
		step = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		if tag := n.Local(); tag != "" && !argument && Function(tag) == step {
			argument = true
			continue
		}
		next, err := d.child(n, step)
		if err != nil {
			return nil, false, err
		}
		if next == nil {
			return nil, false, d.errorAt(int(n.start), ErrNoNode, pointer)
		}
		n, argument = next, false
	}
	if d.Shared(n) {
		return nil, false, d.errorAt(int(n.start), ErrShared, pointer)
	}
	return n, argument, nil
}

func (d *Doc) child(n *Node, step string) (*Node, error) {
	switch n.Kind {
	case Sequence:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Items) && strconv.Itoa(i) == step {
			return n.Items[i], nil
		}
	case Mapping:
		var v *Node
		for i := 0; i+1 < len(n.Items); i += 2 {
			if k := n.Items[i]; k.Kind == Scalar && k.Value == step {
				if v != nil {
					return nil, d.errorAt(int(k.start), ErrTwice, strconv.Quote(step))
				}
				v = n.Items[i+1]
			}
		}
		return v, nil
	case Alias:
		return nil, d.errorAt(int(n.start), ErrShared, "*"+n.Value)
	}
	return nil, nil
}
