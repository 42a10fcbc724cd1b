package template

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/options"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// PatchImages returns the template with the images changed as change decides,
// and nothing else. change is called once for every image, for an Fn::If once for
// each of its leaves instead. It returns
//   - "" to leave the image alone,
//   - ":tag" or "@sha256:…" to keep registry and repository and replace what
//     follows them, tag and digest both,
//   - anything else as the whole new reference. It may hold the pseudo
//     parameters that stand in the image's Text, as ${AWS::Region}.
//
// An error that is ErrNoSuchImage or ErrUnresolved makes the image one of
// Patch.Unpatched; every other error ends PatchImages. See [ByContainer],
// [ByRepository] and [ByResolver].
//
// Every byte outside the Edits is the same, comments, order,
// indentation, quoting, line ends and all. Only the part of an image that
// differs is replaced, so that pseudo parameters and the like stay.
//
// It changes text of the image's own expression. Where the part to
// change comes from a parameter, a mapping, another stack or a macro, where an
// alias shares it, a key on its way is given twice or its bytes cannot be
// spliced, there is an Unpatched with the reason and the places to change; see
// [SetValues] for changing a mapping or a parameter's default there. An
// expression of nothing but texts and pseudo parameters, of which no single
// text can be changed to come to what is asked for, is replaced as a whole by
// that text.
//
// Before it returns it proves its work: the patched template is parsed again
// and its tree compared with the one before, and so are the bytes outside the
// Edits. Where they are not the same there is errProof and no template.
//
// The error is a *Error with ErrNotTemplate, ErrLimit, ErrEncoding,
// ErrMangled, ErrBadValue or errProof, or it wraps what change returned. On
// return, Patch is non-nil if and only if the error is nil. Pure but for what
// change does, and safe to repeat: a change that asks for what is there makes
// no Edit. A nil change asks for nothing.
func PatchImages(template []byte, change func(Image) (string, error), optFns ...func(*Options)) (*Patch, error) {
	o := options.Of(optFns)
	f, err := newPatcher(template, o)
	if err != nil {
		return nil, err
	}
	p := &imagePatch{imageFinder: f, change: change, edited: map[*tree.Node]bool{}, tested: map[string]bool{}}
	if change == nil {
		p.change = FirstOf()
	}
	f.walk()
	p.out.Opaque = f.found.Opaque
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

// imagePatch is one run of PatchImages.
type imagePatch struct {
	*imageFinder
	change func(Image) (string, error)
	edits  []tree.Edit
	edited map[*tree.Node]bool
	tested map[string]bool // references tested, and whether they are valid
	out    Patch
}

// decide asks about one image, or about each branch of it, and notes the edit
// or the skip.
func (p *imagePatch) decide(s *imageSite, e expr.Node, path string) error {
	if bs := p.branches(e); bs != nil {
		for _, b := range bs {
			if err := p.decide(s, b.Node, path+b.step); err != nil {
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
	case img.Kind == kindNull || img.Kind == kindCollection:
		p.skip(img, want, nil, ErrUnspliceable, "there is no text to change")
		return nil
	}
	if want[0] == ':' || want[0] == '@' {
		suffix := want
		r := img.Ref()
		want = r.with(suffix)
		if r.Repository == "" || ps[len(ps)-1].open && r.Tag == "" && r.Digest == "" ||
			!p.valid(want) || parseImageRef(want).Repository != r.Repository {
			detail, err := skipReason(img.Sources)
			if !errors.Is(err, ErrMacro) {
				detail, err = "its repository cannot be told", ErrUnresolved
			}
			p.skip(img, suffix, img.Sources, err, detail)
			return nil
		}
	}
	if want = p.resolvePseudo(want); want == img.Text {
		return nil
	}
	if !p.valid(want) || strayVariable(want, img.Text) {
		return &Error{Path: img.Path, Line: img.Line, Column: img.Column, Err: errBadReference, Detail: fmt.Sprintf("%q", want)}
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
func (p *imagePatch) apply(s *imageSite, e expr.Node, ps parts, img Image, want string) {
	edit, places := ps.align(want)
	whole := edit == nil && ps.onlyText() && !strings.Contains(want, "${")
	target := e.Node
	if edit != nil {
		target = edit.scalar
	}
	switch {
	case edit == nil && !whole:
		detail, err := skipReason(places)
		if digestBehindTag(ps, want) {
			detail += ": a digest follows \"@\", and the template writes \":\" before the tag: give a tag, or change the text to …@${…} first"
		}
		p.skip(img, want, places, err, detail)
		return
	case s.dup:
		p.skip(img, want, nil, errDuplicateKey, "")
		return
	case p.doc.Shared(target) || p.doc.Shared(e.Node) || strings.Contains(img.Path, "/<<"):
		p.skip(img, want, nil, errShared, "")
		return
	case whole && p.doc.Commented(e.Node):
		p.skip(img, want, nil, ErrUnspliceable, "all of it would have to go, with the comment in it")
		return
	case edit != nil && (strings.Contains(edit.text, "${") && !edit.sub || strayVariable(edit.text, "")):
		p.skip(img, want, nil, ErrUnspliceable, "a variable in a text that cannot have it")
		return
	case p.edited[target]:
		p.skip(img, want, nil, errShared, "another image is written in the same text")
		return
	}
	var te tree.Edit
	var err error
	if whole {
		te, err = p.doc.ReplaceValue(e.Node, want, false)
	} else {
		te, err = p.doc.ReplaceText(edit.scalar, edit.from, edit.to, edit.text)
	}
	if err != nil {
		var t *Error
		if errors.As(templateError(img.Path, err), &t) {
			p.skip(img, want, nil, t.Err, t.Detail)
		}
		return
	}
	p.edited[target] = true
	p.edits = append(p.edits, te)
	p.out.Edits = append(p.out.Edits, p.report(te, Edit{Resource: img.Resource, Container: img.Container, Path: img.Path, From: img.Text, To: want}))
}

// digestBehindTag reports whether an image whose tag comes from elsewhere, behind
// a colon of the text, is to become one with a digest.
func digestBehindTag(ps parts, want string) bool {
	if !strings.Contains(want, "@sha256:") || len(ps) < 2 {
		return false
	}
	last, before := ps[len(ps)-1], ps[len(ps)-2]
	return last.place.Kind != expr.SourceInline && before.place.Kind == expr.SourceInline && strings.HasSuffix(before.text, ":")
}

func (p *imagePatch) skip(img Image, want string, places []Source, err error, detail string) {
	p.out.Unpatched = append(p.out.Unpatched, Unpatched{Image: img, Wanted: want, Sources: p.judged(places),
		Err: &Error{Path: img.Path, Line: img.Line, Column: img.Column, Err: err, Detail: detail}})
}
