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
func (d *Doc) parseYAML(depth int) error {
	c := &yamlReader{doc: d, depth: depth}
	return yamlDocuments(d.Text, func(y *yaml.Node) error {
		root, err := c.node(y, 0, false)
		if err == nil {
			d.Roots = append(d.Roots, root)
		}
		return err
	})
}

// yamlDocuments calls fn for the top-level node of every document.
func yamlDocuments(text []byte, fn func(*yaml.Node) error) (err error) {
	// The library panics on a few broken inputs where it should return an
	// error ("internal error: … (please report)").
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Offset: -1, Err: ErrSyntax, Detail: fmt.Sprint(r)}
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var n yaml.Node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return yamlError(err)
		}
		if len(n.Content) == 1 {
			if err := fn(n.Content[0]); err != nil {
				return err
			}
		}
	}
}

// yamlError turns "yaml: line 3: text" into an Error.
func yamlError(err error) *Error {
	e := &Error{Offset: -1, Err: ErrSyntax, Detail: strings.TrimPrefix(err.Error(), "yaml: ")}
	if strings.HasPrefix(e.Detail, "exceeded max depth") {
		e.Err = ErrLimit
	}
	if rest, ok := strings.CutPrefix(e.Detail, "line "); ok {
		if num, text, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(num); err == nil {
				e.Line, e.Detail = line, text
			}
		}
	}
	return e
}

// yamlReader turns the library's nodes into ours.
type yamlReader struct {
	doc     *Doc
	depth   int
	slab    slab
	anchors map[*yaml.Node]*Node
}

func (c *yamlReader) node(y *yaml.Node, depth int, inFlow bool) (*Node, error) {
	n := c.slab.node()
	n.Tag, n.Value, n.InFlow, n.Anchored = y.Tag, y.Value, inFlow, y.Anchor != ""
	n.start = int32(c.doc.lines.offset(y.Line, y.Column))
	if n.Anchored {
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
		target := c.anchors[y.Alias]
		if target == nil {
			return nil, c.doc.errorAt(int(n.start), ErrSyntax, "unknown anchor "+strconv.Quote(y.Value))
		}
		n.Kind = Alias
		n.Items = c.slab.items(1)
		n.Items[0] = target
		if !target.target {
			target.target = true
			c.doc.targets = append(c.doc.targets, target)
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
	n.Items = c.slab.items(len(y.Content))
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
