package gate

import (
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var documentedValue = regexp.MustCompile(`(?m)^\s*- "([^"]*)"[:;.]`)

// TestEnumerationsAreDocumented holds two things of types whose values are only
// listed in their comments, for which an importer has no constants: the list is
// complete, and no package of this module compares with a value that is not in it.
func TestEnumerationsAreDocumented(t *testing.T) {
	t.Parallel()
	dirs := exported(t)
	documented := map[string][]string{} // by the type's path and name
	for dir := range dirs {
		for name, doc := range typeDocs(t, dir) {
			if _, list, is := strings.Cut(doc, "It is one of\n"); is {
				for _, m := range documentedValue.FindAllStringSubmatch(list, -1) {
					key := module + "/" + dir + "." + name
					documented[key] = append(documented[key], m[1])
				}
			}
		}
	}
	require.GreaterOrEqual(t, len(documented), 12, "%v", documented)

	declared := map[string][]string{}
	wrong := foreignValues(t, documented, declared)
	for _, w := range wrong {
		t.Error(w)
	}
	for key, values := range documented {
		slices.Sort(values)
		slices.Sort(declared[key])
		require.Equal(t, values, slices.Compact(declared[key]), "%s: the values in its comment, and its constants", key)
	}
}

// typeDocs are the comments of the exported string types of a directory.
func typeDocs(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	_, files := sources(t, dir)
	for _, f := range files {
		for _, d := range f.Decls {
			g, is := d.(*ast.GenDecl)
			if !is || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				if s := s.(*ast.TypeSpec); s.Name.IsExported() {
					out[s.Name.Name] = g.Doc.Text()
				}
			}
		}
	}
	return out
}

// foreignValues are the constant expressions of the module that have one of the
// types and none of its documented values. It adds the declared constants.
func foreignValues(t *testing.T, documented, declared map[string][]string) []string {
	t.Helper()
	export := map[string]string{}
	var ours []listed
	for _, p := range compiled(t, "./...") {
		export[p.ImportPath] = p.Export
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			ours = append(ours, p)
		}
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })
	var wrong []string
	for _, p := range ours {
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			files = append(files, f)
		}
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}}
		_, err := (&types.Config{Importer: imports}).Check(p.ImportPath, fset, files, info)
		require.NoError(t, err, p.ImportPath)
		for e, tv := range info.Types {
			if tv.Value == nil || tv.Value.Kind() != constant.String {
				continue
			}
			if key := typeName(tv.Type); documented[key] != nil && !slices.Contains(append(documented[key], ""), constant.StringVal(tv.Value)) {
				wrong = append(wrong, fset.Position(e.Pos()).String()+": "+tv.Value.String()+" is no "+key)
			}
		}
		for _, o := range info.Defs {
			if c, is := o.(*types.Const); is && documented[typeName(c.Type())] != nil && c.Pkg().Path()+"."+c.Type().(*types.Named).Obj().Name() == typeName(c.Type()) {
				declared[typeName(c.Type())] = append(declared[typeName(c.Type())], constant.StringVal(c.Val()))
			}
		}
	}
	return wrong
}

func typeName(t types.Type) string {
	n, is := t.(*types.Named)
	if !is || n.Obj().Pkg() == nil {
		return ""
	}
	return n.Obj().Pkg().Path() + "." + n.Obj().Name()
}
