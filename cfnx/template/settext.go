package template

import (
	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/options"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// SetText returns the template with the expression at v.Path changed so that it
// comes to v.Value, and nothing else: of an Fn::Sub or Fn::Join only the text
// that makes the difference, of a scalar all of it. It splices and proves as
// [PatchImages] does.
//
// Where the difference comes from somewhere else there is no Edit and one
// Unpatched, whose Sources say from where. The error is a *Error, as
// that of [SetValues]. On return, Patch is non-nil if and only if the error is
// nil. Pure, and safe to repeat.
func SetText(template []byte, v Value, optFns ...func(*Options)) (*Patch, error) {
	o := options.Of(optFns)
	f, err := newPatcher(template, o)
	if err != nil {
		return nil, err
	}
	f.walk()
	n, argument, err := f.doc.At(f.root, v.Path)
	if err != nil {
		return nil, templateError(v.Path, err)
	}
	e := expr.Node{Node: n, Bare: argument}
	if fn, _ := e.Call(); fn == "" {
		return SetValues(template, []Value{v}, optFns...)
	}
	ps := f.parts(e, v.Path)
	edit, sources := ps.align(v.Value)
	switch {
	case ps.known() && ps.text() == v.Value:
		return &Patch{Template: append([]byte(nil), template...)}, nil
	case edit == nil && ps.onlyText():
		return SetValues(template, []Value{v}, optFns...)
	case edit == nil:
		detail, reason := skipReason(sources)
		x := f.exprOf(e, v.Path, ps)
		return &Patch{Template: append([]byte(nil), template...), Unpatched: []Unpatched{{
			Image: Image{Resource: resourceOf(v.Path), Index: -1, Expr: x}, Wanted: v.Value, Sources: f.judged(sources),
			Err: &Error{Path: v.Path, Line: x.Line, Column: x.Column, Err: reason, Detail: detail},
		}}}, nil
	case f.doc.Shared(edit.scalar):
		return nil, &Error{Path: v.Path, Err: errShared}
	case edit.sub && strayVariable(edit.text, ""):
		return nil, &Error{Path: v.Path, Err: ErrUnspliceable, Detail: "a variable in a text that cannot have it"}
	}
	te, err := f.doc.ReplaceText(edit.scalar, edit.from, edit.to, edit.text)
	if err != nil {
		return nil, templateError(v.Path, err)
	}
	out := &Patch{Edits: []Edit{f.report(te, Edit{Resource: resourceOf(v.Path), Path: v.Path, From: ps.text(), To: v.Value})}}
	if out.Template, err = f.splice(template, []tree.Edit{te}); err != nil {
		return nil, err
	}
	return out, nil
}
