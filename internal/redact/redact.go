// Package redact takes secrets out of texts that leave an account: log lines,
// reasons, templates, errors.
//
// A secret is recognised by its name (an assignment in any of the notations
// that logs, templates and shells use), by its shape (prefixes that vendors
// give their tokens), by its place (the userinfo of a URL, a header, a flag of a
// known program), or because somebody has said what it is ([Known]). What is
// taken out is replaced by [Marker]; nothing of it is kept, its length neither.
//
// References stay readable: ARNs, dynamic references, variables, paths of
// secrets. So do the identities that a diagnosis rests on: task ids, digests,
// commits, request ids.
package redact

import (
	"slices"
	"strings"
)

// Marker stands for what was taken out.
const Marker = "[redacted]"

// Text returns s without the secrets that can be recognised in it. Text of its
// own output returns it unchanged. Invisible characters and terminal sequences
// inside a secret or its name do not hide it; they are left in the rest of the
// text, which is for package neutral to make harmless.
func Text(s string) string { return text(s, nil) }

// text repeats until nothing more is found: taking one value out may show that
// another begins behind it.
func text(s string, known *Known) string {
	for range maxRounds {
		out := once(s, known)
		if out == s {
			break
		}
		s = out
	}
	return s
}

const maxRounds = 6

// span is a part of a text, in bytes.
type span struct{ from, to int }

// once takes out what a reader would see, and then what is in the bytes: a
// title that a terminal would be given has no place in the first.
func once(s string, known *Known) string {
	v := see(s)
	s = cut(s, v, known)
	if v.from != nil {
		s = cut(s, view{text: s}, known)
	}
	return s
}

func cut(s string, view view, known *Known) string {
	found := find(view.text, known)
	if len(found) == 0 {
		return s
	}
	var b strings.Builder
	at := 0
	for _, f := range found {
		from, to := view.at(f.from), view.at(f.to)
		if from < at {
			from = at
		}
		if to <= from {
			continue
		}
		b.WriteString(s[at:from])
		b.WriteString(Marker)
		at = to
	}
	b.WriteString(s[at:])
	return b.String()
}

// find lists what is to be taken out of s, in order, without overlaps.
func find(s string, known *Known) []span {
	t := newScan(s)
	t.keys()
	t.shapes()
	t.urls()
	t.flags()
	t.assignments()
	t.pairs()
	if known != nil {
		known.find(t)
	}
	slices.SortFunc(t.found, func(a, b span) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return b.to - a.to
	})
	var out []span
	for _, f := range t.found {
		if n := len(out); n > 0 && f.from < out[n-1].to {
			out[n-1].to = max(out[n-1].to, f.to)
			continue
		}
		out = append(out, f)
	}
	return t.withoutMarkers(out)
}

// scan is one reading of a text.
type scan struct {
	s     string
	found []span
	// kept are references and public material, in order: no assignment is looked
	// for in them.
	kept []span
	// fields are assignments of any name, which come in pairs: see pairs.
	fields []field
	// scopes are objects that have a secret's name: a parameter, an output.
	scopes []span
}

func newScan(s string) *scan {
	t := &scan{s: s}
	for _, k := range keep {
		if !gated(s, k.gate) {
			continue
		}
		for _, m := range k.pattern.FindAllStringIndex(s, -1) {
			t.kept = append(t.kept, span{m[0], m[1]})
		}
	}
	slices.SortFunc(t.kept, func(a, b span) int { return a.from - b.from })
	return t
}

// hide notes a part of the text that is to be taken out.
func (t *scan) hide(from, to int) {
	if from < to {
		t.found = append(t.found, span{from, to})
	}
}

// keeps reports whether the byte at i lies in something that stays.
func (t *scan) keeps(i int) bool {
	n, found := slices.BinarySearchFunc(t.kept, i, func(k span, i int) int { return k.from - i })
	if found {
		return true
	}
	return n > 0 && i < t.kept[n-1].to
}

// withoutMarkers leaves earlier markers as they are, and what is between two of
// them where nothing of it could be a secret.
func (t *scan) withoutMarkers(found []span) []span {
	if !strings.Contains(t.s, Marker) {
		return found
	}
	var out []span
	add := func(from, to int) {
		if strings.IndexFunc(t.s[from:to], isWordRune) >= 0 {
			out = append(out, span{from, to})
		}
	}
	for _, f := range found {
		at := f.from
		for at < f.to {
			i := strings.Index(t.s[at:], Marker)
			if i < 0 || at+i >= f.to {
				break
			}
			add(at, at+i)
			at += i + len(Marker)
		}
		if at < f.to {
			add(at, f.to)
		}
	}
	return out
}

func isWordRune(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
}
