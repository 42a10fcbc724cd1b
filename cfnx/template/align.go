package template

import (
	"strings"

	"github.com/distribution/reference"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// partEdit replaces bytes from to to of a scalar's decoded text.
type partEdit struct {
	scalar   *tree.Node
	from, to int
	text     string
	sub      bool
}

// align finds what has to change for the parts to come to want. Parts at the
// beginning and at the end that are in want as they are stay. What is left has
// to be text of the expression itself, and in one scalar: then there is an
// edit. Otherwise edit is nil, and places says what would have to change, with
// the value where it is one place alone.
func (ps parts) align(want string) (edit *partEdit, places []Source) {
	if len(ps) == 0 {
		return nil, nil
	}
	first, last := 0, len(ps)
	rest := want
	for first < last && strings.HasPrefix(rest, ps[first].text) {
		rest = rest[len(ps[first].text):]
		first++
	}
	for last > first && strings.HasSuffix(rest, ps[last-1].text) {
		last--
		rest = rest[:len(rest)-len(ps[last].text)]
	}
	// A part that only begins like want, and one that want ends inside of, is
	// not kept: "v1" is no part of "v10".
	if first == last && rest != "" || rest == "" && first < last {
		switch {
		case last < len(ps) && (first == 0 || ps[last].here()):
			rest += ps[last].text
			last++
		case first > 0:
			first--
			rest = ps[first].text + rest
		}
	}
	mid := ps[first:last]
	if len(mid) == 1 && mid[0].here() {
		p := mid[0]
		keep := commonStart(p.text, rest)
		return &partEdit{p.scalar, p.from + keep, p.to, rest[keep:], p.sub}, nil
	}
	if mid.oneSub() {
		return &partEdit{mid[0].scalar, mid[0].from, mid[len(mid)-1].to, rest, true}, nil
	}
	if len(mid) == 1 {
		place := mid[0].place
		if place.Kind != expr.SourceMapping || !mid[0].open {
			place.Value = placeValue(place, rest)
		}
		return nil, []Source{place}
	}
	return nil, mid.elsewhere()
}

// placeValue is the value for a place whose part of the text alone changes.
func placeValue(p Source, text string) string {
	if text == "" || strings.Contains(text, "${") {
		return ""
	}
	switch p.Kind {
	case expr.SourceParameter, expr.SourceMapping, expr.SourceStack, expr.SourceExport, expr.SourceSSM, expr.SourceSecret:
		return text
	}
	return ""
}

// oneSub reports whether all parts are text and pseudo parameters in a row of
// one Sub's template, so that a text can stand for all of them.
func (ps parts) oneSub() bool {
	for i, p := range ps {
		if !p.sub || p.scalar != ps[0].scalar || p.place.Kind != expr.SourceInline && p.place.Kind != expr.SourcePseudo {
			return false
		}
		if i > 0 && p.from != ps[i-1].to {
			return false
		}
	}
	return len(ps) > 0
}

// onlyText reports whether all parts are texts and pseudo parameters.
func (ps parts) onlyText() bool {
	for _, p := range ps {
		if p.place.Kind != expr.SourceInline && p.place.Kind != expr.SourcePseudo {
			return false
		}
	}
	return len(ps) > 0
}

// elsewhere returns the places that are not text of the expression, or all
// where there are only those.
func (ps parts) elsewhere() []Source {
	var out []Source
	for _, p := range ps.places() {
		if p.Kind != expr.SourceInline {
			out = append(out, p)
		}
	}
	if out == nil {
		out = ps.places()
	}
	return out
}

// commonStart returns how many bytes a and b have in common at the start, up
// to the last separator of an image reference.
func commonStart(a, b string) int {
	n := 0
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '/' || a[i] == ':' || a[i] == '@' {
			n = i + 1
		}
	}
	return n
}

// strayVariable reports whether text has a ${…} that is neither a pseudo
// parameter nor in known.
func strayVariable(text, known string) bool {
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			return false
		}
		j := strings.IndexByte(text[i:], '}')
		if j < 0 {
			return true
		}
		name := text[i : i+j+1]
		switch name {
		case "${AWS::AccountId}", "${AWS::Region}", "${AWS::Partition}", "${AWS::URLSuffix}", "${AWS::StackName}":
		default:
			if known == "" || !strings.Contains(known, name) {
				return true
			}
		}
		text = text[i+j+1:]
	}
}

// validReference reports whether text is an image reference once its ${…} are
// something.
func validReference(text string) bool {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		j := strings.IndexByte(text[i:], '}')
		if j < 0 {
			return false
		}
		b.WriteString(text[:i] + "x")
		text = text[i+j+1:]
	}
	b.WriteString(text)
	_, err := reference.Parse(b.String())
	return err == nil
}

// skipReason is why parts of these places are not edited.
func skipReason(places []Source) (detail string, reason error) {
	here := true
	for _, p := range places {
		if p.Kind == expr.SourceMacro {
			return "", ErrMacro
		}
		here = here && p.Kind == expr.SourceInline
	}
	if here {
		return "it is put together from several texts", ErrUnspliceable
	}
	return placeNames(places), ErrElsewhere
}

// placeNames lists places for an error's text: "parameter Tag, mapping Images".
func placeNames(places []Source) string {
	var names []string
	for _, p := range places {
		s := p.Kind
		if p.Name != "" {
			s += " " + p.Name
		}
		names = append(names, s)
	}
	return strings.Join(names, ", ")
}
