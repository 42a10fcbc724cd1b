package redact

import (
	"regexp"
	"strings"
)

// field is an assignment whose value is where another field's name says: the
// members of {"name": …, "value": …}.
type field struct {
	name        string // in lower case
	from, to    int    // of the value
	start       int    // of the name
	quoted      bool
	prefixValue string
}

// assignments finds names with what follows them, in every notation: NAME=v,
// name: v, "name":"v", \"name\":\"v\", name=>v, [name] => v, <name>v</name>,
// --name v, and members of arrays.
func (t *scan) assignments() {
	s := t.s
	for i := 0; i < len(s); {
		if !nameByte(s[i]) {
			i++
			continue
		}
		end := i
		for end < len(s) && nameByte(s[end]) {
			end++
		}
		next := t.assignment(i, end)
		i = max(end, next)
	}
}

func nameByte(c byte) bool {
	return letter(c) || digit(c) || c == '_' || c == '-' || c == '.' || c == '$' || c >= 0x80
}

// assignment looks at one word and returns where to go on.
func (t *scan) assignment(from, end int) int {
	s := t.s
	if t.keeps(from) {
		return end
	}
	name := strings.Trim(s[from:end], "-.$")
	if i := strings.LastIndexByte(name, '$'); i >= 0 {
		name = name[i+1:]
	}
	if name == "" || !strings.ContainsFunc(name, isWordRune) {
		return end
	}
	how := nameStrength(name)
	paired := pairName(name)
	if how == none && !paired {
		return end
	}
	sep, ok := separator(s, from, end)
	if !ok {
		if how != none {
			t.spaced(from, end, name, how)
		}
		return end
	}
	if strings.HasPrefix(s[sep.at:], "[redacted]") {
		return end
	}
	v := t.value(from, end, sep)
	if paired && v.to > v.from {
		t.fields = append(t.fields, field{name: strings.ToLower(name), from: v.from, to: v.to, start: from, quoted: v.quote != "", prefixValue: s[v.from:v.to]})
	}
	if how == none {
		return end
	}
	if how == strong && v.from == v.to && (sep.kind == colon || sep.kind == equals || sep.kind == arrow) {
		t.scope(from, v.from)
	}
	t.judge(from, name, how, sep, v)
	return end
}

// judge hides a value that the name makes a secret.
func (t *scan) judge(from int, name string, how strength, sep sep, v value) {
	s := t.s
	for _, p := range v.all() {
		text := s[p.from:p.to]
		if text == "" || benign(text) {
			continue
		}
		lower := strings.ToLower(name)
		switch {
		case header(lower):
			t.header(lower, p)
			continue
		case sep.kind == colon && v.quote == "" && sep.spaces > 0 && !v.yaml && prose(t.restOfLine(p.from)):
			continue
		case sep.kind == colon && v.quote == "" && from > 0 && s[from-1] == '/':
			continue // /etc/passwd: permission denied
		case sep.kind == colon && v.quote == "" && sep.spaces == 0 && from > 0 && (s[from-1] == ':' || s[from-1] == '/'):
			continue
		case (name == "PWD" || name == "OLDPWD") && strings.HasPrefix(text, "/"):
			continue // a shell's folder
		case lower == "pass" && isDigits(text) && len(text) < 5:
			continue // how many tests passed
		case credentialFile(lower, text):
			continue
		case how == weak && t.inQuery(from) && weakQuery(lower, text):
		case how == weak && !tokenLike(text):
			continue
		case how == weak && lower == "key" && !mixed(text):
			continue
		}
		if strings.Contains(text, "://") && !strings.Contains(lower, "pass") && urlOnly(text) {
			continue // its secrets have places of their own
		}
		t.hide(p.from, p.to)
	}
}

// weakQuery is for query parameters whose names are ordinary words.
func weakQuery(name, v string) bool {
	if strings.HasSuffix(name, "signature") || name == "sig" {
		return len(v) >= 4
	}
	switch name {
	case "code", "ticket", "assertion":
		return len(v) >= 10 && !isDigits(v)
	}
	return len(v) >= 16 && tokenLike(v)
}

// mixed reports whether a value has letters of both cases and digits, and
// nothing of a file's name.
func mixed(v string) bool {
	return len(v) >= 24 && !strings.ContainsAny(v, "./: ") &&
		strings.ContainsAny(v, "0123456789") && v != strings.ToLower(v) && v != strings.ToUpper(v)
}

var urlShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^\s@]+$`)

func urlOnly(v string) bool { return urlShape.MatchString(v) }

// credentialFile are paths of files with credentials.
func credentialFile(name, v string) bool {
	return strings.Contains(name, "cred") && strings.HasPrefix(v, "/") && strings.Contains(v[1:], "/") ||
		strings.HasPrefix(v, "/run/secrets/")
}

func (t *scan) restOfLine(from int) string {
	rest := t.s[from:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// inQuery reports whether a name is a parameter of a URL or a form.
func (t *scan) inQuery(from int) bool {
	return from > 0 && (t.s[from-1] == '?' || t.s[from-1] == '&' || t.s[from-1] == ';')
}

type sepKind int

const (
	equals sepKind = iota
	colon
	arrow
	markup
	member // of an array: "--flag","value"
	encoded
)

type sep struct {
	kind sepKind
	// at is where the value begins, its quote included; spaces is how many
	// blanks are before it.
	at, spaces int
	quote      string // that closed the name, "" for none
	bracket    bool   // the name was closed by ]
}

// quoteAt is the quote at i, with the backslashes before it; "" for none.
func quoteAt(s string, i int) string {
	n := i
	for n < len(s) && s[n] == '\\' {
		n++
	}
	rest := s[n:]
	if n > i { // \u0022 and \x22
		for _, q := range []string{"u0022", "u0027", "x22", "x27"} {
			if strings.HasPrefix(rest, q) {
				return s[i : n+len(q)]
			}
		}
	}
	for _, q := range []string{`"`, `'`, "`", "&quot;", "&#34;", "&#39;", "&apos;", "%22", "%27"} {
		if strings.HasPrefix(rest, q) {
			return s[i : n+len(q)]
		}
	}
	return ""
}

// separator reads what is between a name and its value.
func separator(s string, from, end int) (sep, bool) {
	var p sep
	i := end
	for range 3 { // "name"] and ["name"]
		if q := quoteAt(s, i); q != "" && p.quote == "" {
			p.quote, i = q, i+len(q)
			continue
		}
		if i < len(s) && s[i] == ']' && !p.bracket {
			p.bracket, i = true, i+1
			continue
		}
		break
	}
	start := i
	i = blanks(s, i)
	rest := s[i:]
	switch {
	case strings.HasPrefix(rest, "=>"):
		p.kind, i = arrow, i+2
	case strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, "=~"):
		return p, false
	case strings.HasPrefix(rest, "=%3D"), strings.HasPrefix(rest, "%3D"), strings.HasPrefix(rest, "%3d"):
		p.kind, i = encoded, i+3
	case strings.HasPrefix(rest, "%3A"), strings.HasPrefix(rest, "%3a"):
		p.kind, i = encoded, i+3
	case strings.HasPrefix(rest, ":="):
		p.kind, i = equals, i+2
	case strings.HasPrefix(rest, "="):
		p.kind, i = equals, i+1
	case strings.HasPrefix(rest, "::"):
		return p, false
	case strings.HasPrefix(rest, ":"):
		p.kind, i = colon, i+1
	case strings.HasPrefix(rest, ">") && i == start && p.quote == "" && tagBefore(s, from):
		p.kind, i = markup, i+1
	case strings.HasPrefix(rest, ",") && p.quote != "" && from > 0 && s[from] == '-':
		j := blanks(s, i+1)
		if j < len(s) && s[j] == '\n' {
			j = blanks(s, j+1)
		}
		if quoteAt(s, j) == "" {
			return p, false
		}
		p.kind, i = member, j
	default:
		return p, false
	}
	at := blanks(s, i)
	p.spaces = at - i
	if p.kind == arrow || p.kind == colon && p.quote != "" {
		// var_dump and pretty JSON put the value on a line of its own.
		if at < len(s) && s[at] == '\n' {
			if j := blanks(s, at+1); j > at+1 && (quoteAt(s, j) != "" || strings.HasPrefix(s[j:], "string(")) {
				at = j
			}
		}
	}
	p.at = at
	return p, true
}

func blanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

// tagBefore reports whether the name is that of a tag: <name or <ns:name.
func tagBefore(s string, from int) bool {
	for i := from - 1; i >= 0 && from-i < 40; i-- {
		switch {
		case s[i] == '<':
			return true
		case s[i] == ':' || nameByte(s[i]):
		default:
			return false
		}
	}
	return false
}

// inTable reports whether a name may be a table's cell: it begins the line or is
// behind another |. Else the | is of a shell.
func (t *scan) inTable(from int) bool {
	lead := strings.TrimRight(t.s[strings.LastIndexByte(t.s[:from], '\n')+1:from], " \t\"'`*")
	return lead == "" || strings.HasSuffix(lead, "|")
}

