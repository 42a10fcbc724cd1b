package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// view is a text as a reader sees it, with the way back to what it was.
type view struct {
	text string
	// from has, for each byte of text and for its end, where it was; nil where
	// nothing was changed.
	from []int
}

func (v view) at(i int) int {
	if v.from == nil {
		return i
	}
	return v.from[i]
}

// see leaves out what is not shown: terminal sequences, control and format
// characters; and writes full-width letters as the plain ones.
func see(s string) view {
	if !strings.ContainsFunc(s, unseen) {
		return view{text: s}
	}
	var b strings.Builder
	from := make([]int, 0, len(s)+1)
	for i := 0; i < len(s); {
		if s[i] == 0x1b {
			i += sequence(s[i:])
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r >= 0xff01 && r <= 0xff5e:
			b.WriteByte(byte(r - 0xfee0))
			from = append(from, i)
		case unseen(r) && r != utf8.RuneError:
		default:
			b.WriteString(s[i : i+n])
			for k := range n {
				from = append(from, i+k)
			}
		}
		i += n
	}
	return view{text: b.String(), from: append(from, len(s))}
}

func unseen(r rune) bool {
	switch {
	case r == '\n' || r == '\r' || r == '\t':
		return false
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return true
	case r < 0x80:
		return false
	case r >= 0xff01 && r <= 0xff5e:
		return true
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r == 0x2800
}

// sequence is the length of the terminal sequence that s begins with.
// https://ecma-international.org/publications-and-standards/standards/ecma-48/
func sequence(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			switch c := s[i]; {
			case c >= 0x40 && c <= 0x7e:
				return i + 1
			case c < 0x20 || c > 0x3f:
				return i
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(s); i++ {
			switch {
			case s[i] == '\a':
				return i + 1
			case s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\':
				return i + 2
			case s[i] == '\n' || s[i] == 0x1b:
				return i
			}
		}
		return len(s)
	case '(', ')', '*', '+', '#', '%', ' ':
		return min(3, len(s))
	}
	return 2
}
