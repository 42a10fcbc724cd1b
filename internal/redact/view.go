package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stackrescue/stackrescue/internal/neutral"
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
		if n := neutral.Sequence(s[i:]); n > 0 {
			i += n
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
