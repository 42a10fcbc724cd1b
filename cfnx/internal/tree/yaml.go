package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads every document of the text.
func (d *Doc) parseYAML(depth int) (err error) {
	// The library panics on a few broken inputs where it should return an
	// error ("internal error: … (please report)").
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Offset: -1, Err: ErrSyntax, Detail: fmt.Sprint(r)}
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(d.Text))
	c := &yamlReader{doc: d, depth: depth}
	for {
		var n yaml.Node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return yamlError(err)
		}
		if len(n.Content) != 1 {
			continue
		}
		root, err := c.node(n.Content[0], 0, false)
		if err != nil {
			return err
		}
		d.Roots = append(d.Roots, root)
	}
}

// yamlError turns "yaml: line 3: text" into an Error.
func yamlError(err error) *Error {
	e := &Error{Offset: -1, Err: ErrSyntax, Detail: strings.TrimPrefix(err.Error(), "yaml: ")}
	if rest, ok := strings.CutPrefix(e.Detail, "line "); ok {
		if num, text, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(num); err == nil {
				e.Line, e.Detail = line, text
			}
		}
	}
	return e
}

// yamlReader turns the library's nodes into ours, in slabs, so that a template
// of a hundred thousand nodes costs a few hundred allocations.
type yamlReader struct {
	doc     *Doc
	depth   int
	nodes   []Node
	items   []*Node
	anchors map[*yaml.Node]*Node
}

func (c *yamlReader) new() *Node {
	if len(c.nodes) == 0 {
		c.nodes = make([]Node, 256)
	}
	n := &c.nodes[0]
	c.nodes = c.nodes[1:]
	return n
}

func (c *yamlReader) slots(n int) []*Node {
	if n > 256 {
		return make([]*Node, n)
	}
	if len(c.items) < n {
		c.items = make([]*Node, 1024)
	}
	s := c.items[:n:n]
	c.items = c.items[n:]
	return s
}

func (c *yamlReader) node(y *yaml.Node, depth int, inFlow bool) (*Node, error) {
	n := c.new()
	n.Tag, n.Value, n.Anchor, n.InFlow = y.Tag, y.Value, y.Anchor, inFlow
	n.start = int32(c.doc.lines.offset(y.Line, y.Column))
	if n.Anchor != "" {
		if c.anchors == nil {
			c.anchors = map[*yaml.Node]*Node{}
		}
		c.anchors[y] = n
	}
	switch y.Kind {
	case yaml.ScalarNode:
		n.Kind, n.Style = Scalar, scalarStyle(y.Style)
		return n, nil
	case yaml.AliasNode:
		n.Kind = Alias
		n.Alias = c.anchors[y.Alias]
		if n.Alias == nil {
			return nil, c.doc.errorAt(int(n.start), ErrSyntax, "unknown anchor "+strconv.Quote(y.Value))
		}
		if !n.Alias.target {
			n.Alias.target = true
			c.doc.targets = append(c.doc.targets, n.Alias)
		}
		return n, nil
	case yaml.SequenceNode:
		n.Kind = Sequence
	case yaml.MappingNode:
		n.Kind = Mapping
	default:
		return nil, c.doc.errorAt(int(n.start), ErrSyntax, "unexpected kind of node")
	}
	n.Style = Block
	if y.Style&yaml.FlowStyle != 0 {
		n.Style = Flow
	}
	if depth >= c.depth {
		return nil, c.doc.errorAt(int(n.start), ErrLimit, fmt.Sprintf("nested deeper than %d levels", c.depth))
	}
	n.Items = c.slots(len(y.Content))
	for i, y := range y.Content {
		item, err := c.node(y, depth+1, n.Style == Flow)
		if err != nil {
			return nil, err
		}
		n.Items[i] = item
	}
	return n, nil
}

func scalarStyle(s yaml.Style) Style {
	switch {
	case s&yaml.DoubleQuotedStyle != 0:
		return Double
	case s&yaml.SingleQuotedStyle != 0:
		return Single
	case s&yaml.LiteralStyle != 0:
		return Literal
	case s&yaml.FoldedStyle != 0:
		return Folded
	}
	return Plain
}