// spaced hides the value of a name that has none but a blank behind it: a flag,
// SQL's PASSWORD '…', a table's column, a Dockerfile's ENV.
func (t *scan) spaced(from, end int, name string, how strength) {
	s := t.s
	i := end
	closing := quoteAt(s, i)
	if strings.HasPrefix(s[i:], ">") || closing != "" && !strings.HasPrefix(s[from:], "-") {
		return
	}
	at := blanks(s, i)
	if at == i || at >= len(s) || s[at] == '\n' {
		return
	}
	lower := strings.ToLower(name)
	pass := strings.Contains(lower, "pass") || lower == "pwd"
	q := quoteAt(s, at)
	flag := from >= 1 && strings.HasPrefix(s[from:], "-") && (from == 0 || !nameByte(s[from-1])) || from == 0 && strings.HasPrefix(s, "-")
	switch {
	case flag:
		v := t.plain(at, func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' })
		if q != "" {
			v = t.quoted(at, q)
		}
		if text := s[v.from:v.to]; !strings.HasPrefix(text, "-") && !benign(text) && (how == strong || tokenLike(text)) {
			t.hide(v.from, v.to)
		}
	case pass && q != "":
		v := t.quoted(at, q)
		if text := s[v.from:v.to]; !benign(text) && !strings.ContainsAny(text, "\n") {
			t.hide(v.from, v.to)
		}
	case how == strong && s[at] == '|' && t.inTable(from):
		// | name | value |
		v := t.plain(blanks(s, at+1), func(c byte) bool { return c == '|' || c == '\n' })
		for v.to > v.from && s[v.to-1] == ' ' {
			v.to--
		}
		if text := s[v.from:v.to]; !benign(text) && !prose(text) {
			t.hide(v.from, v.to)
		}
	case how == strong && (strings.Contains(s[i:at], "\t") || at-i >= 2 || envInstruction(s, from) || configure(s, from)):
		v := t.plain(at, func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '|' })
		if text := s[v.from:v.to]; !benign(text) && !prose(t.restOfLine(at)) && odd(text) {
			t.hide(v.from, v.to)
		}
	case pass && at-i == 1 && how == strong && wordWithDigits(s[at:]):
		v := t.plain(at, func(c byte) bool { return strings.IndexByte(" \t\n,;)\"'", c) >= 0 })
		t.hide(v.from, v.to)
	case how == strong && (strings.HasPrefix(s[at:], "is ") || strings.HasPrefix(s[at:], "was ") || strings.HasPrefix(s[at:], "is: ") || strings.HasPrefix(s[at:], "-> ")):
		at = blanks(s, at+strings.IndexByte(s[at:], ' '))
		v := t.plain(at, func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' })
		if q := quoteAt(s, at); q != "" {
			v = t.quoted(at, q)
		}
		for v.to > v.from && strings.IndexByte(".,;)", s[v.to-1]) >= 0 {
			v.to--
		}
		if text := s[v.from:v.to]; odd(text) && len(text) >= 6 && !benign(text) && !strings.Contains(text, "&X-Amz-") {
			t.hide(v.from, v.to)
		}
	}
}

// envInstruction reports whether the name is one that a Dockerfile sets.
func envInstruction(s string, from int) bool {
	return strings.HasSuffix(s[:from], "ENV ") || strings.HasSuffix(s[:from], "ARG ") || strings.HasSuffix(s[:from], "setenv ")
}

func configure(s string, from int) bool {
	return strings.HasSuffix(s[:from], "configure set ") || strings.HasSuffix(s[:from], "config set ")
}

// odd reports whether a word is none of a language: it has a digit or a sign.
func odd(v string) bool {
	return strings.ContainsFunc(v, func(r rune) bool {
		return r < 0x80 && !letter(byte(r)) && r != '\'' && r != '.' && r != ',' && r != ':'
	})
}

// wordWithDigits reports whether a text begins with a word that is none of a
// language, and no date: it has letters and digits.
func wordWithDigits(s string) bool {
	if i := strings.IndexAny(s, " \t\n,;)\"'"); i >= 0 {
		s = s[:i]
	}
	return len(s) >= 8 && !strings.ContainsAny(s, "()/=:") && strings.ContainsAny(s, "0123456789") && strings.ContainsFunc(s, func(r rune) bool { return r < 0x80 && letter(byte(r)) })
}
