package gate

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// prefixes are IAM's names of the SDK's packages, by the names they are
// imported under.
var prefixes = map[string]string{"ecs": "ecs", "cfn": "cloudformation", "cloudformation": "cloudformation", "cloudwatchlogs": "logs", "ecr": "ecr", "s3": "s3"}

// source is what one package declares.
type source struct {
	interfaces map[string]*ast.InterfaceType
	functions  map[string]*ast.FuncDecl
}

func read(t *testing.T, dir string) source {
	s := source{map[string]*ast.InterfaceType{}, map[string]*ast.FuncDecl{}}
	files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				s.functions[d.Name.Name] = d
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok {
						if it, ok := ts.Type.(*ast.InterfaceType); ok {
							s.interfaces[ts.Name.Name] = it
						}
					}
				}
			}
		}
	}
	return s
}

// actions are the IAM actions that an interface allows.
func (s source) actions(name string) map[string]bool {
	out := map[string]bool{}
	it := s.interfaces[name]
	if it == nil {
		return out
	}
	for _, m := range it.Methods.List {
		switch typ := m.Type.(type) {
		case *ast.Ident: // another interface of the package
			maps.Copy(out, s.actions(typ.Name))
		case *ast.SelectorExpr: // one of the SDK, of one operation
			if pkg, ok := typ.X.(*ast.Ident); ok {
				out[prefixes[pkg.Name]+":"+strings.TrimSuffix(typ.Sel.Name, "APIClient")] = true
			}
		case *ast.FuncType:
			for _, p := range typ.Params.List {
				if star, ok := p.Type.(*ast.StarExpr); ok {
					if sel, ok := star.X.(*ast.SelectorExpr); ok && strings.HasSuffix(sel.Sel.Name, "Input") {
						out[prefixes[sel.X.(*ast.Ident).Name]+":"+strings.TrimSuffix(sel.Sel.Name, "Input")] = true
					}
				}
			}
		}
	}
	return out
}

var (
	actionRE = regexp.MustCompile(`\b(?:ecs|cloudformation|logs|ecr|s3):[A-Z]\w+`)
	linkRE   = regexp.MustCompile(`\[(\w+)\]`)
)

// told are the actions a function's documentation names, those of the
// functions it refers to for its calls included.
func (s source) told(name string, seen map[string]bool) map[string]bool {
	out := map[string]bool{}
	f := s.functions[name]
	if f == nil || seen[name] {
		return out
	}
	seen[name] = true
	_, calls, ok := strings.Cut(f.Doc.Text(), "Calls ")
	if !ok {
		return out
	}
	calls, _, _ = strings.Cut(calls, "\n\n")
	for _, a := range actionRE.FindAllString(calls, -1) {
		out[a] = true
	}
	for _, m := range linkRE.FindAllStringSubmatch(calls, -1) {
		maps.Copy(out, s.told(m[1], seen))
	}
	return out
}

// TestCallsAreTold compares, for every exported function that takes an
// interface named …API, the calls it is allowed with those it tells of.
func TestCallsAreTold(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, dir := range []string{"ecsx", "cfnx", "ecrx"} {
		s := read(t, dir)
		for _, name := range slices.Sorted(maps.Keys(s.functions)) {
			f := s.functions[name]
			if !f.Name.IsExported() || f.Recv != nil {
				continue
			}
			allowed := map[string]bool{}
			for _, p := range f.Type.Params.List {
				if id, ok := p.Type.(*ast.Ident); ok && strings.HasSuffix(id.Name, "API") {
					maps.Copy(allowed, s.actions(id.Name))
				}
			}
			if len(allowed) == 0 {
				continue
			}
			checked++
			told := s.told(name, map[string]bool{})
			for _, a := range slices.Sorted(maps.Keys(allowed)) {
				if !told[a] {
					t.Errorf("%s.%s may call %s and does not say so", dir, name, a)
				}
			}
			for _, a := range slices.Sorted(maps.Keys(told)) {
				if !allowed[a] && a != "ecs:TagResource" {
					t.Errorf("%s.%s says that it calls %s and may not", dir, name, a)
				}
			}
		}
	}
	require.Greater(t, checked, 15)
}
