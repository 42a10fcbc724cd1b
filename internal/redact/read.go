package redact

import (
	"regexp"
	"strings"
)

// value is where a value is; parts are those of an array.
type value struct {
	span
	quote string
	yaml  bool // a scalar that goes to the end of its line
	parts []span
}

func (v value) all() []span {
	if v.parts != nil {
		return v.parts
	}
	return []span{v.span}
}

// wrapper are what languages put around a value when they print it.
var wrapper = regexp.MustCompile(`^(?:string\(\d+\) |Some\(|Just |Optional\[|Secret\(|SecretStr\(|&?\(?\*?string\)?\(|u|b|rb|br|r|new String\()`)

// value reads the value that begins at sep.at by the rules of its own notation:
// up to its closing quote, to the next parameter, to the end of its line.
func (t *scan) value(from, end int, p sep) value {
	s := t.s
	at := p.at
	if m := wrapper.FindString(s[at:]); m != "" && quoteAt(s, at+len(m)) != "" {
		at += len(m)
	}
	if q := quoteAt(s, at); q != "" {
		v := t.quoted(at, q)
		// old -> new, as plans show it
		i := blanks(s, v.to+len(q))
		for _, arrow := range []string{"->", "=>"} {
			if i <= len(s) && strings.HasPrefix(s[min(i, len(s)):], arrow) {
				if j := blanks(s, i+2); quoteAt(s, j) != "" {
					v.parts = []span{v.span, t.quoted(j, quoteAt(s, j)).span}
				}
			}
		}
		return v
	}
	if at >= len(s) || s[at] == '\n' || s[at] == '\r' {
		return value{span: span{at, at}}
	}
	if strings.HasPrefix(s[at:], Marker) {
		return value{span: span{at, at + len(Marker)}}
	}
	switch s[at] {
	case '{':
		return t.braced(at)
	case '[':
		return t.listed(at)
	case '<':
		if p.kind == markup {
			return value{span: span{at, at}}
		}
	case '|', '>':
		if p.kind == colon && blockScalar.MatchString(s[at:]) {
			return t.block(from, at)
		}
	}
	switch p.kind {
	case markup:
		return t.plain(at, func(c byte) bool { return c == '<' })
	case encoded:
		v := t.plain(at, func(c byte) bool { return strings.IndexByte(" \t\n&\"'", c) >= 0 })
		for _, stop := range []string{"%26", "%22", "%2C", "%7D", "%3B"} {
			if i := strings.Index(s[v.from:v.to], stop); i >= 0 {
				v.to = v.from + i
			}
		}
		return v
	case arrow:
		if p.bracket {
			return t.plain(at, func(c byte) bool { return c == '\n' })
		}
		return t.plain(at, func(c byte) bool { return strings.IndexByte(" \t\n,)}]", c) >= 0 })
	case colon:
		if p.spaces > 0 || p.quote != "" {
			return t.afterColon(from, end, at, p)
		}
		// Key:value, as Go prints structures, and headers of HTTP/2.
		return t.plain(at, func(c byte) bool { return strings.IndexByte(" \t\n\"'}],)", c) >= 0 })
	}
	return t.afterEquals(from, at, p)
}

var blockScalar = regexp.MustCompile(`^[|>][-+0-9]*[ \t]*\r?\n`)

// afterColon reads a scalar of YAML, a header's value, or a word of a sentence.
func (t *scan) afterColon(from, end, at int, p sep) value {
	s := t.s
	lineStart := strings.LastIndexByte(s[:from], '\n') + 1
	lead := strings.TrimLeft(strings.TrimLeft(s[lineStart:from], " \t"), "-> \t\"'")
	line := t.plain(at, func(c byte) bool { return c == '\n' || c == '\r' })
	lower := strings.ToLower(s[from:end])
	if header(strings.Trim(lower, "-.")) {
		// To the quote that the header was in, or to the end of the line.
		if q := openQuote(s[lineStart:from]); q != 0 {
			return t.plain(at, func(c byte) bool { return c == q || c == '\n' })
		}
		return line
	}
	if lead == "" && s[lineStart:from] != "" || lead == "" && from == lineStart {
		if i := strings.Index(s[line.from:line.to], " #"); i >= 0 {
			line.to = line.from + i
		}
		for line.to > line.from && (s[line.to-1] == ' ' || s[line.to-1] == ',') {
			line.to--
		}
		line.yaml = s[lineStart:from] != "" || !prose(s[line.from:line.to])
		if line.yaml && prose(s[line.from:line.to]) && from == lineStart {
			line.yaml = false
		}
		return line
	}
	q := openQuote(s[lineStart:from])
	v := t.plain(at, func(c byte) bool {
		return c == ' ' || c == '\t' || c == '\n' || c == '\r' || q != 0 && c == q
	})
	for v.to > v.from && strings.IndexByte(",;)}]", s[v.to-1]) >= 0 {
		v.to--
	}
	return v
}

