package ecsx

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The words of an expression decide nothing that the expression itself does not: on
// texts made of such words, whole and cut, in either case, the answers are the same.
func TestWordsOfExpressions(t *testing.T) {
	t.Parallel()
	var all []gated
	for _, x := range stages {
		all = append(all, x.gated)
	}
	for _, x := range troubles {
		all = append(all, x.gated)
	}
	var words []string
	withWords := 0
	for _, g := range all {
		if g.words != nil {
			withWords++
			words = append(words, g.words...)
		}
	}
	require.Equal(t, len(all), withWords, "an expression without words is tried on every text")
	r := rand.New(rand.NewPCG(1, 1))
	matched := 0
	for range 3000 {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			w := words[r.IntN(len(words))]
			switch r.IntN(5) {
			case 0:
				w = strings.ToUpper(w)
			case 1:
				w = w[:r.IntN(len(w)+1)]
			case 2:
				w = strings.Replace(w, "s", "ſ", 1) // matches s where case does not count
			case 3:
				w = strings.ToUpper(w[:1]) + w[1:]
			}
			b.WriteString(w + []string{"", " ", ": ", "ing "}[r.IntN(4)])
		}
		text := b.String()
		for _, g := range all {
			got, want := g.match(text, fold(text)), g.re.MatchString(text)
			if got != want {
				t.Fatalf("%q and %s: %t", text, g.re, got)
			}
			if want {
				matched++
			}
		}
	}
	require.Greater(t, matched, 2000)
}
