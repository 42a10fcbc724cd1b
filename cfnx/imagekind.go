package cfnx

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// kind tells how an expression is written.
func (f *imageFinder) kind(e exprNode) ImageKind {
	fn, arg := e.call()
	switch fn {
	case "":
		switch {
		case e.Kind != tree.Scalar:
			return ImageCollection
		case e.Null():
			return ImageNull
		case strings.Contains(e.Value, "{{resolve:"):
			return ImageDynamic
		}
		return ImageLiteral
	case "Ref":
		if arg.Kind == tree.Scalar {
			return f.refKind(arg.Value)
		}
	case "Fn::Sub":
		return ImageSub
	case "Fn::Join":
		return ImageJoin
	case "Fn::FindInMap":
		return ImageMapping
	case "Fn::If":
		return ImageIf
	case "Fn::GetAtt":
		return ImageGetAtt
	case "Fn::ImportValue":
		return ImageImport
	case "Fn::Select":
		return ImageSelect
	case "Fn::Split":
		return ImageSplit
	case "Fn::Transform":
		return ImageTransform
	}
	return ImageKind(imageOtherPrefix + fn)
}

func (f *imageFinder) refKind(name string) ImageKind {
	for _, loop := range f.loops {
		if loop == name {
			return ImageLoop
		}
	}
	switch {
	case f.params[name] != nil:
		return ImageParameter
	case strings.HasPrefix(name, "AWS::"):
		return ImagePseudo
	case f.resources[name] != nil:
		return ImageResource
	}
	return ImageUnknownRef
}

// value returns what Expr.Value documents.
func (f *imageFinder) value(e exprNode) string {
	fn, arg := e.call()
	switch {
	case fn == "":
		v, _ := e.text()
		return v
	case fn == "Fn::Sub":
		if tmpl, _ := arg.subTemplate(); tmpl.Node != nil {
			return tmpl.Value
		}
	case arg.Kind == tree.Scalar:
		return arg.Value
	}
	return ""
}
