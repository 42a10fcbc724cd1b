package redact

import (
	"regexp"
	"strings"
)

var (
	keyBegin = regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----`)
	keyEnd   = regexp.MustCompile(`-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----`)
	// keyLine is a line of a key that stands alone, as a log driver makes one
	// event of each line: 64 characters by RFC 7468, 70 as OpenSSH writes, 76 by
	// MIME.
	keyLine = regexp.MustCompile(`^[ \t]*([A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76})\r?$`)
	// keyBase64 is a private key that was encoded once more.
	keyBase64  = regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/]{10,}={0,2}`)
	keyEncoded = regexp.MustCompile(`^LS0tLS1CRUdJTi(?:BDRVJU|BQVUJM|BYNTA5|BORVcg)`) // CERT…, PUBL…, X509, NEW (request)
)

// keys hides private keys, with their lines on lines or with \n between them,
// whole or cut off at either end.
func (t *scan) keys() {
	s := t.s
	t.keyLines()
	if strings.Contains(s, "LS0tLS1CRUdJTi") {
		for _, m := range keyBase64.FindAllStringIndex(s, -1) {
			if !keyEncoded.MatchString(s[m[0]:m[1]]) {
				t.hide(m[0], m[1])
			}
		}
	}
	t.putty()
	if !strings.Contains(s, "PRIVATE KEY") {
		return
	}
	begins, ends := keyBegin.FindAllStringIndex(s, -1), keyEnd.FindAllStringIndex(s, -1)
	at := 0
	for _, b := range begins {
		if b[0] < at {
			continue
		}
		end := len(s)
		for _, e := range ends {
			if e[0] >= b[1] {
				end = e[0]
				break
			}
		}
		if end == len(s) {
			end = b[1] + body(s[b[1]:])
		}
		from, to := trim(s, b[1], end)
		t.hide(from, to)
		at = end
	}
	for _, e := range ends {
		if e[0] < at || len(begins) > 0 && begins[0][0] < e[0] {
			continue
		}
		// Its beginning was cut off.
		from, to := trim(s, e[0]-bodyBefore(s[:e[0]]), e[0])
		t.hide(from, to)
	}
}

// puttyBegin is before the private lines of a key as PuTTY stores it, puttyMAC what
// authenticates them: with the lines and it a weak passphrase can be guessed.
// https://the.earth.li/~sgtatham/putty/0.83/htmldoc/AppendixC.html
var (
	puttyBegin = regexp.MustCompile(`Private-Lines: *\d+(?:\r?\n|\\r\\n|\\n|\s+|$)`)
	puttyMAC   = regexp.MustCompile(`Private-(?:MAC|Hash): *([0-9a-fA-F]{40,64})`)
)

// putty hides the private lines of PuTTY's keys, which are base64 of any length.
func (t *scan) putty() {
	s := t.s
	if !strings.Contains(s, "Private-") {
		return
	}
	for _, m := range puttyBegin.FindAllStringIndex(s, -1) {
		end := m[1]
		for end < len(s) && (puttyByte(s[end]) || s[end] == '\\' && end+1 < len(s) && (s[end+1] == 'n' || s[end+1] == 'r')) {
			if i := strings.Index(s[end:], "Private-"); i == 0 {
				break
			}
			end++
		}
		from, to := trim(s, m[1], end)
		t.hide(from, to)
	}
	for _, m := range puttyMAC.FindAllStringSubmatchIndex(s, -1) {
		t.hide(m[2], m[3])
	}
}

func puttyByte(c byte) bool {
	return letter(c) || digit(c) || strings.IndexByte("+/=\r\n \t", c) >= 0
}

// keyLines hides lines of a key that stand alone.
func (t *scan) keyLines() {
	at := 0
	for line := range strings.SplitAfterSeq(t.s, "\n") {
		if n := len(line); n >= 64 && n < 200 {
			if m := keyLine.FindStringSubmatchIndex(strings.TrimSuffix(line, "\n")); m != nil && mixed64(line[m[2]:m[3]]) && !t.keeps(at+m[2]) {
				t.hide(at+m[2], at+m[3])
			}
		}
		at += len(line)
	}
}

// body is the length of what could be the rest of a key that was cut off: to the
// first line that is none of it.
func body(s string) int {
	n := 0
	for line := range strings.SplitAfterSeq(s, "\n") {
		if n > 0 && !keyText(line) {
			return n
		}
		n += len(line)
	}
	return n
}

func bodyBefore(s string) int {
	n := 0
	for {
		i := strings.LastIndexByte(strings.TrimSuffix(s[:len(s)-n], "\n"), '\n') + 1
		line := s[i : len(s)-n]
		if line == "" || !keyText(line) || strings.TrimSpace(line) == "" {
			return n
		}
		n = len(s) - i
	}
}

var keyTextShape = regexp.MustCompile(`^[\s\\nr]*(?:[A-Za-z0-9+/=\\]+|[A-Za-z-]+: [^\n]*|)[\s\\nr]*$`)

// keyText reports whether a line could be one of a key: base64, an RFC 1421
// header, or nothing.
func keyText(line string) bool { return keyTextShape.MatchString(line) }

// trim leaves the breaks around a key's body.
func trim(s string, from, to int) (int, int) {
	for from < to {
		switch {
		case strings.IndexByte("\n\r \t", s[from]) >= 0:
			from++
			continue
		case s[from] == '\\':
			i := from
			for i < to && s[i] == '\\' {
				i++
			}
			if i < to && (s[i] == 'n' || s[i] == 'r') {
				from = i + 1
				continue
			}
		}
		break
	}
	for to > from {
		switch {
		case strings.IndexByte("\n\r \t", s[to-1]) >= 0:
			to--
			continue
		case (s[to-1] == 'n' || s[to-1] == 'r') && to-2 >= from && s[to-2] == '\\':
			to -= 2
			for to > from && s[to-1] == '\\' {
				to--
			}
			continue
		}
		break
	}
	return from, to
}

func mixed64(v string) bool {
	return v != strings.ToLower(v) && v != strings.ToUpper(v) && strings.ContainsAny(v, "0123456789")
}

// Stream redacts the events of one log in their order. A key whose lines are
// events of their own is recognised by the events around it. The zero value is
// ready to use.
type Stream struct {
	// Known adds values that are secrets; nil adds none.
	Known *Known

	inKey bool
}

// Event returns the next event's text without its secrets.
func (st *Stream) Event(s string) string {
	if st.inKey {
		switch e := keyEnd.FindStringIndex(s); {
		case e != nil:
			st.inKey = false
			lead := s[:e[0]]
			if strings.TrimSpace(lead) != "" && lead != Marker {
				lead = Marker
			}
			return lead + s[e[0]:e[1]] + text(s[e[1]:], st.Known)
		case keyText(s):
			if t := strings.TrimSpace(s); t != "" && t != Marker {
				return Marker
			}
			return s
		}
		st.inKey = false // it was something else's beginning
	}
	if b := keyBegin.FindAllStringIndex(s, -1); b != nil && keyEnd.FindStringIndex(s[b[len(b)-1][1]:]) == nil {
		st.inKey = true
	}
	return text(s, st.Known)
}
