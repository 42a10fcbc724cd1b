package tree

import (
	"unicode/utf8"
)

// source says where each byte of a scalar's decoded text comes from: byte i of
// text was written as the bytes at[i] to at[i+1] of the template. Bytes that
// one escape wrote share its start. The last element of at is where the text
// ends, before a closing quote.
type source struct {
	text []byte
	at   []int32
}

func (s *source) add(from int, text ...byte) {
	for range text {
		s.at = append(s.at, int32(from))
	}
	s.text = append(s.text, text...)
}

func (s *source) rune(from int, r rune) {
	s.add(from, utf8.AppendRune(nil, r)...)
}

func (s *source) close(end int) { s.at = append(s.at, int32(end)) }

// source decodes a scalar from its bytes, independently of the parser. ok is
// false where the result is not what the parser read: such a scalar cannot be
// spliced.
func (d *Doc) source(n *Node) (s source, ok bool) {
	if n.Kind != Scalar {
		return s, false
	}
	i := d.content(n)
	if i >= len(d.Text) {
		return s, false
	}
	s = source{text: make([]byte, 0, len(n.Value)), at: make([]int32, 0, len(n.Value)+1)}
	switch n.Style {
	case Plain:
		ok = d.plain(&s, n, i)
	case Single:
		ok = d.quoted(&s, i, '\'')
	case Double:
		ok = d.quoted(&s, i, '"')
	case String:
		ok = d.jsonString(&s, i)
	case Literal, Folded:
		// Only a block of one line is decoded; a trailing line break that
		// the header keeps is not part of what can be replaced.
		lines := d.block(n, i)
		if len(lines) != 1 {
			return s, false
		}
		for j := lines[0].start; j < lines[0].end; j++ {
			s.add(j, d.Text[j])
		}
		s.close(lines[0].end)
		ok = true
		if v := n.Value; len(v) == len(s.text)+1 && v[len(v)-1] == '\n' {
			return s, v[:len(v)-1] == string(s.text)
		}
	}
	return s, ok && string(s.text) == n.Value
}

// plain follows the text of a plain scalar, which may go on over lines.
func (d *Doc) plain(s *source, n *Node, i int) bool {
	for v := n.Value; v != ""; {
		if i >= len(d.Text) {
			return false
		}
		end, breaks := d.fold(i)
		switch {
		case breaks > 0:
			fold := foldText(breaks)
			if len(v) < len(fold) || v[:len(fold)] != string(fold) {
				return false
			}
			s.add(i, fold...)
			v, i = v[len(fold):], end
		case d.Text[i] == v[0]:
			s.add(i, v[0])
			v, i = v[1:], i+1
		default:
			return false
		}
	}
	s.close(i)
	return true
}

// fold skips blanks and line breaks and counts the breaks; with none it skips
// nothing.
func (d *Doc) fold(i int) (end, breaks int) {
	end = i
	for end < len(d.Text) {
		if c := d.Text[end]; c == ' ' || c == '\t' {
			end++
		} else if w := breakAt(d.Text, end); w > 0 {
			end += w
			breaks++
		} else {
			break
		}
	}
	if breaks == 0 {
		return i, 0
	}
	return end, breaks
}

// foldText is what line breaks in a flow scalar come to.
func foldText(breaks int) []byte {
	if breaks == 1 {
		return []byte{' '}
	}
	out := make([]byte, breaks-1)
	for i := range out {
		out[i] = '\n'
	}
	return out
}

// quoted decodes a quoted YAML scalar.
func (d *Doc) quoted(s *source, i int, quote byte) bool {
	if d.Text[i] != quote {
		return false
	}
	for i++; i < len(d.Text); {
		if end, breaks := d.fold(i); breaks > 0 {
			s.add(i, foldText(breaks)...)
			i = end
			continue
		}
		c := d.Text[i]
		switch {
		case c == quote && quote == '\'' && i+1 < len(d.Text) && d.Text[i+1] == '\'':
			s.add(i, '\'')
			i += 2
		case c == quote:
			s.close(i)
			return true
		case c == '\\' && quote == '"':
			w := d.escape(s, i)
			if w == 0 {
				return false
			}
			i += w
		default:
			s.add(i, c)
			i++
		}
	}
	return false
}
