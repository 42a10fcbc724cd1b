package template

import (
	"slices"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Edit is a change that was made.
type Edit struct {
	Resource  string // logical ID, "" where the change is of no resource
	Container string // see Image.Container
	Path      string // JSON pointer of the image, or of the value set
	// Line and Column are where the bytes begin that were replaced, in the
	// template that was given; 1-based, columns count characters.
	Line, Column int
	// From and To are the values before and after: for an image its Text and
	// what that is now.
	From, To string
	// Start and End are the bytes of the given template that were replaced,
	// Old what they were and New what is there now.
	Start, End int
	Old, New   string
}

// Unpatched is an image that was to be changed and was not.
type Unpatched struct {
	Image  Image
	Wanted string // the reference it was to become; "" where change gave an error
	// Sources are where the change would have to be made, with the values to
	// put there as far as they are known.
	Sources []Source
	Err     *Error // why
}

// Patch is what PatchImages did.
type Patch struct {
	// Template is the patched template. Where there are no Edits it has the
	// bytes that were given.
	Template  []byte
	Edits     []Edit      // in the order of the template
	Unpatched []Unpatched // in the order of the template
	// Opaque are the parts that may hold images and could not be looked into.
	Opaque []Opaque
}

// newPatcher reads a template that is to be patched, and refuses what can only
// be read.
func newPatcher(template []byte, o Options) (*imageFinder, error) {
	f, err := newImageFinder(template, o)
	if err != nil {
		return nil, err
	}
	switch {
	case f.doc.Recoded != "":
		return nil, &Error{Err: ErrEncoding, Detail: "it is " + f.doc.Recoded}
	case len(f.doc.Roots) > 1:
		line, col := f.doc.Position(f.doc.Start(f.doc.Roots[1]))
		return nil, &Error{Line: line, Column: col, Err: ErrNotTemplate, Detail: "several YAML documents"}
	}
	if o.Original {
		return f, nil
	}
	if at := mangledAt(template); at >= 0 {
		line, col := f.doc.Position(at)
		return nil, &Error{Line: line, Column: col, Err: ErrMangled,
			Detail: "a question mark where a letter seems to have been; patch the author's file, or say that this is it (Options.Original)"}
	}
	return f, nil
}

// splice makes the edits and proves them.
func (f *imageFinder) splice(template []byte, edits []tree.Edit) ([]byte, error) {
	if len(edits) == 0 {
		return append([]byte(nil), template...), nil
	}
	out, err := f.doc.Splice(edits, f.limits())
	return out, templateError("", err)
}

// report fills in what the spliced bytes say.
func (f *imageFinder) report(te tree.Edit, e Edit) Edit {
	e.Start, e.End = te.Start, te.End
	e.Line, e.Column = f.doc.Position(te.Start)
	e.Old, e.New = string(f.doc.Text[te.Start:te.End]), te.Text
	return e
}

// sortEdits puts edits into the order of the template.
func sortEdits(edits []Edit) {
	slices.SortStableFunc(edits, func(a, b Edit) int { return a.Start - b.Start })
}
