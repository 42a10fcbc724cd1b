package tree

import (
	"bytes"
	"encoding/json"
	"strings"
)

// ReplaceJSON returns the edit that replaces a whole value, its tag and all it
// holds, by a value of JSON, written on one line. The error is an *Error:
// ErrSplice, or ErrValue where value is not JSON.
func (d *Doc) ReplaceJSON(n *Node, value json.RawMessage, limits Limits) (Edit, error) {
	v, err := parseValue(value, limits)
	if err != nil {
		return Edit{}, err
	}
	if n.Kind == Alias {
		return Edit{}, d.errorAt(int(n.start), ErrSplice, "an alias")
	}
	start, end := d.Span(n)
	if d.JSON && start >= end {
		return Edit{}, d.errorAt(start, ErrSplice, "a value that is not written")
	}
	w := flowWriter{spaced: !d.JSON || bytes.Contains(d.Text, []byte(`": `))}
	var b strings.Builder
	switch {
	case d.JSON:
	case start >= end:
		b.WriteByte(' ') // behind the colon or the dash
	case n.Kind == Sequence && n.Style == Block:
		// A list may begin in the column of its key, flow must be further in.
		b.WriteByte(' ')
	}
	w.value(&b, v)
	return Edit{Node: n, Start: start, End: end, Text: b.String(), whole: true, value: v}, nil
}
