package cfnx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// PatchOptions are the options of [PatchImages], [SetValues] and [AddEntry].
// The zero value is the default.
type PatchOptions struct {
	FindOptions
	// Original says that the template is what its author wrote and not what
	// GetTemplate returned, which replaces every character beyond U+007F by a
	// question mark: question marks that look like that are then no reason to
	// refuse it.
	Original bool
}

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
	// Old what they were and New what stands there now.
	Start, End int
	Old, New   string
}

// Skip is an image that was to be changed and was not.
type Skip struct {
	Image  Image
	Wanted string // the reference it was to become; "" where the Change gave an error
	// Places are where the change would have to be made, with the values to
	// put there as far as they can be told.
	Places []Place
	Err    *TemplateError // why
}

// Patch is what PatchImages did.
type Patch struct {
	// Template is the patched template. Where there are no Edits it has the
	// bytes that were given.
	Template []byte
	Edits    []Edit // in the order of the template
	Skips    []Skip // in the order of the template
	Hidden   []Hidden
}

// PatchImages returns the template with the images changed as change decides,
// and nothing else: every byte outside the Edits is the same, comments, order,
// indentation, quoting, line ends and all. Only the part of an image that
// differs is replaced, so that pseudo parameters and the like stay.
//
// It changes text that stands in the image's own expression. Where the part to
// change comes from a parameter, a mapping, another stack or a macro, where an
// alias shares it, a key on its way is given twice or its bytes cannot be
// spliced, there is a Skip with the reason and the places to change; see
// [SetValues] for changing a mapping or a parameter's default there.
//
// Before it returns it proves its work: the patched template is parsed again
// and its tree compared with the one before, and so are the bytes outside the
// Edits. Where they are not the same there is ErrProof and no template.
//
// The error is a *TemplateError: ErrNotTemplate, ErrLimit, ErrEncoding, ErrMangled, ErrProof, or
// ErrBadReference, or it wraps what change returned. On return, Patch is
// non-nil if and only if the error is nil. Pure; calling it again with the
// patched template and the same change makes no more Edits.
func PatchImages(template []byte, change Change, optFns ...func(*PatchOptions)) (*Patch, error) {
	var o PatchOptions
	for _, fn := range optFns {
		fn(&o)
	}
	f, err := newPatcher(template, o)
	if err != nil {
		return nil, err
	}
	p := &imagePatch{imageFinder: f, change: change, edited: map[*tree.Node]bool{}, tested: map[string]bool{}}
	f.walk()
	p.out.Hidden = f.found.Hidden
	for i := range f.sites {
		if err := p.decide(&f.sites[i], f.sites[i].value, f.sites[i].path); err != nil {
			return nil, err
		}
	}
	if err := f.overLimit(); err != nil {
		return nil, err
	}
	p.out.Template, err = f.splice(template, p.edits)
	if err != nil {
		return nil, err
	}
	sortEdits(p.out.Edits)
	return &p.out, nil
}

