// Package neutral makes texts from logs, templates and AWS harmless where they
// are shown: nothing in them can be taken for a command of a terminal, for a
// line of its own, for a command of a CI system, or for Markdown.
//
// Secrets are taken out before ([redact]): what this package shows of an
// invisible character would keep a name from being recognised.
//
// [redact]: https://pkg.go.dev/github.com/stackrescue/stackrescue/internal/redact
package neutral

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// newline stands for a line break within a line.
const newline = "↵"

// maxMarks is how many combining marks may follow each other: more are used to
// draw over the lines above and below.
const maxMarks = 4

// Line returns s as one line of text. Terminal sequences are dropped, line
// breaks become ↵, other control characters are shown as escapes, and those that
// are invisible or change the direction of writing as <U+202E>. What a CI system
// would take for a command at its place in a line is broken by a blank.
func Line(s string) string {
	if plain(s) {
		return commands(s)
	}
	var b strings.Builder
	marks := 0
	for i := 0; i < len(s); {
		if n := Sequence(s[i:]); n > 0 {
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b.WriteRune(utf8.RuneError)
			i++
			continue
		}
		if unicode.Is(unicode.M, r) && !unicode.Is(unicode.Variation_Selector, r) {
			if marks++; marks > maxMarks {
				i += n
				continue
			}
		} else {
			marks = 0
		}
		switch {
		case r == '\r' && strings.HasPrefix(s[i+1:], "\n"):
		case r == '\n' || r == '\r' || r == '\v' || r == '\f' || r == 0x85 || r == 0x2028 || r == 0x2029:
			b.WriteString(newline)
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case r >= 0xfe00 && r <= 0xfe0f: // how the character before is drawn
		case harmful(r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		case r != ' ' && unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return commands(b.String())
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// harmful are characters that are not seen, or change what is seen.
func harmful(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Co, r) ||
		r == 0x2028 || r == 0x2029 || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r == 0x2800 || r == 0x034f ||
		r >= 0xe0000 && r <= 0xe0fff
}

// Sequence is the length of the terminal sequence that s begins with; 0 for
// none. One that is not complete ends with its line.
// https://ecma-international.org/publications-and-standards/standards/ecma-48/
func Sequence(s string) int {
	if s == "" {
		return 0
	}
	kind, at := byte(0), 0
	switch {
	case s[0] == 0x1b && len(s) > 1:
		kind, at = s[1], 2
	case s[0] == 0x1b:
		return 1
	case s[0] == 0xc2 && len(s) > 1 && s[1] >= 0x80 && s[1] <= 0x9f: // C1 as UTF-8
		kind, at = s[1]-0x40, 2
		if kind != '[' && kind != ']' && kind != 'P' && kind != 'X' && kind != '^' && kind != '_' {
			return 0
		}
	default:
		return 0
	}
	switch kind {
	case '[':
		for i := at; i < len(s); i++ {
			switch c := s[i]; {
			case c >= 0x40 && c <= 0x7e:
				return i + 1
			case c < 0x20 || c > 0x3f:
				return i
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_':
		for i := at; i < len(s); i++ {
			switch {
			case s[i] == '\a':
				return i + 1
			case s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\', s[i] == 0xc2 && i+1 < len(s) && s[i+1] == 0x9c:
				return i + 2
			case s[i] == '\n' || s[i] == '\r' || s[i] == 0x1b:
				return i
			}
		}
		return len(s)
	case '(', ')', '*', '+', '-', '.', '/', '#', '%', ' ':
		if len(s) > 2 && s[2] >= 0x30 && s[2] <= 0x7e {
			return 3
		}
		return 2
	}
	if kind >= 0x30 && kind <= 0x7e {
		return 2
	}
	return 1
}

// command is what GitHub's runner acts on: "::name" at the beginning of a line,
// "##[name]" anywhere. A line may be wrapped before any word.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
// https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
var command = regexp.MustCompile(`(?:^|\s):{2,}|##\[`)

func commands(s string) string {
	if !strings.Contains(s, "::") && !strings.Contains(s, "##[") {
		return s
	}
	return command.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "#") {
			return "# #["
		}
		return strings.TrimRight(m, ":") + strings.TrimRight(strings.Repeat(": ", strings.Count(m, ":")), " ")
	})
}

// Lines returns s as lines, each made harmless; breaks of its own are kept.
func Lines(s string) []string {
	s = strings.TrimRight(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\n")
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Line(lines[i])
	}
	return lines
}

// JSON returns JSON text in which what [Line] would not show as it is, but for line
// breaks between values, is written as JSON escapes, and no CI system sees a
// command: the same value, harmless to show.
func JSON(b []byte) []byte {
	hides := func(r rune) bool { return harmful(r) && r != '\n' && r != '\t' }
	text := strings.ReplaceAll(string(b), "##[", `#\u0023[`)
	if !strings.ContainsFunc(text, hides) {
		return []byte(text)
	}
	var out strings.Builder
	for _, r := range text {
		switch {
		case !hides(r):
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
