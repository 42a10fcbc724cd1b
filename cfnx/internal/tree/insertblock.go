package tree

import (
	"bytes"
	"strings"
)

// blockText writes entries as lines behind the last one of a block.
func (d *Doc) blockText(n *Node, entries []added) string {
	at := d.content(n)
	if n.Kind == Mapping {
		at = int(n.Items[0].start)
		if i := len(bytes.TrimRight(d.Text[:at], " \t")) - 1; i >= int(n.start) && d.Text[i] == '?' {
			at = i // the sign of a key
		}
	}
	_, col := d.Position(at)
	w := blockWriter{eol: d.eol(), step: strings.Repeat(" ", d.blockStep(n, col))}
	indent := strings.Repeat(" ", col-1)
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(w.eol)
		b.WriteString(indent)
		if n.Kind == Mapping {
			w.entry(&b, e.key, e.value, indent)
		} else {
			w.item(&b, e.value, indent)
		}
	}
	return b.String()
}

// eol returns the line break of the text's first line.
func (d *Doc) eol() string {
	i := d.lineEnd(0)
	if i == len(d.Text) {
		return "\n"
	}
	return string(d.Text[i : i+breakAt(d.Text, i)])
}

// blockStep returns by how many columns the blocks inside of n are further in
// than its own, whose column is col: as the first of them is, 2 without one.
func (d *Doc) blockStep(n *Node, col int) int {
	for _, c := range n.Items {
		if c.Kind == Mapping && c.Style == Block && len(c.Items) > 0 && n.Kind == Mapping {
			if _, in := d.Position(int(c.Items[0].start)); in > col {
				return in - col
			}
		}
	}
	return 2
}

// blockWriter writes values as block YAML.
type blockWriter struct{ eol, step string }

// entry writes "key: value" at the end of a line that is indented already.
func (w blockWriter) entry(b *strings.Builder, key string, v *Node, indent string) {
	b.WriteString(blockScalar(key))
	b.WriteByte(':')
	if v.Kind == Scalar || len(v.Items) == 0 {
		b.WriteByte(' ')
		w.scalar(b, v)
		return
	}
	w.lines(b, v, indent+w.step)
}

// item writes "- value".
func (w blockWriter) item(b *strings.Builder, v *Node, indent string) {
	b.WriteByte('-')
	switch {
	case v.Kind == Scalar || len(v.Items) == 0:
		b.WriteByte(' ')
		w.scalar(b, v)
	case v.Kind == Mapping: // the first entry stands behind the dash
		for i := 0; i+1 < len(v.Items); i += 2 {
			if i > 0 {
				b.WriteString(w.eol + indent + "  ")
			} else {
				b.WriteByte(' ')
			}
			w.entry(b, v.Items[i].Value, v.Items[i+1], indent+"  ")
		}
	default:
		w.lines(b, v, indent+"  ")
	}
}

// lines writes the entries of a collection, each on a line of its own.
func (w blockWriter) lines(b *strings.Builder, v *Node, indent string) {
	for i := 0; i < len(v.Items); i++ {
		b.WriteString(w.eol + indent)
		if v.Kind == Mapping {
			w.entry(b, v.Items[i].Value, v.Items[i+1], indent)
			i++
		} else {
			w.item(b, v.Items[i], indent)
		}
	}
}

func (w blockWriter) scalar(b *strings.Builder, v *Node) {
	switch {
	case v.Kind == Mapping:
		b.WriteString("{}")
	case v.Kind == Sequence:
		b.WriteString("[]")
	case v.Style == String:
		b.WriteString(blockScalar(v.Value))
	default:
		b.WriteString(v.Value)
	}
}

// blockScalar writes a string, plain where that is read as the same string.
func blockScalar(s string) string {
	if plainText(s, true) && plainValue(s) {
		return s
	}
	return quote(s, false)
}
