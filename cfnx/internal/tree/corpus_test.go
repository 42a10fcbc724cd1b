package tree

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/stackrescue/stackrescue/cfnx/internal/corpus"
)

var testLimits = Limits{Bytes: 8 << 20, Depth: 1000}

// every calls fn for each node under n once, aliases not followed.
func every(n *Node, fn func(*Node)) {
	fn(n)
	if n.Kind == Alias {
		return
	}
	for _, c := range n.Items {
		every(c, fn)
	}
}

// unwritten reports whether a value has no bytes of its own.
func unwritten(n *Node) bool { return n.Kind == Scalar && n.Style == Plain && n.Value == "" }

// checkSpans holds every node's bytes against what the parser read there, and
// returns how many scalars could and could not be decoded.
func checkSpans(t *testing.T, name string, d *Doc) (good, bad int) {
	t.Helper()
	for _, root := range d.Roots {
		every(root, func(n *Node) {
			if unwritten(n) {
				return
			}
			start, end := d.Span(n)
			if start < 0 || end < start || end > len(d.Text) {
				t.Errorf("%s: span %d-%d of %q", name, start, end, n.Value)
				return
			}
			if n.Kind == Scalar {
				s, ok := d.source(n)
				if ok {
					good++
					if from, to := int(s.at[0]), int(s.at[len(s.text)]); from < start || to > end {
						t.Errorf("%s: %q decoded from %d-%d, outside %d-%d", name, n.Value, from, to, start, end)
					}
				} else if n.Style != Literal && n.Style != Folded {
					bad++
					line, _ := d.Position(start)
					t.Logf("%s:%d: style %d %q from %q", name, line, n.Style, n.Value, d.Text[start:min(end, start+80)])
				}
			}
			prev := start
			for _, c := range n.Items {
				if n.Kind == Alias {
					break
				}
				if unwritten(c) {
					continue
				}
				from, to := d.Span(c)
				if from < prev || to > end {
					line, _ := d.Position(from)
					t.Errorf("%s:%d: item %d-%d not in %d-%d", name, line, from, to, prev, end)
					return
				}
				prev = to
			}
		})
	}
	return good, bad
}

func TestSpansOfCorpus(t *testing.T) {
	for _, dir := range []string{"templates", "adversarial"} {
		good, bad := 0, 0
		for name, text := range corpus.Some(t, 6, dir) {
			d, err := Parse(text, testLimits)
			if err != nil {
				continue
			}
			g, b := checkSpans(t, name, d)
			good, bad = good+g, bad+b
		}
		t.Logf("%s: %d scalars read back from their bytes, %d not", dir, good, bad)
		if bad*1000 > good {
			t.Errorf("%s: %d of %d scalars cannot be located", dir, bad, good+bad)
		}
	}
}

// TestJSONTokens holds our offsets against those of encoding/json.
func TestJSONTokens(t *testing.T) {
	files := 0
	for name, text := range corpus.Some(t, 6, "templates") {
		d, err := Parse(text, testLimits)
		if err != nil || !d.JSON {
			continue
		}
		files++
		var want, got []int
		dec := json.NewDecoder(bytes.NewReader(text))
		for {
			tok, err := dec.Token()
			if err == io.EOF {
				break
			}
			if _, delim := tok.(json.Delim); !delim {
				want = append(want, int(dec.InputOffset()))
			}
		}
		every(d.Roots[0], func(n *Node) {
			if n.Kind == Scalar {
				got = append(got, int(n.end))
			}
		})
		if len(got) != len(want) {
			t.Errorf("%s: %d scalars, encoding/json has %d", name, len(got), len(want))
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: scalar %d ends at %d, encoding/json says %d", name, i, got[i], want[i])
				break
			}
		}
	}
	t.Logf("%d files", files)
}
