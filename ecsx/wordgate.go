package ecsx

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// gated is an expression with words of which a text has one if it matches: looking
// for those first spares most of the expressions, which cost a hundred times as much.
type gated struct {
	re *regexp.Regexp
	// words are in lower case; none where the expression has no such words.
	words []string
}

func gate(pattern string) gated {
	g := gated{re: regexp.MustCompile(pattern)}
	if tree, err := syntax.Parse(pattern, syntax.Perl); err == nil { // it has been compiled already
		g.words = needed(tree)
	}
	return g
}

// match reports whether the expression matches text; folded is what [fold] returns
// of it.
func (g gated) match(text, folded string) bool {
	if folded != "" && g.words != nil {
		found := false
		for _, w := range g.words {
			if found = strings.Contains(folded, w); found {
				break
			}
		}
		if !found {
			return false
		}
	}
	return g.re.MatchString(text)
}

// fold returns text in lower case; "" if it is not ASCII: some of its letters may be
// other forms of ASCII ones.
func fold(text string) string {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return ""
		}
	}
	return strings.ToLower(text)
}

// needed returns words in lower case of which each match has one; nil for none known.
func needed(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return needed(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needed(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if words := needed(sub); words != nil && (best == nil || shortest(words) > shortest(best)) {
				best = words
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words := needed(sub)
			if words == nil {
				return nil
			}
			all = append(all, words...)
		}
		return all
	}
	return nil
}

func shortest(words []string) int {
	n := len(words[0])
	for _, w := range words {
		n = min(n, len(w))
	}
	return n
}
