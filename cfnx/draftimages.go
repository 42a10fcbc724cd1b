package cfnx

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// ImagePatch is one image that a draft changes, or would have to.
type ImagePatch struct {
	Stack    string `json:"stack"`
	Resource string `json:"resource"`
	// Container is the container's name; the resource again where there is
	// only one image.
	Container string `json:"container"`
	// From and To are references; To is "" when no image was found.
	From string `json:"from"`
	To   string `json:"to"`
	// Where is what is changed: "template", or "parameter NAME".
	Where string `json:"where"`
	// Literal says that the reference was written in the place of an expression
	// that reads it from somewhere else; see [Draft.Literals].
	Literal bool `json:"literal,omitempty"`
}

// PatchImages changes the images of every template of the tree to what
// resolver returns for their references: the same reference where the image
// is fine, another one, "" where there is none, an error where that is not
// known, which ends it. A nil resolver keeps every reference.
//
// An image that resolver keeps is left alone, wherever it comes from; so is one
// that a condition takes out of the stack. What an image comes to is read from
// the template with the stack's parameters, else from Recorded. A change goes
// into the text of the template, or where one parameter or entry of a mapping
// makes the difference and nothing but images changes with it, into that.
// Otherwise, as for an import, a parameter of Systems Manager, a dynamic reference
// or an attribute, the reference is written in the place of the expression.
//
// It returns every image that becomes another, also where one change moves
// several.
//
// It returns a *[DraftError] with every image that cannot be changed from here,
// and leaves the draft as it was: [ErrNoSuchImage], [ErrUnresolved],
// [ErrElsewhere], [ErrConflict] and the others of [PatchImages].
func (d *Draft) PatchImages(ctx context.Context, resolver func(ctx context.Context, ref string) (string, error)) ([]ImagePatch, error) {
	if resolver == nil {
		resolver = func(_ context.Context, ref string) (string, error) { return ref, nil }
	}
	p := draftPatch{d: d.clone(), resolver: resolver}
	if p.d.images == nil {
		p.d.images = map[string]string{}
	}
	for s := range d.Tree.All() {
		if err := p.stack(ctx, s); err != nil {
			return nil, fmt.Errorf("stack %s: %w", s.Name, err)
		}
	}
	if len(p.problems) > 0 {
		return nil, draftError(p.problems)
	}
	if err := p.d.conflicts(); err != nil {
		return nil, err
	}
	if err := p.moved(d); err != nil {
		return nil, err
	}
	d.become(p.d)
	return p.out, nil
}

// changes reports whether the draft changes a resource, itself or through what
// it reads.
func (d *Draft) changes(s *Stack, logicalID string) bool {
	if logicalID == "" {
		return false
	}
	touched := d.touched(s)
	return touched[logicalID] || readDependencies(d.current[s.ID]).dependsOn(logicalID, touched)
}

// touched are the resources whose text the draft has changed, and those that
// read a parameter whose value it changes.
func (d *Draft) touched(s *Stack) map[string]bool {
	out := d.asked(s)
	g := newGuard(d, nil, nil)
	for id, uses := range g.deps[s.ID].resources {
		for _, u := range uses {
			if s.hasParameter(u.Name) && g.parameter(s.ID, u.Name, 0) {
				out[id] = true
			}
		}
	}
	return out
}

// asked are the resources of a stack whose text the draft has changed, or the
// mapping that they read.
func (d *Draft) asked(s *Stack) map[string]bool {
	was, is := resourceTexts(d.originals[s.ID]), resourceTexts(d.current[s.ID])
	out := map[string]bool{}
	for id, text := range is {
		if was[id] != text {
			out[id] = true
		}
	}
	if bytes.Equal(d.originals[s.ID], d.current[s.ID]) {
		return out
	}
	mapsWas, mapsAre := sectionTexts(d.originals[s.ID], "Mappings"), sectionTexts(d.current[s.ID], "Mappings")
	for id, names := range mappingReaders(d.current[s.ID]) {
		for _, name := range names {
			// A name that is not a text may be any of them.
			if name == "" && !maps.Equal(mapsWas, mapsAre) || mapsWas[name] != mapsAre[name] {
				out[id] = true
			}
		}
	}
	return out
}

// mappingReaders are the mappings that each resource reads; "" for one whose
// name is an expression.
func mappingReaders(template []byte) map[string][]string {
	out := map[string][]string{}
	doc, err := tree.Parse(template, tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth})
	if err != nil || len(doc.Roots) == 0 {
		return out
	}
	expr.Entries(doc.Roots[0].Follow().Get("Resources"), func(id string, r *tree.Node) {
		out[id] = mappingNames(expr.At(r), nil, 0)
	})
	return out
}

func mappingNames(e expr.Node, names []string, depth int) []string {
	if e.Node == nil || depth > expr.MaxDepth {
		return names
	}
	if fn, arg := e.Call(); fn != "" {
		if args := arg.Args(); fn == "Fn::FindInMap" && len(args) > 0 {
			name, _ := args[0].Text()
			names = append(names, name)
		}
		return mappingNames(arg, names, depth+1)
	}
	for i, n := range e.Items {
		if e.Kind == tree.Sequence || e.Kind == tree.Mapping && i%2 == 1 {
			names = mappingNames(expr.At(n), names, depth+1)
		}
	}
	return names
}

// resourceTexts are the bytes of every resource of a template.
func resourceTexts(template []byte) map[string]string { return sectionTexts(template, "Resources") }

// sectionTexts are the bytes of every entry of a section of a template.
func sectionTexts(template []byte, section string) map[string]string {
	out := map[string]string{}
	doc, err := tree.Parse(template, tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth})
	if err != nil || len(doc.Roots) == 0 {
		return out
	}
	expr.Entries(doc.Roots[0].Follow().Get(section), func(id string, r *tree.Node) {
		start, end := doc.Span(r)
		out[id] = strings.TrimSpace(string(doc.Text[start:end]))
	})
	return out
}
