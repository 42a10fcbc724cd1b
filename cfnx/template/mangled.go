package template

import (
	"bytes"
	"unicode/utf8"
)

// mangledAt returns the byte at which a character seems to have been lost, -1
// where none does: a question mark in a text that is all ASCII, and that is no
// end of a question, URL query, regular expression, schedule or YAML key.
// GetTemplate returns "?" for every character beyond U+007F (docs/aws/cfn.md
// 1.8); a text with such a character did not come from there.
//
// It errs on the side of refusing. A "?" that looks like punctuation is accepted,
// so a lost letter there is missed: at the end of a text of three words or more.
func mangledAt(template []byte) int {
	at := bytes.IndexByte(template, '?')
	if at < 0 || bytes.IndexFunc(template, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return -1
	}
	for at < len(template) {
		if !innocent(template, at) {
			return at
		}
		next := bytes.IndexByte(template[at+1:], '?')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return -1
}

// innocent reports whether the question mark at byte at has a reason to be
// there. It looks at most 200 bytes back and a few ahead.
func innocent(b []byte, at int) bool {
	start := max(bytes.LastIndexAny(b[max(at-200, 0):at], "\r\n")+1+max(at-200, 0), max(at-200, 0))
	before := b[start:at]
	var prev, next byte = '\n', '\n'
	if at > 0 {
		prev = b[at-1]
	}
	if at+1 < len(b) {
		next = b[at+1]
	}
	switch {
	case nullish(b, at):
		return true
	case next == '?' || prev == '?' && at >= 2:
		return false
	case prev == ' ' && next == ' ' && ternary(b, at):
		return true
	}
	token := before[bytes.LastIndexAny(before, " \t\"'`<>")+1:]
	switch {
	case len(bytes.Trim(before, " \t-")) == 0 && (next == ' ' || next == '\t' || next == '\n' || next == '\r'):
		return true // YAML's sign of a key
	case bytes.IndexByte([]byte(`([{\)]}*+|.^$`), prev) >= 0,
		bytes.IndexByte([]byte(":)]|*.$\\([+"), next) >= 0 && bytes.ContainsAny(token, `([{\^*|`):
		return true // a regular expression or a file pattern
	case (prev == '"' || prev == '\'') && (next == prev || queryName(b[at+1:])):
		return true // a text of its own, or a query put behind a URL
	case (prev == ' ' || prev == '*') && (next == ' ' || next == ')'):
		return bytes.ContainsAny(before, "*") || bytes.Contains(before, []byte("cron(")) // a schedule: cron(0 12 * * ? *)
	case bytes.IndexByte(token, '/') >= 0 && !isSpace(next):
		return true // a URL and its query
	case isSpace(next) || next == '"' || next == '\'' || next == '<' || next == '\\' || next == ',' || next == '`':
		return wordByte(prev) && bytes.Count(bytes.TrimLeft(before, " \t"), []byte(" ")) >= 2 && !lowerFollows(b, at+1)
	}
	return false
}

// nullish reports whether the question mark is one of "a ?? b" in embedded code.
func nullish(b []byte, at int) bool {
	if at > 0 && b[at-1] == '?' {
		at--
	}
	return at > 1 && at+2 < len(b) && b[at-1] == ' ' && b[at+1] == '?' && b[at+2] == ' ' && (wordByte(b[at-2]) || b[at-2] == ')' || b[at-2] == ']')
}

// ternary reports whether "a ? b : c" goes on in the same line of embedded code.
func ternary(b []byte, at int) bool {
	line := b[at+1 : min(len(b), at+300)]
	if end := bytes.IndexAny(line, "\r\n"); end >= 0 {
		line = line[:end]
	}
	return bytes.Contains(line, []byte(" : "))
}

// queryName reports whether b begins as name= does.
func queryName(b []byte) bool {
	n := 0
	for n < len(b) && (wordByte(b[n]) || b[n] == '_' || b[n] == '-') {
		n++
	}
	return n > 0 && n < len(b) && b[n] == '='
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// lowerFollows reports whether the sentence goes on after blanks: a question
// mark inside of one was a letter.
func lowerFollows(b []byte, i int) bool {
	j := i
	for j < len(b) && (b[j] == ' ' || b[j] == '\t') {
		j++
	}
	return j > i && j < len(b) && b[j] >= 'a' && b[j] <= 'z'
}