// openQuote is the quote that is open at the end of a line's beginning; 0 for
// none.
func openQuote(line string) byte {
	if len(line) > 4096 {
		line = line[len(line)-4096:]
	}
	var open byte
	for i := range len(line) {
		switch c := line[i]; {
		case c != '"' && c != '\'' && c != '`':
		case c == '\'' && open == 0 && i > 0 && letter(line[i-1]): // can't
		case open == 0:
			open = c
		case open == c:
			open = 0
		}
	}
	return open
}

// afterEquals reads NAME=value: in an environment up to the next blank, in a
// query, a connection string or a printed object up to the next member.
func (t *scan) afterEquals(from, at int, p sep) value {
	s := t.s
	lineStart := strings.LastIndexByte(s[:from], '\n') + 1
	lead := s[lineStart:from]
	env := envLead.MatchString(lead)
	q := openQuote(lead)
	v := t.plain(at, func(c byte) bool {
		return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '`' && q == '`' || q != 0 && c == q
	})
	if p.spaces > 0 && env && q == 0 {
		// An ini file: the rest of the line.
		v = t.plain(at, func(c byte) bool { return c == '\n' || c == '\r' })
		for v.to > v.from && s[v.to-1] == ' ' {
			v.to--
		}
		return v
	}
	if q != 0 {
		for v.to > v.from && s[v.to-1] == '\\' {
			v.to--
		}
		if i := escapedBreak.FindStringIndex(s[v.from:v.to]); i != nil {
			v.to = v.from + i[0]
		}
	}
	if env && q == 0 && (p.quote == "" && !p.bracket) {
		if m := nextParameter.FindStringIndex(s[v.from:v.to]); m != nil && !shouted(s[from:at]) {
			v.to = v.from + m[0]
		}
		return v
	}
	if m := nextParameter.FindStringIndex(s[v.from:v.to]); m != nil {
		v.to = v.from + m[0]
	}
	text := s[v.from:v.to]
	if i := strings.IndexByte(text, '#'); i > 0 && t.inQuery(from) {
		v.to = v.from + i
	}
	v.to = v.from + unbalanced(s[v.from:v.to])
	for v.to > v.from && strings.IndexByte(",;", s[v.to-1]) >= 0 {
		v.to--
	}
	return v
}

var (
	envLead       = regexp.MustCompile(`^\s*(?:[-+>$#*] *)*(?:(?:export|set|setenv|declare -x|env|readonly) +)*$`)
	nextParameter = regexp.MustCompile(`&(?:amp;)?[A-Za-z_][\w.%-]*=|; ?[A-Za-z_][\w. ]*=|;$|,[ ]?[A-Za-z_"'][\w.-]*["']?[=:]|,$`)
	escapedBreak  = regexp.MustCompile(`\\+[nrt]`)
)

// shouted reports whether a name is written as those of environments are.
func shouted(name string) bool { return name == strings.ToUpper(name) }

