package tree

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLines: offsets and positions, asked in any order, in lines of any end.
func TestLines(t *testing.T) {
	text := "\xef\xbb\xbfaé\r\nb\rc\nd\u0085e\u2028f\u2029g"
	l := newLines([]byte(text), 3)
	want := []struct{ off, line, col int }{{3, 1, 1}, {4, 1, 2}, {6, 1, 3}, {8, 2, 1}, {10, 3, 1}, {12, 4, 1}, {15, 5, 1}, {19, 6, 1}, {23, 7, 1}}
	for range 2 {
		for _, w := range want {
			line, col := l.position(w.off)
			assert.Equal(t, []int{w.line, w.col}, []int{line, col}, "offset %d", w.off)
			assert.Equal(t, w.off, l.offset(w.line, w.col))
		}
		for i := range want {
			w := want[len(want)-1-i]
			line, col := l.position(w.off)
			assert.Equal(t, []int{w.line, w.col}, []int{line, col}, "offset %d", w.off)
		}
	}
	assert.Equal(t, len(text), l.offset(99, 1))
	assert.Equal(t, len(text), l.offset(7, 99))
}

// TestOffsetRecoded: places in the template that was given.
func TestOffsetRecoded(t *testing.T) {
	body := strings.Repeat("# é😀\n", 600) + "a: b\n"
	var utf16LE, utf16BE []byte
	for _, u := range append([]uint16{0xFEFF}, utf16.Encode([]rune(body))...) {
		utf16LE = binary.LittleEndian.AppendUint16(utf16LE, u)
		utf16BE = binary.BigEndian.AppendUint16(utf16BE, u)
	}
	for _, given := range [][]byte{utf16LE, utf16BE} {
		d, err := Parse(given, testLimits)
		require.NoError(t, err)
		assert.Equal(t, "UTF-16", d.Recoded)
		start, end := d.Span(d.Roots[0].Get("a"))
		assert.Equal(t, []int{len(given) - 4, len(given) - 2}, []int{d.Offset(start), d.Offset(end)})
		assert.Equal(t, 2, d.Offset(0))
		assert.Equal(t, len(given), d.Offset(len(d.Text)))
	}
	latin := []byte(strings.Repeat("# \xe9\n", 900) + "a: b\n")
	d, err := Parse(latin, testLimits)
	require.NoError(t, err)
	start, _ := d.Span(d.Roots[0].Get("a"))
	assert.Equal(t, len(latin)-2, d.Offset(start))
	_, err = d.Splice(nil, testLimits)
	assert.ErrorIs(t, err, ErrEncoding)
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]error{
		"a: [":             ErrSyntax,
		"a: *b":            ErrSyntax,
		"{\"a\": 1,}\n\tb": ErrSyntax,
		"a: \x00":          ErrSyntax,
		strings.Repeat("[", 2000) + strings.Repeat("]", 2000): ErrLimit,
		strings.Repeat("x", testLimits.Bytes+1):               ErrLimit,
		strings.Repeat("[", 20000):                            ErrLimit,
	} {
		_, err := Parse([]byte(text), testLimits)
		assert.ErrorIs(t, err, want, "%.20q", text)
	}
	d, err := Parse(nil, testLimits)
	require.NoError(t, err)
	assert.Empty(t, d.Roots)
}

func TestAt(t *testing.T) {
	d := parse(t, "a/b: {~: [x, !If [c, !Sub y, z]]}\nd: &d {e: f}\ng: *d\nh: 1\nh: 2\n")
	for pointer, want := range map[string]string{
		"/a~1b/~0/0":               "x",
		"/a~1b/~0/1/Fn::If/1":      "y",
		"/a~1b/~0/1/1/Fn::Sub":     "y",
		"/a~1b/~0/1/Fn::If/2":      "z",
		"/a~1b/~0/1/Fn::If/Fn::If": "", "/a~1b/~0/2": "", "/a~1b/~0/-": "", "/a~1b/~0/00": "", "/x": "", "x": "",
	} {
		n, argument, err := d.At(d.Roots[0], pointer)
		if want == "" {
			assert.ErrorIs(t, err, ErrNoNode, pointer)
			continue
		}
		require.NoError(t, err, pointer)
		assert.Equal(t, want, n.Value)
		assert.Equal(t, strings.HasSuffix(pointer, "Sub"), argument)
	}
	for pointer, want := range map[string]error{"/g": ErrShared, "/g/e": ErrShared, "/d/e": ErrShared, "/d": ErrShared, "/h": ErrTwice} {
		_, _, err := d.At(d.Roots[0], pointer)
		assert.ErrorIs(t, err, want, pointer)
	}
}
