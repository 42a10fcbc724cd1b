package tree

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocIsShared: who asks at the same time about the same text gets the same
// answers, and what a caller does to its bytes afterwards changes nobody's Doc.
func TestDocIsShared(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"YAML":    "Resources:\n  é: &x {Type: 'AWS::S3::Bucket', l: [1, \"two\", |\n  a]}\n  B: *x\n  C: |\n    text\n",
		"block":   "Resources:\n  A: &x\n    Type: T\n    Properties: {n: é, m: 'it''s'}\n  B: *x\n  C: |\n    text\n\n  D: >-\n    folded\n    text\n",
		"JSON":    `{"Resources": {"A": {"Type": "T", "Properties": {"n": [1, true, "\u00e9"]}}}}`,
		"Latin-1": "Resources:\n  A: caf\xe9\n",
	} {
		text += strings.Repeat(" ", len(name)) // none that another test reads
		want, err := read([]byte(text), testLimits)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				mine := []byte(text)
				d, got := Parse(mine, testLimits)
				for i := range mine {
					mine[i] = 'x'
				}
				if fmt.Sprint(got) != fmt.Sprint(err) {
					t.Errorf("%s: %v, not %v", name, got, err)
				}
				if err == nil && told(d) != told(want) {
					t.Errorf("%s: %s\nnot %s", name, told(d), told(want))
				}
			})
		}
		wg.Wait()
	}
	a, err := Parse([]byte("a: [[1]]"), testLimits)
	require.NoError(t, err)
	b, err := Parse([]byte("a: [[1]]"), testLimits)
	require.NoError(t, err)
	require.Same(t, a, b)
	_, err = Parse([]byte("a: [[1]]"), Limits{Bytes: 100, Depth: 1})
	require.ErrorIs(t, err, ErrLimit)
	_, err = Parse([]byte("a: [[1]]"), Limits{Bytes: 3, Depth: 9})
	require.ErrorIs(t, err, ErrLimit)
}

// told is everything that can be asked of a Doc.
func told(d *Doc) string {
	var b strings.Builder
	var walk func(n *Node)
	walk = func(n *Node) {
		start, end := d.Span(n)
		line, column := d.Position(start)
		fmt.Fprintln(&b, n.Kind, n.Style, n.Tag, n.Value, start, end, string(d.Text[start:end]), line, column, d.Shared(n), d.Commented(n), d.Offset(start))
		if n.Kind != Alias {
			for _, c := range n.Items {
				walk(c)
			}
		}
	}
	for _, r := range d.Roots {
		walk(r)
	}
	return b.String()
}

// TestCacheIsBounded: what is kept has a limit, and the newest are kept.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := cache{most: 400}
	for i := range 100 {
		text := fmt.Sprintf("%010d", i)
		c.put(text, 1, &Doc{})
		c.put(text, 1, &Doc{})
		require.LessOrEqual(t, len(c.docs), 40)
		require.Len(t, c.order, len(c.docs))
		require.NotNil(t, c.get([]byte(text), 1))
		require.Nil(t, c.get([]byte(text), 2))
	}
	require.Nil(t, c.get([]byte(fmt.Sprintf("%010d", 59)), 1))
	require.NotNil(t, c.get([]byte(fmt.Sprintf("%010d", 60)), 1))
	c.put(strings.Repeat("x", 101), 1, &Doc{})
	require.Len(t, c.docs, 40, "one that would push many out is not kept")
}
