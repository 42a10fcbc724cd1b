package gate

import (
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// prefixes are IAM's names of the SDK's packages, by the names they are
// imported under.
var prefixes = map[string]string{"ecs": "ecs", "cfn": "cloudformation", "cloudformation": "cloudformation", "cloudwatchlogs": "logs", "ecr": "ecr", "s3": "s3"}

// source is what one package declares: functions and, as "Type.Method", methods.
type source struct {
	interfaces map[string]*ast.InterfaceType
	functions  map[string]*ast.FuncDecl
}

// key is a function's name, or that of a method with its type's before it.
func key(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	typ := d.Recv.List[0].Type
	if star, is := typ.(*ast.StarExpr); is {
		typ = star.X
	}
	if id, is := typ.(*ast.Ident); is {
		return id.Name + "." + d.Name.Name
	}
	return "?." + d.Name.Name // of a generic type
}

func read(t *testing.T, dir string) source {
	s := source{map[string]*ast.InterfaceType{}, map[string]*ast.FuncDecl{}}
	_, files := sources(t, dir)
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				s.functions[key(d)] = d
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

// actions are the IAM actions that an interface allows: one of the package, one of
// the SDK or a literal one. Of another type there are none.
func (s source) actions(typ ast.Expr) map[string]bool {
	out := map[string]bool{}
	switch typ := typ.(type) {
	case *ast.Ident:
		if it := s.interfaces[typ.Name]; it != nil {
			return s.actions(it)
		}
	case *ast.SelectorExpr: // of one operation
		if pkg, ok := typ.X.(*ast.Ident); ok && strings.HasSuffix(typ.Sel.Name, "APIClient") {
			out[prefixes[pkg.Name]+":"+strings.TrimSuffix(typ.Sel.Name, "APIClient")] = true
		}
	case *ast.InterfaceType:
		for _, m := range typ.Methods.List {
			f, is := m.Type.(*ast.FuncType)
			if !is {
				maps.Copy(out, s.actions(m.Type))
				continue
			}
			for _, p := range f.Params.List {
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

// further are actions that a call needs beside its own: of what it registers with
// tags, or reads with a version.
var further = []string{"ecs:TagResource", "s3:GetObjectVersion"}

var (
	actionRE = regexp.MustCompile(`\b(?:ecs|cloudformation|logs|ecr|s3):[A-Z]\w+`)
	linkRE   = regexp.MustCompile(`\[(\w+(?:\.\w+)?)\]`)
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

// TestCallsAreTold compares, for every exported function and method that takes an
// interface of API calls, the calls it is allowed with those it tells of.
func TestCallsAreTold(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, dir := range []string{"ecsx", "cfnx", "ecrx"} {
		s := read(t, dir)
		for _, name := range slices.Sorted(maps.Keys(s.functions)) {
			f := s.functions[name]
			if !f.Name.IsExported() || !ast.IsExported(name) {
				continue
			}
			allowed := map[string]bool{}
			for _, p := range f.Type.Params.List {
				maps.Copy(allowed, s.actions(p.Type))
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
				if !allowed[a] && !slices.Contains(further, a) {
					t.Errorf("%s.%s says that it calls %s and may not", dir, name, a)
				}
			}
		}
	}
	t.Logf("%d functions and methods", checked)
	require.Greater(t, checked, 40)
}
