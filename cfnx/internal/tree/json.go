package tree

import (
	"encoding/json"
	"fmt"
)

// parseJSON reads the text from byte first on, which encoding/json has found
// valid: what is left to do is to note where each token begins and ends.
func (d *Doc) parseJSON(first, depth int) error {
	r := &jsonReader{doc: d, text: string(d.Text), at: first, depth: depth}
	root, err := r.value(0)
	if err != nil {
		return err
	}
	d.Roots = []*Node{root}
	return nil
}

// jsonReader reads values into slabs. The strings of its nodes are parts of
// text where they hold no escape.
type jsonReader struct {
	doc     *Doc
	text    string
	at      int
	depth   int
	slab    slab
	pending []*Node // items of the collections that are not at their end
}

// next skips white space and returns the byte there, 0 at the end.
func (r *jsonReader) next() byte {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return c
		}
	}
	return 0
}

func (r *jsonReader) value(depth int) (*Node, error) {
	c := r.next()
	n := r.slab.node()
	n.start, n.InFlow = int32(r.at), depth > 0
	switch c {
	case '{', '[':
		n.Kind, n.Style = Mapping, Flow
		if c == '[' {
			n.Kind = Sequence
		}
		if depth >= r.depth {
			return nil, r.doc.errorAt(r.at, ErrLimit, fmt.Sprintf("nested deeper than %d levels", r.depth))
		}
		r.at++
		first := len(r.pending)
		for {
			switch r.next() {
			case ',', ':':
				r.at++
				continue
			case '}', ']':
				r.at++
				n.end = int32(r.at)
				n.Items = r.slab.items(len(r.pending) - first)
				copy(n.Items, r.pending[first:])
				r.pending = r.pending[:first]
				return n, nil
			case 0:
				return nil, r.doc.errorAt(r.at, ErrSyntax, "text ends inside a value")
			}
			item, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			r.pending = append(r.pending, item)
		}
	case '"':
		n.Kind, n.Style = Scalar, String
		return n, r.string(n)
	case 0:
		return nil, r.doc.errorAt(r.at, ErrSyntax, "text ends before a value")
	}
	n.Kind, n.Style = Scalar, Plain
	for r.at < len(r.text) && !jsonEnds(r.text[r.at]) {
		r.at++
	}
	if r.at == int(n.start) {
		return nil, r.doc.errorAt(r.at, ErrSyntax, "unexpected character")
	}
	n.end = int32(r.at)
	n.Value = r.text[n.start:n.end]
	return n, nil
}

// jsonEnds reports whether c ends a number, true, false or null.
func jsonEnds(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ':', '}', ']', '{', '[', '"':
		return true
	}
	return false
}

func (r *jsonReader) string(n *Node) error {
	escaped := false
	for r.at++; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case '\\':
			escaped = true
			r.at++
		case '"':
			r.at++
			n.end = int32(r.at)
			if !escaped {
				n.Value = r.text[n.start+1 : n.end-1]
				return nil
			}
			if err := json.Unmarshal(r.doc.Text[n.start:n.end], &n.Value); err != nil {
				return r.doc.errorAt(int(n.start), ErrSyntax, err.Error())
			}
			return nil
		}
	}
	return r.doc.errorAt(int(n.start), ErrSyntax, "string does not end")
}
