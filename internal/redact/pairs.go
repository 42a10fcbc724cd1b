package redact

import (
	"slices"
	"strings"
)

// pairName reports whether a member's value is a name, or what goes with one.
func pairName(name string) bool {
	l := strings.ToLower(name)
	return nameMembers[l] || valueMembers[l] || l == "type" || l == "noecho"
}

var (
	nameMembers  = words("name key parameterkey variable variablename var field header option optionname param parametername attribute secretname")
	valueMembers = words("value parametervalue val stringvalue plaintext plaintextvalue default defaultvalue contents optionvalue")
)

// pairs hides values whose names are members beside them, in either order:
// {"name":"DB_PASSWORD","value":"…"}, in JSON, YAML, XML, or as a program
// prints it; a SecureString's value; the default of a NoEcho parameter.
func (t *scan) pairs() {
	for _, f := range t.fields {
		if !valueMembers[f.name] || benign(t.s[f.from:f.to]) {
			continue
		}
		for _, in := range t.scopes {
			if in.from <= f.start && f.to <= in.to {
				t.hide(f.from, f.to)
				break
			}
		}
	}
	slices.SortFunc(t.fields, func(a, b field) int { return a.start - b.start })
	for i, f := range t.fields {
		var wants map[string]bool
		how := strong
		switch {
		case nameMembers[f.name]:
			how = nameStrength(strings.Trim(f.prefixValue, `"'`))
			wants = valueMembers
			if how == none || strings.Contains(f.prefixValue, " ") && f.quoted && prose(f.prefixValue) {
				continue
			}
		case f.name == "type" && strings.EqualFold(f.prefixValue, "SecureString"):
			wants = valueMembers
		case f.name == "noecho" && strings.EqualFold(strings.Trim(f.prefixValue, `,`), "true"):
			wants = valueMembers
		default:
			continue
		}
		for _, step := range []int{1, -1} {
			for j := i + step; j >= 0 && j < len(t.fields); j += step {
				g := t.fields[j]
				if !t.together(f, g) {
					break
				}
				if nameMembers[g.name] && nameMembers[f.name] {
					break
				}
				if !wants[g.name] {
					continue
				}
				text := t.s[g.from:g.to]
				if !benign(text) && (how == strong || tokenLike(text)) {
					t.hide(g.from, g.to)
				}
			}
		}
	}
}

// together reports whether two fields are members of one object: nothing between
// them opens or closes one, or begins the next item of a list.
func (t *scan) together(f, g field) bool {
	from, to := f.to, g.start
	if g.start < f.start {
		from, to = g.to, f.start
	}
	if to < from || to-from > 400 {
		return false
	}
	between := t.s[from:to]
	if strings.ContainsAny(between, "{}<>") {
		return false
	}
	lines := strings.Split(between, "\n")
	indent := min(t.column(f.start), t.column(g.start))
	for i, line := range lines {
		if i > 0 && i < len(lines)-1 && strings.TrimSpace(line) != "" && len(line)-len(strings.TrimLeft(line, " ")) < indent {
			return false // another block of YAML
		}
		if l := strings.TrimLeft(line, " \t"); strings.HasPrefix(l, "- ") && len(line) < len(between) {
			return false
		}
	}
	// The item's own dash may be just before the second name.
	return !strings.HasSuffix(strings.TrimRight(between, " "), "\n-") && !strings.HasSuffix(between, "- ")
}

// column is how far from the beginning of its line a byte is.
func (t *scan) column(i int) int { return i - strings.LastIndexByte(t.s[:i], '\n') - 1 }

// largest is the most bytes that an object with a secret's name is read for.
const largest = 2000

// scope notes the object that begins at i, in braces or as a block of YAML.
func (t *scan) scope(name, i int) {
	s := t.s
	end := min(len(s), i+largest)
	if i < len(s) && s[i] == '{' {
		depth := 0
		for j := i; j < end; j++ {
			switch s[j] {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					t.scopes = append(t.scopes, span{i, j})
					return
				}
			}
		}
		t.scopes = append(t.scopes, span{i, end})
		return
	}
	if i >= len(s) || s[i] != '\n' && s[i] != '\r' {
		return
	}
	indent, at := t.column(name), i
	for at < end {
		nl := strings.IndexByte(s[at:end], '\n')
		if nl < 0 {
			break
		}
		at += nl + 1
		line := s[at:min(len(s), at+200)]
		if in := len(line) - len(strings.TrimLeft(line, " ")); in <= indent && strings.TrimSpace(line) != "" && line[in] != '\n' && line[in] != '\r' {
			break
		}
	}
	t.scopes = append(t.scopes, span{i, at})
}
