package tree

import (
	"slices"
	"sort"
)

type span struct{ start, end int }

// Shared reports whether the node is an alias, or lies within a node that an
// alias refers to: a change of it would change other places too.
func (d *Doc) Shared(n *Node) bool {
	if n.Kind == Alias || n.target {
		return true
	}
	start := int(n.start)
	i := sort.Search(len(d.shared), func(i int) bool { return d.shared[i].end > start })
	return i < len(d.shared) && start >= d.shared[i].start
}

func (d *Doc) sharedSpans() []span {
	if len(d.targets) == 0 {
		return nil
	}
	all := make([]span, 0, len(d.targets))
	for _, t := range d.targets {
		all = append(all, span{int(t.start), max(d.end(t), int(t.start)+1)})
	}
	slices.SortFunc(all, func(a, b span) int { return a.start - b.start })
	merged := all[:0]
	for _, s := range all {
		if last := len(merged) - 1; last >= 0 && s.start <= merged[last].end {
			merged[last].end = max(merged[last].end, s.end)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}
