package template

import (
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Why a template, or a value in it, is not patched. They come wrapped in a
// [*Error], which says where.
var (
	// ErrNotTemplate: the text is neither JSON nor YAML, or has no Resources.
	ErrNotTemplate = errors.New("not a CloudFormation template")
	// ErrEncoding: the text is not UTF-8. Find reads it, nothing patches it.
	ErrEncoding = errors.New("not UTF-8")
	// ErrLimit: too large, nested too deeply, or too much aliasing.
	ErrLimit = errors.New("beyond a limit")
	// ErrMangled: characters seem to be lost, as in what GetTemplate returns
	// of a template that was not all ASCII. See Options.Original.
	ErrMangled = errors.New("its non-ASCII characters are lost")
	// ErrUnspliceable: the value is written in a way that cannot be changed
	// in place, such as a block scalar of several lines; it is used in several
	// places through a YAML alias or merge key; or a key on the way to it is given
	// twice.
	ErrUnspliceable = errors.New("value cannot be changed in place")
	// ErrMacro: the value is made by a macro or a transform.
	ErrMacro = errors.New("value is made by a macro")
	// ErrElsewhere: the value comes from somewhere else; the Unpatched's Sources
	// say from where.
	ErrElsewhere = errors.New("value comes from elsewhere")
	// ErrUnresolved: what the image comes to is not known, so that nothing
	// can be decided about it.
	ErrUnresolved = errors.New("image is not known")
	// ErrNoSuchImage: a resolver knows no image to use.
	ErrNoSuchImage = errors.New("no such image")
	// ErrNoValue: there is no value at that path.
	ErrNoValue = errors.New("no such value")
	// ErrBadValue: the reference to be written is not an image reference, or the
	// value to be added is not JSON.
	ErrBadValue = errors.New("bad value")
	// ErrExists: an entry that was to be added is there with another value.
	ErrExists = errors.New("entry exists with another value")

	errShared       = fmt.Errorf("%w: it is shared by a YAML alias", ErrUnspliceable)
	errDuplicateKey = fmt.Errorf("%w: key is given twice", ErrUnspliceable)
	errBadReference = fmt.Errorf("%w: not an image reference", ErrBadValue)
	errBadJSON      = fmt.Errorf("%w: not JSON", ErrBadValue)
	// errProof: the patched text did not stand the proof; a fault of this
	// package. Nothing is returned in its place.
	errProof = errors.New("patched text is not the template with its edits")
)

// Error says what is wrong with a template, or why one of its values
// was left alone, and where. Err is, or wraps, one of the package's errors.
type Error struct {
	Path   string // JSON pointer of the value, "" where it is about the whole template
	Line   int    // 1-based, 0 where unknown
	Column int    // 1-based, in characters, 0 where unknown
	Detail string // more about it, "" where there is no more
	Err    error
}

// Error returns one line: "template line 12: /Resources/…: reason: detail".
func (e *Error) Error() string {
	s := "template"
	if e.Line > 0 {
		s += fmt.Sprintf(" line %d", e.Line)
	}
	if e.Path != "" {
		s += ": " + e.Path
	}
	s += ": " + e.Err.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// templateError translates an error of the tree package.
func templateError(path string, err error) error {
	var t *tree.Error
	if !errors.As(err, &t) {
		return err
	}
	e := &Error{Path: path, Line: t.Line, Column: t.Column, Detail: t.Detail}
	e.Err = errProof
	for _, x := range [][2]error{
		{tree.ErrSyntax, ErrNotTemplate}, {tree.ErrEncoding, ErrEncoding}, {tree.ErrLimit, ErrLimit}, {tree.ErrNoNode, ErrNoValue}, {tree.ErrShared, errShared},
		{tree.ErrTwice, errDuplicateKey}, {tree.ErrValue, errBadJSON}, {tree.ErrSplice, ErrUnspliceable},
	} {
		if errors.Is(t.Err, x[0]) {
			e.Err = x[1]
		}
	}
	return e
}
