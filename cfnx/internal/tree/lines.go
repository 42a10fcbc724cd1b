package tree

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// lines maps between byte offsets and the line and column (in characters,
// both 1-based) in which the YAML library and people count. Asking in
// ascending order costs one pass over the text in total, however long the
// lines are.
type lines struct {
	text   []byte
	starts []int32
	ascii  bool
	// where the last question ended: column col of line is byte off
	line, col, off int
}

// newLines finds the lines of text, whose first begins at byte first (3 after
// a byte order mark). A line ends as it does in YAML 1.1: with LF, CR, CRLF,
// NEL, LS or PS.
func newLines(text []byte, first int) *lines {
	l := &lines{text: text, ascii: isASCII(text[first:])}
	l.starts = make([]int32, 1, 64+len(text)/32)
	l.starts[0] = int32(first)
	if l.ascii && bytes.IndexByte(text, '\r') < 0 {
		for i := first; ; {
			j := bytes.IndexByte(text[i:], '\n')
			if j < 0 {
				return l
			}
			i += j + 1
			l.starts = append(l.starts, int32(i))
		}
	}
	for i := first; i < len(text); {
		w := breakAt(text, i)
		if w == 0 {
			i++
			continue
		}
		i += w
		l.starts = append(l.starts, int32(i))
	}
	return l
}

// offset returns the byte offset of a line and column, len(text) where the
// text ends before it.
func (l *lines) offset(line, col int) int {
	if line < 1 || line > len(l.starts) {
		return len(l.text)
	}
	start := int(l.starts[line-1])
	if l.ascii {
		return min(start+col-1, len(l.text))
	}
	if line != l.line || col < l.col {
		l.line, l.col, l.off = line, 1, start
	}
	for l.col < col && l.off < len(l.text) {
		_, w := utf8.DecodeRune(l.text[l.off:])
		l.off += w
		l.col++
	}
	return l.off
}

// position returns the line and column of a byte offset.
func (l *lines) position(off int) (line, col int) {
	line = sort.Search(len(l.starts), func(i int) bool { return int(l.starts[i]) > off })
	line = max(line, 1)
	start := int(l.starts[line-1])
	off = min(max(off, start), len(l.text))
	if l.ascii {
		return line, off - start + 1
	}
	if line != l.line || off < l.off {
		l.line, l.col, l.off = line, 1, start
	}
	l.col += utf8.RuneCount(l.text[l.off:off])
	l.off = off
	return line, l.col
}

// breakAt returns the width of the line break at i, 0 where there is none.
func breakAt(b []byte, i int) int {
	switch b[i] {
	case '\n':
		return 1
	case '\r':
		if i+1 < len(b) && b[i+1] == '\n' {
			return 2
		}
		return 1
	case 0xC2:
		if i+1 < len(b) && b[i+1] == 0x85 {
			return 2
		}
	case 0xE2:
		if i+2 < len(b) && b[i+1] == 0x80 && (b[i+2] == 0xA8 || b[i+2] == 0xA9) {
			return 3
		}
	}
	return 0
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
