package tree

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Entry is an entry to add to a mapping, or an item to a sequence, which has
// no Key.
type Entry struct {
	Key   string
	Value json.RawMessage
}

// added is an entry as the proof wants to see it.
type added struct {
	key   string
	value *Node
}

// Insert returns the edit that adds entries at the end of a mapping or a
// sequence, written as its neighbours are. It does not look whether a key is
// there already. The error is an *Error: ErrSplice, or ErrValue where a value
// is not JSON.
func (d *Doc) Insert(n *Node, entries []Entry, limits Limits) (Edit, error) {
	e := Edit{Node: n}
	if n.Kind != Mapping && n.Kind != Sequence {
		return e, d.errorAt(int(n.start), ErrSplice, "neither a mapping nor a list")
	}
	for _, entry := range entries {
		v, err := parseValue(entry.Value, limits)
		if err != nil {
			return e, err
		}
		e.added = append(e.added, added{entry.Key, v})
	}
	at := d.content(n)
	if len(n.Items) > 0 {
		last := n.Items[len(n.Items)-1]
		if last.Kind == Scalar && last.Style == Plain && last.Value == "" {
			return e, d.errorAt(int(last.start), ErrSplice, "its last value is not written")
		}
		at = d.end(last)
	}
	if n.Style == Flow {
		if at == d.content(n) {
			at++
		}
		e.Start, e.End, e.Text = at, at, d.flowText(n, e.added)
		return e, nil
	}
	if d.keeps(n) {
		return e, d.errorAt(int(n.start), ErrSplice, "its last value is a block scalar with empty lines at its end")
	}
	at = d.lineEnd(at)
	e.Start, e.End, e.Text = at, at, d.blockText(n, e.added)
	return e, nil
}

// Holds reports whether the value of the template is that value of JSON.
func (d *Doc) Holds(n *Node, value json.RawMessage, limits Limits) bool {
	want, err := parseValue(value, limits)
	return err == nil && sameValue(want, n)
}

// parseValue reads a value of JSON, which may be a scalar.
func parseValue(value json.RawMessage, limits Limits) (*Node, error) {
	if !json.Valid(value) || !utf8.Valid(value) {
		return nil, &Error{Offset: -1, Err: ErrValue}
	}
	d := &Doc{Text: value, JSON: true}
	if err := d.parseJSON(0, limits.Depth); err != nil {
		return nil, err
	}
	return d.Roots[0], nil
}

// keeps reports whether a node ends in a block scalar to which empty lines
// belong.
func (d *Doc) keeps(n *Node) bool {
	for (n.Kind == Mapping || n.Kind == Sequence) && len(n.Items) > 0 {
		n = n.Items[len(n.Items)-1]
	}
	return (n.Style == Literal || n.Style == Folded) && (n.Value == "" || strings.HasSuffix(n.Value, "\n\n"))
}

// flowText writes entries behind the last one of a flow collection, or behind
// the bracket of an empty one.
func (d *Doc) flowText(n *Node, entries []added) string {
	w := flowWriter{spaced: !d.JSON || bytes.Contains(d.Text, []byte(`": `))}
	sep, open := ",", ""
	if len(n.Items) > 0 {
		// On a line of its own where the first one is.
		gap := string(d.Text[d.content(n)+1 : n.Items[0].start])
		if i := strings.LastIndexAny(gap, "\r\n"); i >= 0 && strings.TrimSpace(gap) == "" {
			open = gap
			w.newline = gap[max(strings.LastIndexAny(gap[:i], " \t"), 0):]
			w.newline = strings.TrimLeft(w.newline, " \t")
			w.step = d.step(n, gap[i+1:])
		} else if w.spaced {
			open = " "
		}
	}
	var b strings.Builder
	for i, e := range entries {
		if i > 0 || len(n.Items) > 0 {
			b.WriteString(sep)
			b.WriteString(open)
		}
		w.entry(&b, e, n.Kind == Mapping)
	}
	return b.String()
}

// step returns by how much the entries of a collection are further in than the
// line it begins in.
func (d *Doc) step(n *Node, inner string) string {
	line := d.Text[bytes.LastIndexAny(d.Text[:n.start], "\r\n")+1:]
	outer := string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
	if step, ok := strings.CutPrefix(inner, outer); ok && step != "" {
		return step
	}
	return "  "
}

// flowWriter writes JSON, which is flow YAML too; on several lines where
// newline, a line break and the indentation of the entry, is not "".
type flowWriter struct {
	spaced        bool
	newline, step string
}

func (w flowWriter) entry(b *strings.Builder, e added, keyed bool) {
	if keyed {
		b.WriteString(quote(e.key, true))
		b.WriteByte(':')
		if w.spaced {
			b.WriteByte(' ')
		}
	}
	w.value(b, e.value)
}

func (w flowWriter) value(b *strings.Builder, n *Node) {
	if n.Kind == Scalar {
		if n.Style == String {
			b.WriteString(quote(n.Value, true))
		} else {
			b.WriteString(n.Value)
		}
		return
	}
	brackets := "[]"
	if n.Kind == Mapping {
		brackets = "{}"
	}
	b.WriteByte(brackets[0])
	inner := w
	if w.newline != "" {
		inner.newline += w.step
	}
	for i := 0; i < len(n.Items); i++ {
		if i > 0 {
			b.WriteByte(',')
			if w.spaced && w.newline == "" {
				b.WriteByte(' ')
			}
		}
		b.WriteString(inner.newline)
		if n.Kind == Mapping {
			inner.entry(b, added{n.Items[i].Value, n.Items[i+1]}, true)
			i++
		} else {
			inner.value(b, n.Items[i])
		}
	}
	if len(n.Items) > 0 {
		b.WriteString(w.newline)
	}
	b.WriteByte(brackets[1])
}
