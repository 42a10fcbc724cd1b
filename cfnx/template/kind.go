package template

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// kind tells how an expression is written.
func (f *imageFinder) kind(e expr.Node) string {
	fn, arg := e.Call()
	switch fn {
	case "":
		switch {
		case e.Kind != tree.Scalar:
			return kindCollection
		case e.Null():
			return kindNull
		case strings.Contains(e.Value, "{{resolve:"):
			return kindDynamic
		}
		return kindLiteral
	case "Ref":
		if arg.Kind == tree.Scalar {
			return f.refKind(arg.Value)
		}
	case "Fn::Sub":
		return kindSub
	case "Fn::Join":
		return kindJoin
	case "Fn::FindInMap":
		return kindMapping
	case "Fn::If":
		return kindIf
	case "Fn::GetAtt":
		return kindGetAtt
	case "Fn::ImportValue":
		return kindImport
	case "Fn::Select":
		return kindSelect
	case "Fn::Split":
		return kindSplit
	case "Fn::Transform":
		return kindTransform
	}
	return kindOther + fn
}

func (f *imageFinder) refKind(name string) string {
	for _, loop := range f.loops {
		if loop == name {
			return kindLoop
		}
	}
	switch {
	case f.params[name] != nil:
		return kindParameter
	case strings.HasPrefix(name, "AWS::"):
		return kindPseudo
	case f.resources[name] != nil:
		return kindResource
	}
	return kindUnknownRef
}

// value returns what Expr.Value documents.
func (f *imageFinder) value(e expr.Node) string {
	fn, arg := e.Call()
	switch {
	case fn == "":
		v, _ := e.Text()
		return v
	case fn == "Fn::Sub":
		if tmpl, _ := arg.SubTemplate(); tmpl.Node != nil {
			return tmpl.Value
		}
	case arg.Kind == tree.Scalar:
		return arg.Value
	}
	return ""
}
