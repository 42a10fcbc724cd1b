package tree

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Edit replaces the bytes Start to End of a template by Text, after which the
// node is a string of value Value.
type Edit struct {
	Node       *Node
	Start, End int
	Text       string
	Value      string
	whole      bool    // the node's tag goes too
	added      []added // entries that come to the node, which is no scalar
	value      *Node   // of JSON, what the node is replaced by
}

// ReplaceText returns the edit that replaces bytes from to to of the scalar's
// decoded text. Tag and quoting style stay; a plain scalar is quoted where its
// new text would end early or be read as something other than a string. The
// error is an *Error with ErrSplice.
func (d *Doc) ReplaceText(n *Node, from, to int, text string) (Edit, error) {
	s, ok := d.source(n)
	if !ok || from < 0 || to < from || to > len(s.text) {
		detail := "its bytes do not read as its value"
		if n.Style == Literal || n.Style == Folded {
			detail = "a block scalar of several lines"
		}
		return Edit{}, d.errorAt(int(n.start), ErrSplice, detail)
	}
	if !utf8.ValidString(text) {
		return Edit{}, d.errorAt(int(n.start), ErrSplice, "the new text is not UTF-8")
	}
	value := string(s.text[:from]) + text + string(s.text[to:])
	e := Edit{Node: n, Start: int(s.at[from]), End: int(s.at[to]), Value: value}
	if from == to { // insert behind what was written, not before a folded break
		e.End = e.Start
	}
	switch n.Style {
	case Literal, Folded:
		if !printable(text) || strings.TrimSpace(value) == "" || value[0] == ' ' || value[0] == '\t' {
			return Edit{}, d.errorAt(int(n.start), ErrSplice, "text that a block scalar cannot hold")
		}
		e.Text, e.Value = text, value+n.Value[len(s.text):]
		return e, nil
	case Plain:
		inside := plainText(text, n.InFlow) && (from > 0 || to < len(s.text)) && (from > 0 || text != "")
		if !d.JSON && value != "" && (inside || plainText(value, n.InFlow)) && plainValue(value) {
			e.Text = text
			return e, nil
		}
		if n.Value == "" {
			return Edit{}, d.errorAt(int(n.start), ErrSplice, "a value that is not written")
		}
		e.Start, e.End, e.Text = int(s.at[0]), int(s.at[len(s.text)]), quote(value, d.JSON)
		return e, nil
	}
	if e.Text, ok = escape(text, n.Style); ok {
		return e, nil
	}
	// Single quotes cannot hold it: the whole scalar goes into double quotes.
	e.Start, e.End = int(s.at[0])-1, int(s.at[len(s.text)])+1
	double, _ := escape(value, Double)
	e.Text = `"` + double + `"`
	return e, nil
}

// ReplaceValue returns the edit that replaces a whole value, its tag and all
// it holds, by a string. A scalar without a tag keeps its quoting style. With
// argument the tag stays, and what is replaced has to be a scalar. The error
// is an *Error with ErrSplice.
func (d *Doc) ReplaceValue(n *Node, value string, argument bool) (Edit, error) {
	if argument && n.Kind != Scalar {
		return Edit{}, d.errorAt(int(n.start), ErrSplice, "an argument that is no text")
	}
	if n.Kind == Scalar && (argument || n.Local() == "" && n.Value != "") {
		// The line break at a block scalar's end would stay.
		if s, ok := d.source(n); ok && (argument || len(s.text) == len(n.Value)) {
			return d.ReplaceText(n, 0, len(s.text), value)
		}
	}
	if argument {
		return Edit{}, d.errorAt(int(n.start), ErrSplice, "an argument that cannot be replaced alone")
	}
	start, end := d.Span(n)
	if !utf8.ValidString(value) {
		return Edit{}, d.errorAt(start, ErrSplice, "the new text is not UTF-8")
	}
	if start >= end {
		return Edit{}, d.errorAt(start, ErrSplice, "a value that is not written")
	}
	text := quote(value, d.JSON)
	if n.Kind == Scalar && n.Style == Plain && plainText(value, n.InFlow) && plainValue(value) {
		text = value
	}
	return Edit{Node: n, Start: start, End: end, Text: text, Value: value, whole: true}, nil
}

// Splice returns the text with the edits made, in a new slice, after proving
// that it is the template with these edits and no other change: see prove.
// Edits may come in any order but must not overlap. The error is an *Error.
func (d *Doc) Splice(edits []Edit, limits Limits) ([]byte, error) {
	if d.Recoded != "" {
		return nil, &Error{Offset: -1, Err: ErrEncoding, Detail: "it is " + d.Recoded}
	}
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b Edit) int { return a.Start - b.Start })
	size, prev := len(d.Text), 0
	for _, e := range edits {
		if e.Start < prev || e.End < e.Start || e.End > len(d.Text) {
			return nil, d.errorAt(e.Start, ErrSplice, fmt.Sprintf("edits overlap at byte %d", e.Start))
		}
		size += len(e.Text) - (e.End - e.Start)
		prev = e.End
	}
	out := make([]byte, 0, size)
	prev = 0
	for _, e := range edits {
		out = append(out, d.Text[prev:e.Start]...)
		out = append(out, e.Text...)
		prev = e.End
	}
	out = append(out, d.Text[prev:]...)
	if err := d.prove(out, edits, limits); err != nil {
		return nil, err
	}
	return out, nil
}
