package tree

import (
	"bytes"
	"fmt"
)

// prove reports an error unless patched is d's text with the edits (sorted)
// and nothing else: every byte outside their spans is the same, and parsed
// again it gives the same tree but for the edited nodes, which are strings of
// the values asked for. It looks at the results only, not at how they came to
// be.
func (d *Doc) prove(patched []byte, edits []Edit, limits Limits) error {
	was, is := 0, 0
	for _, e := range edits {
		same := e.Start - was
		if is+same+len(e.Text) > len(patched) || !bytes.Equal(d.Text[was:e.Start], patched[is:is+same]) {
			return d.errorAt(e.Start, ErrProof, "bytes before an edit differ")
		}
		was, is = e.End, is+same+len(e.Text)
	}
	if !bytes.Equal(d.Text[was:], patched[is:]) {
		return d.errorAt(was, ErrProof, "bytes behind the last edit differ")
	}
	limits.Bytes = max(limits.Bytes, len(patched))
	after, err := Parse(patched, limits)
	if err != nil {
		return &Error{Offset: -1, Err: ErrProof, Detail: "it no longer parses: " + err.Error()}
	}
	if after.JSON != d.JSON || len(after.Roots) != len(d.Roots) {
		return &Error{Offset: -1, Err: ErrProof, Detail: "it is no longer the same kind of document"}
	}
	p := proof{doc: d, edits: make(map[*Node]*Edit, len(edits)), seen: 0}
	for i := range edits {
		p.edits[edits[i].Node] = &edits[i]
	}
	for i := range d.Roots {
		if err := p.same(d.Roots[i], after.Roots[i]); err != nil {
			return err
		}
	}
	if p.seen != len(p.edits) {
		return &Error{Offset: -1, Err: ErrProof, Detail: "an edit is of no value in the template"}
	}
	return nil
}

type proof struct {
	doc   *Doc
	edits map[*Node]*Edit
	seen  int
}

func (p *proof) same(was, is *Node) error {
	if e := p.edits[was]; e != nil {
		p.seen++
		tag := was.Local()
		if e.whole {
			tag = ""
		}
		if is.Kind != Scalar || is.Value != e.Value || is.Local() != tag || is.Anchor != was.Anchor || !isText(is) {
			return p.doc.errorAt(e.Start, ErrProof, fmt.Sprintf("edited value reads as %q, not as %q", is.Value, e.Value))
		}
		return nil
	}
	if was.Kind != is.Kind || was.Tag != is.Tag || was.Value != is.Value || was.Anchor != is.Anchor ||
		was.Style != is.Style || len(was.Items) != len(is.Items) {
		return p.doc.errorAt(int(was.start), ErrProof, "a value outside the edits differs")
	}
	for i := range was.Items {
		if err := p.same(was.Items[i], is.Items[i]); err != nil {
			return err
		}
	}
	return nil
}

// isText reports whether a scalar is read as a string, or is the argument of a
// short-form function.
func isText(n *Node) bool {
	return n.Local() != "" || n.Tag == "!!str" || n.Style == String
}
