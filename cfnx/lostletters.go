package cfnx

import (
	"bytes"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// lostLetters returns a *template.Error with ErrMangled where characters of a
// template seem to be lost that mean something. Those of its comments do not:
// nobody gets them back from CloudFormation anyway.
func lostLetters(body []byte) error {
	judged := body
	if bytes.IndexByte(body, '?') >= 0 && bytes.IndexByte(body, '#') >= 0 {
		if doc, err := tree.Parse(body, tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth}); err == nil && doc.Recoded == "" && !doc.JSON && bytes.Equal(doc.Text, body) {
			judged = withoutCommentMarks(doc)
		}
	}
	_, err := template.SetValues(judged, nil)
	return err
}

// withoutCommentMarks is the text of a template with the question marks outside of
// its values and keys replaced.
func withoutCommentMarks(doc *tree.Doc) []byte {
	keep := make([]bool, len(doc.Text))
	seen := map[*tree.Node]bool{}
	var walk func(n *tree.Node)
	walk = func(n *tree.Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		if n.Kind == tree.Scalar {
			start, end := doc.Span(n)
			for i := max(start, 0); i < min(end, len(keep)); i++ {
				keep[i] = true
			}
			return
		}
		if n.Kind == tree.Alias {
			return
		}
		for _, c := range n.Items {
			walk(c)
		}
	}
	for _, root := range doc.Roots {
		walk(root)
	}
	out := bytes.Clone(doc.Text)
	comment := false
	for i, c := range out {
		switch {
		case c == '\n' || c == '\r':
			comment = false
		case c == '#' && !keep[i]:
			comment = true
		case c == '?' && comment && !keep[i]:
			out[i] = '.'
		}
	}
	return out
}
