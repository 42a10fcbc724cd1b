package neutral_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/neutral"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain text, Grüße, 日本":      "plain text, Grüße, 日本",
		"\x1b[31mred\x1b[0m":         `\x1b[31mred\x1b[0m`,
		"a\tb\nc\rd":                 `a b\x0ac\x0dd`,
		"\u202eevil\u200b":           `\u202eevil\u200b`,
		"bell\a, C1 \u009b31m, \x7f": `bell\x07, C1 \x9b31m, \x7f`,
		"two\u2028lines":             `two\u2028lines`,
	} {
		require.Equal(t, want, neutral.Line(in))
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\\|b &lt;img&gt; \\`code\\` \\[x\\] \\x1b", neutral.Markdown("a|b <img> `code` [x] \x1b"))
	require.Equal(t, "one two", neutral.Markdown("one\ntwo"))
}

// Whatever a text is, its line has nothing in it that a terminal acts on.
func FuzzLine(f *testing.F) {
	f.Add("\x1b]0;owned\x07\r\n::error::")
	f.Fuzz(func(t *testing.T, s string) {
		if i := strings.IndexFunc(neutral.Line(s), unicode.IsControl); i >= 0 {
			t.Fatalf("control character at %d", i)
		}
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	in := "a\u202eb\u0085c\U000e0001d\x1b é"
	b, err := json.Marshal(in)
	require.NoError(t, err)
	got := neutral.JSON(b)
	require.NotContains(t, string(got), "\u202e")
	require.NotContains(t, string(got), "\u0085")
	var out string
	require.NoError(t, json.Unmarshal(got, &out))
	require.Equal(t, in, out)
}
