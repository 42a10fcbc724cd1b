// Package tree reads a CloudFormation template, YAML or JSON, into nodes that
// know which bytes they came from, replaces bytes, and proves afterwards that
// nothing else changed.
//
// It never writes a template from its nodes: a template is only ever changed
// by splicing bytes, see [Doc.Splice].
package tree

import "strings"

// Kind is the shape of a node.
type Kind uint8

// The shapes. Alias is a YAML alias (*name).
const (
	Scalar Kind = iota + 1
	Sequence
	Mapping
	Alias
)

// Style is how a node is written.
type Style uint8

// The styles. A scalar is Plain, Single, Double, Literal or Folded (the YAML
// names) or String (a JSON string; JSON numbers, true, false and null are
// Plain). A collection is Block or Flow; every JSON collection is Flow.
const (
	Plain Style = iota + 1
	Single
	Double
	Literal
	Folded
	String
	Block
	Flow
)

// Node is one value of a template.
type Node struct {
	Kind     Kind
	Style    Style
	InFlow   bool   // inside a flow collection
	Anchored bool   // has a YAML anchor
	target   bool   // an alias refers to it
	start    int32  // first byte: tag, anchor or content
	end      int32  // byte after the last; 0 where not yet known: see Doc.end
	Tag      string // YAML tag: local ("!Sub"), explicit or resolved core tag ("!!int"); "" for JSON
	Value    string // decoded text of a scalar, name of an alias
	// Items are the items of a sequence, keys and values in turn of a mapping,
	// and the one target, perhaps an ancestor, of an alias.
	Items []*Node
}

// Local returns the node's local tag ("!Sub"), or "" where it has none.
func (n *Node) Local() string {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return n.Tag
	}
	return ""
}

// Null reports whether the node is a null: JSON null, or YAML's ~, null or
// nothing at all.
func (n *Node) Null() bool {
	return n.Kind == Scalar && (n.Tag == "!!null" || n.Tag == "" && n.Style == Plain && n.Value == "null")
}

// Get returns the value of the last entry with that key, nil where n is no
// mapping or has none. It follows no alias and no merge key.
func (n *Node) Get(key string) *Node {
	var v *Node
	if n != nil && n.Kind == Mapping {
		for i := 0; i+1 < len(n.Items); i += 2 {
			if n.Items[i].Kind == Scalar && n.Items[i].Value == key {
				v = n.Items[i+1]
			}
		}
	}
	return v
}

// Follow returns the target of an alias (through aliases of aliases), and
// every other node as it is.
func (n *Node) Follow() *Node {
	for range 64 {
		if n == nil || n.Kind != Alias {
			return n
		}
		n = n.Items[0]
	}
	return n
}
