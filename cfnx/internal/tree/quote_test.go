package tree

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTyped: what a reader of YAML 1.1 takes for something else.
func TestTyped(t *testing.T) {
	for _, v := range []string{"", "~", "null", "Null", "yes", "No", "ON", "off", "y", "N", "true", "FALSE", "<<", "=",
		"1", "0123", "0o17", "0x1F", "0b1010", "1_000", "+1", "-1", "1.10", "1.", ".5", "1e3", "1E+3", "1e10", "6.02e23", "190:20:30", "12:30", "12:30:45.5",
		".inf", "-.Inf", ".NaN", "2001-12-14", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5", "20230101", "685_230.15", "1,000"} {
		assert.True(t, typed(v), v)
	}
	for _, v := range []string{"v1", "nginx:1.25", "latest", "yesterday", "none", "1.25-alpine", "a", "e", "0a0a0a", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/x:1", "/path", "1.2.3-rc.1", "sha256", "0xyz", "2024-may"} {
		assert.False(t, typed(v), v)
	}
}

// TestReplaceTextQuotes: the text is quoted where it has to be, in the style
// that is there where that can hold it.
func TestReplaceTextQuotes(t *testing.T) {
	for _, tc := range []struct{ text, value, want string }{
		{"a: x # c\n", "w", "a: w # c\n"},
		{"a: x # c\n", "y", "a: 'y' # c\n"},
		{"a: x # c\n", "1e3", "a: '1e3' # c\n"},
		{"a: x\n", "y: z", "a: 'y: z'\n"},
		{"a: x\n", "y #z", "a: 'y #z'\n"},
		{"a: x\n", "- y", "a: '- y'\n"},
		{"a: x\n", "it's", "a: 'it''s'\n"},
		{"a: x\n", "a\nb", "a: \"a\\u000ab\"\n"},
		{"a: x\n", "y:", "a: 'y:'\n"},
		{"a: x\n", "", "a: ''\n"},
		{"a: x\n", "...", "a: '...'\n"},
		{"a: x\n", "${X}", "a: ${X}\n"},
		{"a: [x]\n", "${X}", "a: ['${X}']\n"},
		{"a: [x]\n", "y,z", "a: ['y,z']\n"},
		{"a: 5\n", "five", "a: five\n"},
		{"a: 'x'\n", "it's", "a: 'it''s'\n"},
		{"a: 'x'\n", "\t", "a: \"\\u0009\"\n"},
		{"a: \"x\"\n", `"\`, "a: \"\\\"\\\\\"\n"},
		{"a: \"x\"\n", "é\u2028", "a: \"é\\u2028\"\n"},
		{"a: 'x'\n", "\u0080😀\ufffe", "a: \"\\u0080\\U0001f600\\ufffe\"\n"},
		{`{"a": "x"}`, "\u0080😀\uffff", `{"a": "\u0080😀\uffff"}`},
		{"a: &n !t x\n", "1", "a: &n !t '1'\n"},
		{"a: >-\n  x\nb: c\n", "y #z", "a: >-\n  y #z\nb: c\n"},
		{"a: x\n  y\nb: c\n", "z", "a: z\nb: c\n"},
		{`{"a": "x"}`, "\"\\\n\u0001", `{"a": "\"\\\u000a\u0001"}`},
		{`{"a": 5}`, "5", `{"a": "5"}`},
	} {
		d := parse(t, tc.text)
		n := d.Roots[0].Get("a")
		if n.Kind == Sequence {
			n = n.Items[0]
		}
		e, err := d.ReplaceValue(n, tc.value, n.Local() != "")
		require.NoError(t, err, tc.text)
		out, err := d.Splice([]Edit{e}, testLimits)
		require.NoError(t, err, "%s with %q", tc.text, tc.value)
		assert.Equal(t, tc.want, string(out))
	}
}

func TestSpliceRefuses(t *testing.T) {
	d := parse(t, "a: >\n  x\n  y\nb: |\n  z\nc: d\n")
	_, err := d.ReplaceText(d.Roots[0].Get("a"), 0, 1, "q")
	assert.ErrorIs(t, err, ErrSplice)
	for _, text := range []string{"q\nr", " q", "\t", ""} {
		_, err = d.ReplaceText(d.Roots[0].Get("b"), 0, 1, text)
		assert.ErrorIs(t, err, ErrSplice, "%q", text)
	}
	for _, r := range [][2]int{{-1, 0}, {1, 0}, {0, 9}} {
		_, err = d.ReplaceText(d.Roots[0].Get("c"), r[0], r[1], "q")
		assert.ErrorIs(t, err, ErrSplice)
	}
	e, err := d.ReplaceText(d.Roots[0].Get("c"), 0, 1, "q")
	require.NoError(t, err)
	_, err = d.Splice([]Edit{e, e}, testLimits)
	assert.ErrorIs(t, err, ErrSplice)
}
