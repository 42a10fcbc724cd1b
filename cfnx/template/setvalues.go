package template

import (
	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/options"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Value is a value to be set in a template.
type Value struct {
	// Path is the JSON pointer of what is replaced, as in Expr.Path or
	// Place.Path: "/Resources/App/Properties/TemplateURL",
	// "/Parameters/Tag/Default". It must be there.
	Path string
	// Value becomes a string there. What is there now is replaced as a
	// whole, a function with its arguments too; a Path that ends in the name
	// of a function ("…/TemplateURL/Fn::Sub") is its argument alone.
	Value string
}

// SetValues returns the template with the values replaced by strings, and
// nothing else: it splices and proves as [PatchImages] does, for any value. A
// scalar keeps its quoting style where that can hold the new text. A value
// that is the same already makes no Edit.
//
// It sets all of the values or none. The error is a *Error with the path:
// ErrNoValue, ErrUnspliceable, or one of those of PatchImages. On return, Patch is non-nil if and only if the error
// is nil; it has no Unpatched. Pure, and safe to repeat.
func SetValues(template []byte, values []Value, optFns ...func(*Options)) (*Patch, error) {
	o := options.Of(optFns)
	f, err := newPatcher(template, o)
	if err != nil {
		return nil, err
	}
	var out Patch
	var edits []tree.Edit
	for _, v := range values {
		n, argument, err := f.doc.At(f.root, v.Path)
		if err != nil {
			return nil, templateError(v.Path, err)
		}
		was, isText := expr.Node{Node: n, Bare: argument}.Text()
		if isText && was == v.Value && (argument || f.doc.JSON && n.Style == tree.String || n.Tag == "!!str") {
			continue
		}
		e, err := f.doc.ReplaceValue(n, v.Value, argument)
		if err != nil {
			return nil, templateError(v.Path, err)
		}
		if !isText {
			start, end := f.doc.Span(n)
			was = string(f.doc.Text[start:end])
		}
		edits = append(edits, e)
		out.Edits = append(out.Edits, f.report(e, Edit{Resource: resourceOf(v.Path), Path: v.Path, From: was, To: v.Value}))
	}
	if out.Template, err = f.splice(template, edits); err != nil {
		return nil, err
	}
	sortEdits(out.Edits)
	return &out, nil
}
