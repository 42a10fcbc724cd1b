package report

import (
	"strings"
	"unicode"
)

// cells is how many columns of a terminal a text takes.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cell(r)
	}
	return n
}

func cell(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.Is(unicode.M, r) {
		return 0
	}
	for _, w := range wide {
		if r >= w[0] && r <= w[1] {
			return 2
		}
	}
	return 1
}

// wide are the blocks of characters that take two columns.
// https://www.unicode.org/reports/tr11/
var wide = [][2]rune{{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}}

// cut shortens a text to a number of columns.
func cut(s string, limit int) string {
	if limit <= 0 {
		return ""
	}
	if cells(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n+cell(r) > limit-1 {
			return s[:i] + "…"
		}
		n += cell(r)
	}
	return s
}

// wrap breaks a text into lines of at most limit columns, the later ones behind
// an indent. Words that are longer are broken; nothing is lost. A limit of 0 is
// none.
func wrap(s, indent string, limit int) []string {
	if limit <= 0 || cells(s) <= limit {
		return []string{s}
	}
	if cells(indent) > limit/2 {
		indent = strings.Repeat(" ", limit/4)
	}
	var out []string
	lead := s[:len(s)-len(strings.TrimLeft(s, " "))]
	line, empty := lead, true
	flush := func() {
		out = append(out, strings.TrimRight(line, " "))
		line, empty = indent, true
	}
	for word := range strings.FieldsSeq(s) {
		gap := 1
		if empty {
			gap = 0
		}
		if cells(line)+gap+cells(word) > limit && !empty {
			flush()
			gap = 0
		}
		for cells(line)+gap+cells(word) > limit {
			room, n, at := limit-cells(line)-gap, 0, len(word)
			for i, r := range word {
				if n+cell(r) > room {
					at = i
					break
				}
				n += cell(r)
			}
			if at == 0 {
				break
			}
			line += strings.Repeat(" ", gap) + word[:at]
			word = word[at:]
			flush()
			gap = 0
		}
		if word != "" {
			line += strings.Repeat(" ", gap) + word
			empty = false
		}
	}
	if !empty {
		flush()
	}
	return out
}
