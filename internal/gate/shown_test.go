package gate

import (
	"go/ast"
	"go/doc"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var lowerLink = regexp.MustCompile(`(^|[^\w\]])\[([a-z]\w*)\]`)

// TestDocsShowWhatTheySay reads each package as go doc shows it: no link leads
// to a name that is not exported, and no exported interface hides its methods
// in one that is not, because a method set is the list of calls.
func TestDocsShowWhatTheySay(t *testing.T) {
	t.Parallel()
	for dir := range exported(t) {
		fset, files := sources(t, dir)
		p, err := doc.NewFromFiles(fset, files, "example.com/"+dir)
		require.NoError(t, err)
		check := func(what, text string) {
			for _, m := range lowerLink.FindAllStringSubmatch(text, -1) {
				t.Errorf("%s: the doc of %s links to [%s], which go doc does not show", dir, what, m[2])
			}
		}
		check("the package", p.Doc)
		values := func(vs []*doc.Value) {
			for _, v := range vs {
				check(v.Names[0], v.Doc)
				inner(v.Decl, check)
			}
		}
		funcs := func(fs []*doc.Func) {
			for _, f := range fs {
				check(f.Name, f.Doc)
			}
		}
		values(p.Consts)
		values(p.Vars)
		funcs(p.Funcs)
		for _, ty := range p.Types {
			check(ty.Name, ty.Doc)
			values(ty.Consts)
			values(ty.Vars)
			funcs(ty.Funcs)
			funcs(ty.Methods)
			inner(ty.Decl, check)
			for _, s := range ty.Decl.Specs {
				it, ok := s.(*ast.TypeSpec).Type.(*ast.InterfaceType)
				if !ok {
					continue
				}
				for _, m := range it.Methods.List {
					if id, ok := m.Type.(*ast.Ident); ok && len(m.Names) == 0 && !id.IsExported() {
						t.Errorf("%s: %s embeds %s: go doc does not show what it calls", dir, ty.Name, id.Name)
					}
				}
			}
		}
	}
}

// inner calls check with the comments inside of a declaration that go doc shows.
func inner(d *ast.GenDecl, check func(what, text string)) {
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if len(n.Names) > 0 && !n.Names[0].IsExported() {
				return false
			}
			check("a field", n.Doc.Text()+n.Comment.Text())
		case *ast.ValueSpec:
			if n.Names[0].IsExported() {
				check(n.Names[0].Name, n.Doc.Text()+n.Comment.Text())
			}
			return false
		}
		return true
	})
}