// unbalanced is where the first bracket closes that was not opened in v.
func unbalanced(v string) int {
	depth := 0
	for i := range len(v) {
		switch v[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return len(v)
}

// plain reads up to a byte that ends it, or to the end.
func (t *scan) plain(at int, ends func(byte) bool) value {
	i := at
	for i < len(t.s) && !ends(t.s[i]) {
		i++
	}
	return value{span: span{at, i}}
}

// quoted reads what is in quotes: up to the same quote with as many backslashes,
// or, where that is missing, as in a line that was cut, to the end of the line.
func (t *scan) quoted(at int, q string) value {
	s := t.s
	from := at + len(q)
	slashes := 0
	for slashes < len(q) && q[slashes] == '\\' {
		slashes++
	}
	bare := q[slashes:]
	line := len(s)
	if i := strings.IndexByte(s[from:], '\n'); i >= 0 {
		line = from + i
	}
	for i := from; ; {
		k := strings.Index(s[i:], bare)
		if k < 0 || i+k > max(line, from) && slashes > 0 {
			break
		}
		i += k
		n := 0
		for i-n > from && s[i-n-1] == '\\' {
			n++
		}
		switch {
		case n == slashes || len(bare) > 1 || n < slashes:
			end := i - min(n, slashes)
			if bare == "'" && slashes == 0 && i > from && strings.HasPrefix(s[i+1:], "'") {
				i += 2 // SQL doubles it
				continue
			}
			if strings.Contains(s[from:end], "\n") && end-from > 4096 {
				return value{span: span{from, line}, quote: q}
			}
			if strings.Contains(s[from:end], "\n") && slashes == 0 && !endsWell(s, i+len(bare)) {
				return value{span: span{from, line}, quote: q}
			}
			return value{span: span{from, end}, quote: q}
		case n%2 == 0 && slashes == 0:
			return value{span: span{from, i}, quote: q} // \\" : the backslash is escaped
		}
		i += len(bare)
	}
	return value{span: span{from, line}, quote: q}
}

// endsWell reports whether what follows a quote may follow a value: else it is
// an apostrophe somewhere below.
func endsWell(s string, i int) bool {
	i = blanks(s, i)
	return i >= len(s) || strings.IndexByte(",;)}]\r\n>", s[i]) >= 0
}

// braced reads {…}: ODBC's way to quote, or an object, whose members speak for
// themselves.
func (t *scan) braced(at int) value {
	s := t.s
	i := at + 1
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	if i >= len(s) || strings.HasPrefix(s[at:], "{{") || structure.MatchString(s[i:]) {
		return value{span: span{at, at}}
	}
	for j := i; j < len(s) && s[j] != '\n'; j++ {
		if s[j] == '}' {
			if j+1 < len(s) && s[j+1] == '}' {
				j++
				continue
			}
			return value{span: span{at, j + 1}}
		}
	}
	return value{span: span{at, at}}
}

var structure = regexp.MustCompile(`^(?:\\*["'{}\[\]]|&quot;|[A-Za-z_:][\w.-]*\s*(?:=>|[:=]))`)

// listed reads […]: every member, or what a list of one looks like where it is
// printed without quotes.
func (t *scan) listed(at int) value {
	s := t.s
	v := value{span: span{at + 1, at + 1}, parts: []span{}}
	i := at + 1
	for n := 0; i < len(s) && n < 100; n++ {
		for i < len(s) && strings.IndexByte(" \n\t\r,", s[i]) >= 0 {
			i++
		}
		q := ""
		if i < len(s) {
			q = quoteAt(s, i)
		}
		if q == "" {
			break
		}
		m := t.quoted(i, q)
		v.parts = append(v.parts, m.span)
		i = m.to + len(q)
	}
	if len(v.parts) == 0 && i < len(s) && s[i] != '{' && s[i] != ']' && s[i] != '[' {
		m := t.plain(i, func(c byte) bool { return c == ']' || c == '\n' })
		v.parts = append(v.parts, m.span)
	}
	return v
}

// block reads a block scalar of YAML: the lines below that are indented more.
func (t *scan) block(from, at int) value {
	s := t.s
	lineStart := strings.LastIndexByte(s[:from], '\n') + 1
	indent := from - lineStart
	if i := strings.IndexFunc(s[lineStart:from], func(r rune) bool { return r != ' ' }); i >= 0 {
		indent = i
	}
	nl := strings.IndexByte(s[at:], '\n')
	start := at + nl + 1
	end := start
	for end < len(s) {
		line := s[end:]
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		in := len(line) - len(strings.TrimLeft(line, " "))
		if strings.TrimSpace(line) != "" && in <= indent {
			break
		}
		end += len(line)
	}
	for start < end && s[start] == ' ' {
		start++
	}
	for end > start && (s[end-1] == '\n' || s[end-1] == '\r') {
		end--
	}
	return value{span: span{start, end}, quote: "|"}
}
