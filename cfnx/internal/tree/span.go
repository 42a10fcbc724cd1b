package tree

import (
	"bytes"
	"sync/atomic"
)

// Span returns the bytes of Text that hold the node: its tag, but not its
// anchor where that comes first. Comments after the node are not part of it,
// nor is the white space after a block.
func (d *Doc) Span(n *Node) (start, end int) {
	start = int(n.start)
	if !d.JSON && n.Kind == Scalar && n.Style == Plain && n.Value == "" && n.Tag == "!!null" && !n.Anchored {
		// The parser puts a value that is not written where the next token is.
		for start > 0 && start <= len(d.Text) && (d.Text[start-1] == ' ' || d.Text[start-1] == '\t' || d.Text[start-1] == '\n' || d.Text[start-1] == '\r') {
			start--
		}
		return start, start
	}
	if !d.JSON && n.Anchored && start < len(d.Text) && d.Text[start] == '&' {
		start = d.skipSpace(skipToken(d.Text, start))
		if n.Kind == Scalar && n.Style == Plain && n.Value == "" && n.Local() == "" {
			start = skipToken(d.Text, int(n.start))
		}
	}
	return start, max(start, d.end(n))
}

// Commented reports whether there is a comment within a collection's bytes, or
// what looks like one.
func (d *Doc) Commented(n *Node) bool {
	start, end := d.Span(n)
	return !d.JSON && n.Kind != Scalar && bytes.IndexByte(d.Text[start:end], '#') >= 0
}

// content returns where the node's own text begins, behind tag and anchor.
func (d *Doc) content(n *Node) int {
	i := int(n.start)
	if d.JSON || n.Kind == Alias {
		return i
	}
	empty := n.Kind == Scalar && n.Style == Plain && n.Value == ""
	for i < len(d.Text) && (d.Text[i] == '!' || d.Text[i] == '&') {
		end := skipToken(d.Text, i)
		i = d.skipSpace(end)
		if empty && (i >= len(d.Text) || d.Text[i] != '!' && d.Text[i] != '&') {
			return end
		}
	}
	return i
}

// end is found when it is first asked for, by each goroutine that asks meanwhile.
func (d *Doc) end(n *Node) int {
	end := atomic.LoadInt32(&n.end)
	if end == 0 {
		end = int32(min(d.findEnd(n), len(d.Text)))
		atomic.StoreInt32(&n.end, end)
	}
	return int(end)
}

func (d *Doc) findEnd(n *Node) int {
	start := d.content(n)
	switch n.Kind {
	case Alias:
		return start + 1 + len(n.Value)
	case Scalar:
		return d.scalarEnd(n, start)
	}
	end := start
	flow := n.Style == Flow && start < len(d.Text) && (d.Text[start] == '[' || d.Text[start] == '{')
	if flow {
		end++
	}
	if len(n.Items) > 0 {
		end = max(end, d.end(n.Items[len(n.Items)-1]))
	}
	if !flow {
		return end
	}
	for end = d.skipSpace(end); end < len(d.Text); end = d.skipSpace(end + 1) {
		switch d.Text[end] {
		case ']', '}':
			return end + 1
		case ',', ':', '?':
		default:
			return end
		}
	}
	return end
}

func (d *Doc) scalarEnd(n *Node, i int) int {
	switch n.Style {
	case Double, String:
		for i++; i < len(d.Text) && d.Text[i] != '"'; i++ {
			if d.Text[i] == '\\' {
				i++
			}
		}
		return i + 1
	case Single:
		for i++; i < len(d.Text); i++ {
			if d.Text[i] == '\'' {
				if i+1 >= len(d.Text) || d.Text[i+1] != '\'' {
					break
				}
				i++
			}
		}
		return i + 1
	case Literal, Folded:
		return d.blockEnd(n, i)
	}
	if bytes.HasPrefix(d.Text[min(i, len(d.Text)):], []byte(n.Value)) {
		return i + len(n.Value)
	}
	var s source
	if d.plain(&s, n, i) {
		return int(s.at[len(s.at)-1])
	}
	return i
}

// lineEnd returns the offset of the line break at or after i, len(Text) where
// there is none.
func (d *Doc) lineEnd(i int) int {
	for i < len(d.Text) && breakAt(d.Text, i) == 0 {
		i++
	}
	return i
}

// skipToken returns the end of the tag, anchor or alias at i.
func skipToken(b []byte, i int) int {
	if bytes.HasPrefix(b[i:], []byte("!<")) {
		if j := bytes.IndexByte(b[i:], '>'); j >= 0 {
			return i + j + 1
		}
	}
	for i < len(b) && b[i] != ' ' && b[i] != '\t' && breakAt(b, i) == 0 {
		switch b[i] {
		case ',', '[', ']', '{', '}':
			return i
		}
		i++
	}
	return i
}

// skipSpace skips blanks, line breaks and comments.
func (d *Doc) skipSpace(i int) int {
	for i < len(d.Text) {
		switch c := d.Text[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '#' && (i == 0 || d.Text[i-1] == ' ' || d.Text[i-1] == '\t' || d.Text[i-1] == '\n' || d.Text[i-1] == '\r'):
			i = d.lineEnd(i)
		default:
			w := breakAt(d.Text, i)
			if w == 0 {
				return i
			}
			i += w
		}
	}
	return i
}
