package tree

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
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
	p := proof{doc: d, edits: make(map[*Node]*Edit, len(edits))}
	for i := range edits {
		p.edits[edits[i].Node] = &edits[i]
	}
	if err := p.roots(patched, limits); err != nil {
		return err
	}
	if p.seen != len(p.edits) {
		return &Error{Offset: -1, Err: ErrProof, Detail: "an edit is of no value in the template"}
	}
	return nil
}

// proof compares the tree of a Doc with what a patched text parses to.
type proof struct {
	doc   *Doc
	edits map[*Node]*Edit
	seen  int // edited nodes met
}

func (p *proof) roots(patched []byte, limits Limits) error {
	reparse := func(err error) error {
		return &Error{Offset: -1, Err: ErrProof, Detail: "it no longer parses: " + err.Error()}
	}
	if p.doc.JSON {
		limits.Bytes = max(limits.Bytes, len(patched))
		after, err := Parse(patched, limits)
		if err != nil {
			return reparse(err)
		}
		if !after.JSON {
			return &Error{Offset: -1, Err: ErrProof, Detail: "it is no longer JSON"}
		}
		return p.json(p.doc.Roots[0], after.Roots[0])
	}
	documents := 0
	var differs error
	err := yamlDocuments(patched, func(y *yaml.Node) error {
		if documents < len(p.doc.Roots) {
			differs = p.yaml(p.doc.Roots[documents], y)
		}
		documents++
		return differs
	})
	switch {
	case differs != nil:
		return differs
	case err != nil:
		return reparse(err)
	case documents != len(p.doc.Roots):
		return &Error{Offset: -1, Err: ErrProof, Detail: "it has another number of documents"}
	}
	return nil
}

// edited checks a node that was edited: it is a string of the value wanted.
func (p *proof) edited(e *Edit, scalar, text bool, value string) error {
	p.seen++
	if !scalar || !text || value != e.Value {
		return p.doc.errorAt(e.Start, ErrProof, fmt.Sprintf("edited value reads as %q, not as %q", value, e.Value))
	}
	return nil
}

// replaced checks a node that was replaced by a value of JSON.
func (p *proof) replaced(e *Edit, same bool) error {
	p.seen++
	if !same {
		return p.doc.errorAt(e.Start, ErrProof, "a replaced value reads as something else")
	}
	return nil
}

func (p *proof) differs(was *Node) error {
	return p.doc.errorAt(int(was.start), ErrProof, "a value outside the edits differs")
}

func (p *proof) json(was, is *Node) error {
	more := 0
	if e := p.edits[was]; e != nil {
		if e.value != nil {
			return p.replaced(e, sameJSON(e.value, is))
		}
		if e.added == nil {
			return p.edited(e, is.Kind == Scalar, is.Style == String, is.Value)
		}
		p.seen++
		want := e.nodes()
		more = len(want)
		for i := range want {
			if j := len(was.Items) + i; j >= len(is.Items) || !sameJSON(want[i], is.Items[j]) {
				return p.doc.errorAt(e.Start, ErrProof, "an added entry reads as something else")
			}
		}
	}
	if was.Kind != is.Kind || was.Style != is.Style || was.Value != is.Value || len(was.Items)+more != len(is.Items) {
		return p.differs(was)
	}
	for i := range was.Items {
		if err := p.json(was.Items[i], is.Items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *proof) yaml(was *Node, is *yaml.Node) error {
	more := 0
	e := p.edits[was]
	if e != nil && e.value != nil {
		return p.replaced(e, sameYAML(e.value, is) && was.Anchored == (is.Anchor != ""))
	}
	if e != nil && e.added != nil {
		p.seen++
		want := e.nodes()
		more = len(want)
		for i := range want {
			if j := len(was.Items) + i; j >= len(is.Content) || !sameYAML(want[i], is.Content[j]) {
				return p.doc.errorAt(e.Start, ErrProof, "an added entry reads as something else")
			}
		}
	} else if e != nil {
		tag := "!!str"
		if local := was.Local(); local != "" && !e.whole {
			tag = local
		}
		return p.edited(e, is.Kind == yaml.ScalarNode, is.Tag == tag && was.Anchored == (is.Anchor != ""), is.Value)
	}
	if was.Tag != is.Tag || was.Value != is.Value || was.Anchored != (is.Anchor != "") {
		return p.differs(was)
	}
	switch was.Kind {
	case Scalar:
		if is.Kind != yaml.ScalarNode || scalarStyle(is.Style) != was.Style {
			return p.differs(was)
		}
		return nil
	case Alias:
		if is.Kind != yaml.AliasNode {
			return p.differs(was)
		}
		return nil
	case Sequence, Mapping:
		want := yaml.SequenceNode
		if was.Kind == Mapping {
			want = yaml.MappingNode
		}
		if is.Kind != want || len(was.Items)+more != len(is.Content) || (was.Style == Flow) != (is.Style&yaml.FlowStyle != 0) {
			return p.differs(was)
		}
	}
	for i := range was.Items {
		if err := p.yaml(was.Items[i], is.Content[i]); err != nil {
			return err
		}
	}
	return nil
}