// newPatcher reads a template that is to be patched, and refuses what can only
// be read.
func newPatcher(template []byte, o PatchOptions) (*imageFinder, error) {
	f, err := newImageFinder(template, o.FindOptions)
	if err != nil {
		return nil, err
	}
	switch {
	case f.doc.Recoded != "":
		return nil, &TemplateError{Err: ErrEncoding, Detail: "it is " + f.doc.Recoded}
	case len(f.doc.Roots) > 1:
		line, col := f.doc.Position(f.doc.Start(f.doc.Roots[1]))
		return nil, &TemplateError{Line: line, Column: col, Err: ErrNotTemplate, Detail: "several YAML documents"}
	}
	if o.Original {
		return f, nil
	}
	if at := mangledAt(template); at >= 0 {
		line, col := f.doc.Position(at)
		return nil, &TemplateError{Line: line, Column: col, Err: ErrMangled,
			Detail: "a question mark where a letter seems to have been; patch the author's file, or say that this is it (PatchOptions.Original)"}
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

// imagePatch is one run of PatchImages.
type imagePatch struct {
	*imageFinder
	change Change
	edits  []tree.Edit
	edited map[*tree.Node]bool
	tested map[string]bool // references tested, and whether they are valid
	out    Patch
}

// decide asks about one image, or about each branch of it, and notes the edit
// or the skip.
func (p *imagePatch) decide(s *imageSite, e exprNode, path string) error {
	if bs := p.branches(e); bs != nil {
		for _, b := range bs {
			if err := p.decide(s, b.exprNode, path+b.step); err != nil {
				return err
			}
		}
		return nil
	}
	p.loops = s.loops
	ps := p.parts(e, path)
	img := p.imageOf(s, e, path, ps)
	want, err := p.change(img)
	switch {
	case isSkip(err):
		p.skip(img, "", nil, err, "")
		return nil
	case err != nil:
		return fmt.Errorf("template line %d: %s: %w", img.Line, img.Path, err)
	case want == "":
		return nil
	case img.Kind == ImageNull || img.Kind == ImageCollection:
		p.skip(img, want, nil, ErrUnspliceable, "there is no text to change")
		return nil
	}
	if want[0] == ':' || want[0] == '@' {
		suffix := want
		r := img.Ref()
		want = r.with(suffix)
		if r.Repository == "" || ps[len(ps)-1].open && r.Tag == "" && r.Digest == "" || !p.valid(want) {
			err, detail := skipReason(img.Places)
			if err != ErrMacro {
				err, detail = ErrUnresolved, "its repository cannot be told"
			}
			p.skip(img, suffix, img.Places, err, detail)
			return nil
		}
	}
	if want = p.resolvePseudo(want); want == img.Text {
		return nil
	}
	if !p.valid(want) {
		return &TemplateError{Path: img.Path, Line: img.Line, Column: img.Column, Err: ErrBadReference, Detail: fmt.Sprintf("%q", want)}
	}
	p.apply(s, e, ps, img, want)
	return nil
}

func (p *imagePatch) valid(want string) bool {
	ok, known := p.tested[want]
	if !known {
		ok = validReference(want)
		p.tested[want] = ok
	}
	return ok
}

// resolvePseudo writes known pseudo parameters out, as Text has them.
func (p *imagePatch) resolvePseudo(want string) string {
	for _, name := range []string{"AWS::AccountId", "AWS::Region", "AWS::Partition", "AWS::URLSuffix"} {
		if v := p.pseudo(name); v != "" {
			want = strings.ReplaceAll(want, "${"+name+"}", v)
		}
	}
	return want
}

// apply makes an edit of the image, or a skip where that cannot be.
func (p *imagePatch) apply(s *imageSite, e exprNode, ps parts, img Image, want string) {
	edit, places := ps.align(want)
	switch {
	case edit == nil:
		err, detail := skipReason(places)
		p.skip(img, want, places, err, detail)
		return
	case s.dup:
		p.skip(img, want, nil, ErrDuplicateKey, "")
		return
	case p.doc.Shared(edit.scalar) || strings.Contains(img.Path, "/<</") || p.doc.Shared(e.Node):
		p.skip(img, want, nil, ErrShared, "")
		return
	}
	text := edit.text
	if edit.sub {
		text = escapeSub(text)
	} else if strings.Contains(text, "${") {
		p.skip(img, want, nil, ErrUnspliceable, "a pseudo parameter in a text that is no Fn::Sub")
		return
	}
	te, err := p.doc.ReplaceText(edit.scalar, edit.from, edit.to, text)
	if err != nil {
		var t *TemplateError
		if errors.As(templateError(img.Path, err), &t) {
			p.skip(img, want, nil, t.Err, t.Detail)
		}
		return
	}
	if p.edited[te.Node] {
		p.skip(img, want, nil, ErrShared, "another image is written in the same text")
		return
	}
	p.edited[te.Node] = true
	p.edits = append(p.edits, te)
	p.out.Edits = append(p.out.Edits, p.report(te, Edit{Resource: img.Resource, Container: img.Container, Path: img.Path, From: img.Text, To: want}))
}

// report fills in what the spliced bytes say.
func (f *imageFinder) report(te tree.Edit, e Edit) Edit {
	e.Start, e.End = te.Start, te.End
	e.Line, e.Column = f.doc.Position(te.Start)
	e.Old, e.New = string(f.doc.Text[te.Start:te.End]), te.Text
	return e
}

func (p *imagePatch) skip(img Image, want string, places []Place, err error, detail string) {
	p.out.Skips = append(p.out.Skips, Skip{Image: img, Wanted: want, Places: places,
		Err: &TemplateError{Path: img.Path, Line: img.Line, Column: img.Column, Err: err, Detail: detail}})
}
