// Package neutral makes texts from logs, templates and AWS harmless where they
// are shown: nothing in them can be taken for a command of a terminal, for a
// line of its own, or for Markdown.
package neutral

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Line returns s as one line of text: control characters, and those that change
// the direction of writing or are invisible, are shown as escapes.
func Line(s string) string {
	if !strings.ContainsFunc(s, harmful) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !harmful(r):
			b.WriteRune(r)
		case r == '\t':
			b.WriteByte(' ')
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// harmful are the control and format characters, line separators included.
func harmful(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

var markdown = strings.NewReplacer("\\", "\\\\", "|", "\\|", "`", "\\`", "*", "\\*", "_", "\\_", "<", "&lt;", ">", "&gt;", "[", "\\[", "]", "\\]", "\n", " ", "\r", " ")

// Markdown returns s so that it is not read as Markdown or HTML, on one line.
func Markdown(s string) string { return Line(markdown.Replace(s)) }

// JSON returns JSON text in which what [Line] would escape is written as JSON
// escapes: the same value, harmless to show.
func JSON(b []byte) []byte {
	if !strings.ContainsFunc(string(b), harmful) {
		return b
	}
	var out strings.Builder
	for _, r := range string(b) {
		switch {
		case !harmful(r):
			out.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return []byte(out.String())
}
