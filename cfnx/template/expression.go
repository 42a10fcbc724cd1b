package template

import (
	"strconv"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// image describes an expression, and the branches of an Fn::If.
func (f *imageFinder) image(s *imageSite, e expr.Node, path string) Image {
	f.loops = s.loops
	return f.imageOf(s, e, path, f.parts(e, path))
}

func (f *imageFinder) imageOf(s *imageSite, e expr.Node, path string, ps parts) Image {
	img := Image{Resource: s.resource, Type: s.typ, Container: s.container, Index: s.index, Expr: f.exprOf(e, path, ps)}
	if s.index < 0 && !isStack(s.typ) {
		img.Container = s.resource
	}
	for _, b := range f.branches(e) {
		img.Branches = append(img.Branches, f.image(s, b.Node, path+b.step))
	}
	return img
}

// exprOf describes a value that was taken apart.
func (f *imageFinder) exprOf(e expr.Node, path string, ps parts) Expr {
	start, end := f.doc.Span(e.Node)
	x := Expr{Path: path, Kind: f.kind(e), Raw: string(f.doc.Text[start:end]), Value: f.value(e)}
	x.Start, x.End = f.doc.Offset(start), f.doc.Offset(end)
	x.Line, x.Column = f.doc.Position(start)
	if x.Kind != kindIf {
		x.Text, x.Sources = ps.text(), ps.places()
	}
	return x
}

type branch struct {
	expr.Node
	step string
}

// branches returns the values of an Fn::If but for AWS::NoValue, nil for
// anything else.
func (f *imageFinder) branches(e expr.Node) []branch {
	fn, arg := e.Call()
	if fn != "Fn::If" || arg.Exactly(3) == nil || !f.step() {
		return nil
	}
	args := arg.Args()
	var out []branch
	for i := 1; i <= 2; i++ {
		if !args[i].NoValue() {
			out = append(out, branch{args[i], "/Fn::If/" + strconv.Itoa(i)})
		}
	}
	return out
}
