package template

import (
	"strconv"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// entries returns the entries of a mapping whose key is wanted, nil for all,
// with those of its merge keys (<<) that it does not set itself.
// CloudFormation refuses merge keys (docs/aws/cfn.md 5.3); whoever expands them before gets these.
func (f *imageFinder) entries(n *tree.Node, path string, wanted func(key string) bool) []mapEntry {
	return f.mergedEntries(n, path, wanted, 0)
}

func (f *imageFinder) mergedEntries(n *tree.Node, path string, wanted func(string) bool, depth int) []mapEntry {
	if n == nil || n.Kind != tree.Mapping || depth > 20 {
		return nil
	}
	var out []mapEntry
	var first keyIndex
	if wanted == nil {
		out = make([]mapEntry, 0, len(n.Items)/2)
		first = newKeyIndex(len(n.Items) / 2)
	}
	var merges []*tree.Node
	for i := 0; i+1 < len(n.Items); i += 2 {
		k, v := n.Items[i], n.Items[i+1]
		if k.Kind != tree.Scalar || !f.step() {
			continue
		}
		if k.Value == "<<" && k.Style == tree.Plain && !f.doc.JSON {
			merges = append(merges, v)
			continue
		}
		if wanted != nil && !wanted(k.Value) {
			continue
		}
		e := mapEntry{key: k.Value, value: v, path: path + "/" + tree.Escape(k.Value)}
		if j, ok := first.find(out, k.Value); ok {
			e.dup, out[j].dup = true, true
		} else {
			first.add(k.Value, len(out))
		}
		if out == nil {
			out = make([]mapEntry, 0, 2)
		}
		out = append(out, e)
	}
	own := len(out)
	for _, m := range merges {
		given := map[string]bool{}
		m = m.Follow()
		sources, steps := []*tree.Node{m}, []string{"/<<"}
		if m.Kind == tree.Sequence {
			sources, steps = m.Items, nil
			for i := range m.Items {
				steps = append(steps, "/<</"+strconv.Itoa(i))
			}
		}
		for i, src := range sources {
			merged := f.mergedEntries(src.Follow(), path+steps[i], wanted, depth+1)
			for _, e := range merged {
				if _, own := first.find(out[:own], e.key); !own && !given[e.key] {
					out = append(out, e)
				}
			}
			for _, e := range merged {
				given[e.key] = true
			}
		}
	}
	return out
}

// keyIndex finds the first entry with a key: by looking in a small mapping,
// by hash in a large one.
type keyIndex map[string]int

func newKeyIndex(n int) keyIndex {
	if n <= 16 {
		return nil
	}
	return make(keyIndex, n)
}

func (x keyIndex) find(entries []mapEntry, key string) (int, bool) {
	if x != nil {
		i, ok := x[key]
		return i, ok
	}
	for i := range entries {
		if entries[i].key == key {
			return i, true
		}
	}
	return 0, false
}

func (x keyIndex) add(key string, i int) {
	if x != nil {
		x[key] = i
	}
}
