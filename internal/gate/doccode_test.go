package gate

import (
	"errors"
	"go/ast"
	"go/doc/comment"
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

// others are the packages beside this module's that the code in comments names.
var others = []string{"context", "fmt", "net/http", "os", "time", "github.com/aws/aws-sdk-go-v2/service/dynamodb", "github.com/aws/aws-sdk-go-v2/service/ecs", "github.com/aws/aws-sdk-go-v2/service/ecs/types"}

// TestCodeOfPackageComments type-checks the code that each package's comment opens
// with. What it takes from its reader (ctx, client, cfg, …) has no type and fits
// everywhere; functions, fields, results and arguments are those of today.
func TestCodeOfPackageComments(t *testing.T) {
	t.Parallel()
	check := checker(t)
	found := 0
	for _, p := range packages(t) {
		rel := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if strings.Contains("/"+rel+"/", "/internal/") || strings.HasPrefix(rel, "examples/") || strings.HasPrefix(rel, "bench/") {
			continue
		}
		code := openingCode(t, filepath.Join("..", "..", filepath.FromSlash(rel)))
		if code == "" {
			continue
		}
		found++
		for _, err := range check(t, code) {
			t.Errorf("package comment of %s: %s\n%s", rel, err, code)
		}
	}
	t.Logf("%d package comments with code", found)
	require.GreaterOrEqual(t, found, 14)

	for _, wrong := range []string{
		"rescue.Diagnosed(ctx, cfg)",                     // no such function
		"d, err := rescue.Diagnose(ctx, cfg)",            // too few arguments
		"x := rescue.Choices{Way: 1}",                    // no such field
		"a, b, c := rescue.Diagnose(ctx, cfg, \"prod\")", // too many results
		"err := new(rescue.Diagnosis).Compare(rescue.Choices{}); var s string = err",
		"d, err := rescue.Diagnose(ctx, cfg, \"prod\"); d.Nothing()",
		"nopackage.Function()",
		"if {",
	} {
		require.NotEmpty(t, check(t, wrong), wrong)
	}
}

// openingCode is the first block of Go in the comment of the package in dir; "" for
// none.
func openingCode(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.PackageClauseOnly)
		require.NoError(t, err)
		if f.Doc == nil || strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, block := range new(comment.Parser).Parse(f.Doc.Text()).Content {
			if code, is := block.(*comment.Code); is && strings.ContainsAny(code.Text, "=(") {
				return code.Text
			}
		}
	}
	return ""
}

var undefined = regexp.MustCompile(`^undefined: ([a-z]\w*)$`)

// checker returns a function that type-checks statements.
func checker(t *testing.T) func(t *testing.T, code string) []error {
	t.Helper()
	export, byName := map[string]string{}, map[string]string{}
	for _, p := range compiled(t, append([]string{"./..."}, others...)...) {
		export[p.ImportPath] = p.Export
		if slices.Contains(others, p.ImportPath) || strings.HasPrefix(p.ImportPath, module+"/") && !strings.Contains(p.ImportPath, "/internal/") && p.Name != "main" {
			byName[p.Name] = p.ImportPath
		}
	}
	return func(t *testing.T, code string) (problems []error) {
		t.Helper()
		file := "package p\n"
		fset := token.NewFileSet()
		body, err := parser.ParseFile(fset, "", file+"func _() {\n"+code+"\n}", 0)
		if err != nil {
			return []error{err}
		}
		used := map[string]bool{}
		ast.Inspect(body, func(n ast.Node) bool {
			if s, is := n.(*ast.SelectorExpr); is {
				if x, is := s.X.(*ast.Ident); is && byName[x.Name] != "" && !used[x.Name] {
					used[x.Name] = true
					file += "import \"" + byName[x.Name] + "\"\n"
				} else if is && byName[x.Name] == "" && ast.IsExported(s.Sel.Name) {
					used["?"+x.Name] = true
				}
			}
			return true
		})
		fset = token.NewFileSet()
		f, err := parser.ParseFile(fset, "", file+"func _() {\n"+code+"\n}", 0)
		require.NoError(t, err)
		conf := types.Config{
			Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) }),
			Error: func(err error) {
				var e types.Error
				if !errors.As(err, &e) || strings.HasPrefix(e.Msg, "declared and not used") || strings.HasPrefix(e.Msg, "no new variables") {
					return
				}
				if m := undefined.FindStringSubmatch(e.Msg); m != nil && !used["?"+m[1]] {
					return // what the reader has
				}
				problems = append(problems, err)
			},
		}
		_, _ = conf.Check("p", fset, []*ast.File{f}, nil) // each error is in problems
		return problems
	}
}
