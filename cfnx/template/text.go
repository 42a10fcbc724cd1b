package template

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// literalParts is a text with dynamic references in it.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
func literalParts(n *tree.Node, v string) parts {
	var out parts
	v = blockText(n, v)
	for from := 0; ; {
		i := strings.Index(v[from:], "{{resolve:")
		end := -1
		if i >= 0 {
			end = strings.Index(v[from+i:], "}}")
		}
		if end < 0 {
			if from < len(v) || len(out) == 0 {
				out = append(out, part{text: v[from:], place: Source{Kind: expr.SourceInline}, scalar: n, from: from, to: len(v)})
			}
			return out
		}
		i += from
		end += i + 2
		if i > from {
			out = append(out, part{text: v[from:i], place: Source{Kind: expr.SourceInline}, scalar: n, from: from, to: i})
		}
		out = append(out, part{text: v[i:end], open: true, place: dynamicPlace(v[i:end]), scalar: n, from: i, to: end})
		from = end
		if from == len(v) {
			return out
		}
	}
}

// blockText is a scalar's text without the line break that a block scalar ends
// in: no reference has one, and it is not in the bytes that are replaced.
func blockText(n *tree.Node, v string) string {
	if n.Style == tree.Literal || n.Style == tree.Folded {
		return strings.TrimRight(v, "\n")
	}
	return v
}

// dynamicPlace is the source of a dynamic reference.
func dynamicPlace(ref string) Source {
	kind, name := expr.DynamicSource(ref)
	return Source{Kind: kind, Name: name}
}
