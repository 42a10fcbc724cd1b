package cfnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// draftPatch is one run of Draft.PatchImages, on a clone of the draft.
type draftPatch struct {
	d        *Draft
	resolver func(ctx context.Context, ref string) (string, error)
	out      []ImagePatch
	problems []Problem
}

// stack patches the template of one stack.
func (p *draftPatch) stack(ctx context.Context, s *Stack) error {
	r, _, err := p.d.renderer(s, 0)
	if errors.Is(err, template.ErrNotTemplate) {
		return nil // a template of other languages holds no image that could be patched
	}
	if err != nil {
		return err
	}
	change := func(i template.Image) (string, error) {
		if !r.Active(i.Path) {
			return "", nil
		}
		to, err := p.decide(ctx, s, i)
		if to != "" && known(i) {
			p.d.images[s.ID+i.Path] = to
		}
		if to == i.Text {
			return "", err
		}
		return to, err
	}
	patch, err := template.PatchImages(p.d.current[s.ID], change, func(o *template.Options) {
		*o = p.d.findOptions(s)
		o.Original = true // question marks stay what they are: only images are touched
	})
	if err != nil {
		return err
	}
	p.d.current[s.ID] = patch.Template
	for _, e := range patch.Edits {
		p.out = append(p.out, ImagePatch{Stack: s.Name, Resource: e.Resource, Container: e.Container, From: e.From, To: e.To, Where: inTemplate})
	}
	for _, h := range patch.Opaque {
		if !r.Active(h.Path) {
			continue
		}
		if err := p.hidden(ctx, s, h); err != nil {
			return err
		}
	}
	for _, u := range patch.Unpatched {
		if err := p.elsewhere(s, u); err != nil {
			return err
		}
	}
	return nil
}

// known reports whether the image's reference is known whole.
func known(i template.Image) bool {
	return i.Text != "" && !strings.Contains(i.Text, "${") && !strings.Contains(i.Text, "{{resolve:")
}

// decide asks the resolver about an image as the template tells it, or else as
// the stack has recorded it: "" leaves it alone.
func (p *draftPatch) decide(ctx context.Context, s *Stack, i template.Image) (string, error) {
	if i.Kind == "null" || i.Kind == "collection" {
		return "", nil
	}
	if known(i) {
		return p.resolve(ctx, i.Text)
	}
	refs := p.recorded(s, i.Resource, i.Container)
	if len(refs) == 0 {
		return "", fmt.Errorf("%w: %s", template.ErrUnresolved, i.Text)
	}
	want := ""
	for _, ref := range refs {
		to, err := p.resolve(ctx, ref)
		switch {
		case err != nil:
			return "", err
		case to == ref:
		case want != "" && want != to || len(refs) > 1:
			return "", fmt.Errorf("%w: %s is several images", template.ErrUnresolved, i.Text)
		default:
			want = to
		}
	}
	return want, nil
}

func (p *draftPatch) resolve(ctx context.Context, ref string) (string, error) {
	if err := context.Cause(ctx); err != nil {
		return "", err
	}
	to, err := p.resolver(ctx, ref)
	if err == nil && to == "" {
		err = fmt.Errorf("%w: %s", template.ErrNoSuchImage, ref)
	}
	return to, err
}

// recorded are the images that the stack has recorded for a container: of one
// resource, or of all that a loop of the template makes.
func (p *draftPatch) recorded(s *Stack, resource, container string) []string {
	if p.d.Recorded == nil {
		return nil
	}
	var refs []string
	for _, id := range made(s, resource) {
		images := p.d.Recorded(s, id)
		ref, ok := images[container]
		if !ok && container == "" && len(images) == 1 {
			for _, only := range images {
				ref, ok = only, true
			}
		}
		if !ok {
			return nil
		}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// made are the resources of the stack that a resource of the template becomes:
// itself, or, below Fn::ForEach, those whose names its own can come to.
func made(s *Stack, resource string) []string {
	i := strings.LastIndexByte(resource, '/')
	if i < 0 {
		return []string{resource}
	}
	pattern := resource[i+1:]
	for {
		from := strings.IndexAny(pattern, "$&")
		end := strings.IndexByte(pattern, '}')
		if from < 0 || end < from {
			break
		}
		pattern = pattern[:from] + "*" + pattern[end+1:]
	}
	var out []string
	for _, r := range s.Resources {
		if ok, err := path.Match(pattern, r.LogicalID); err == nil && ok {
			out = append(out, r.LogicalID)
		}
	}
	return out
}

// elsewhere changes an image that comes from somewhere else: the one parameter or
// entry of a mapping that makes the difference, where that changes no other
// resource; else the reference is written in the place of what reads it.
func (p *draftPatch) elsewhere(s *Stack, u template.Unpatched) error {
	i := u.Image
	if u.Wanted == "" {
		var places []template.Source
		for _, x := range i.Sources {
			if x.Kind != expr.SourceInline && x.Kind != expr.SourcePseudo {
				places = append(places, x)
			}
		}
		if places == nil {
			places = []template.Source{{Kind: expr.SourceInline, Path: i.Path}}
		}
		p.fail(s, u, places)
		return nil
	}
	next := p.d.clone()
	set, err := next.setPlace(s, u.Sources)
	refused, isRefused := errors.AsType[*DraftError](err)
	if err != nil && !isRefused {
		return err
	}
	done := set && err == nil
	// One parameter with two wishes is for the caller to settle.
	if (!done || !p.d.sparesOthers(next)) && !errors.Is(err, ErrConflict) && p.literal(s, i, u.Wanted) {
		return nil
	}
	switch {
	case done:
		p.d.become(next)
		for _, place := range u.Sources {
			if place.Value != "" {
				p.out = append(p.out, ImagePatch{Stack: s.Name, Resource: i.Resource, Container: i.Container, From: i.Text, To: u.Wanted, Where: place.Kind + " " + place.Name})
				break
			}
		}
	case isRefused:
		for _, x := range refused.Problems {
			x.Resource, x.Container, x.Property, x.From = i.Resource, i.Container, "Image", i.Text
			p.problems = append(p.problems, x)
		}
	default:
		p.fail(s, u, u.Sources)
	}
	return nil
}

func (p *draftPatch) fail(s *Stack, u template.Unpatched, places []template.Source) {
	i := u.Image
	from := i.Text
	if refs := p.recorded(s, i.Resource, i.Container); !known(i) && len(refs) > 0 {
		from = refs[0]
	}
	p.problems = append(p.problems, Problem{
		StackID: s.ID, Stack: s.Name, Resource: i.Resource, Container: i.Container, Property: "Image", From: from, To: u.Wanted,
		Sources: places, Why: u.Err.Err.Error(), Err: u.Err,
	})
}

// literal writes a reference in the place of the expression of an image, and
// reports whether it could. What a macro or a loop makes has no place of its own.
func (p *draftPatch) literal(s *Stack, i template.Image, want string) bool {
	made := slices.ContainsFunc(i.Sources, func(x template.Source) bool { return x.Kind == expr.SourceMacro || x.Kind == expr.SourceLoop })
	if made || strings.Contains(i.Path, "/Fn::ForEach::") || !p.d.writeLiteral(s, i.Path, want, Difference{Resource: i.Resource, Container: i.Container, Property: "Image", Sources: i.Sources}) {
		return false
	}
	p.d.images[s.ID+i.Path] = want
	p.out = append(p.out, ImagePatch{Stack: s.Name, Resource: i.Resource, Container: i.Container, From: i.Text, To: want, Where: inTemplate, Literal: true})
	return true
}

// moved adds the images that a change of a parameter or a mapping moves besides
// the one that it was made for.
func (p *draftPatch) moved(d *Draft) error {
	where := ""
	for _, o := range p.out {
		if o.Where != inTemplate {
			where = o.Where
			break
		}
	}
	if where == "" {
		return nil
	}
	for s := range d.Tree.All() {
		was, err := d.renderedImages(s)
		if err != nil {
			return err
		}
		is, err := p.d.renderedImages(s)
		if err != nil {
			return err
		}
		for path, i := range is {
			from := was[path].Text
			listed := slices.ContainsFunc(p.out, func(o ImagePatch) bool {
				return o.Stack == s.Name && o.Resource == i.Resource && o.Container == i.Container
			})
			if known(i) && from != i.Text && !listed {
				p.out = append(p.out, ImagePatch{Stack: s.Name, Resource: i.Resource, Container: i.Container, From: from, To: i.Text, Where: where})
			}
		}
	}
	slices.SortStableFunc(p.out, func(a, b ImagePatch) int {
		return cmp.Or(cmp.Compare(a.Stack, b.Stack), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Container, b.Container))
	})
	return nil
}

// renderedImages are the images that a stack has, by their paths.
func (d *Draft) renderedImages(s *Stack) (map[string]template.Image, error) {
	r, _, err := d.renderer(s, 0)
	if errors.Is(err, template.ErrNotTemplate) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	o := d.findOptions(s)
	found, err := template.FindImages(d.current[s.ID], func(x *template.Options) { *x = o })
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	out := map[string]template.Image{}
	for _, image := range found.Images {
		for _, i := range image.Leaves() {
			if r.Active(i.Path) {
				out[i.Path] = i
			}
		}
	}
	return out, nil
}

// hidden asks about the images of a part of the template that cannot be looked
// into, as the stack has recorded them: they cannot be changed.
func (p *draftPatch) hidden(ctx context.Context, s *Stack, h template.Opaque) error {
	problem := Problem{StackID: s.ID, Stack: s.Name, Resource: h.Resource, Property: "Image", Sources: []template.Source{{Kind: expr.SourceMacro, Name: h.Fn, Path: h.Path}}}
	var images map[string]string
	if p.d.Recorded != nil && h.Resource != "" {
		images = p.d.Recorded(s, h.Resource)
	}
	for container, ref := range images {
		to, err := p.resolve(ctx, ref)
		if err == nil && to == ref {
			continue
		}
		if err == nil {
			err = template.ErrMacro
		} else if !errors.Is(err, template.ErrNoSuchImage) && !errors.Is(err, template.ErrUnresolved) {
			return err
		}
		x := problem
		x.Container, x.From, x.To, x.Why, x.Err = container, ref, to, err.Error(), err
		p.problems = append(p.problems, x)
	}
	return nil
}

// undoneImages reads the images of a draft anew: each must be what it was to
// become. A parameter that feeds two images cannot give each its own.
func (d *Draft) undoneImages() ([]Problem, error) {
	if len(d.images) == 0 {
		return nil, nil
	}
	var problems []Problem
	for s := range d.Tree.All() {
		images, err := d.renderedImages(s)
		if err != nil {
			return nil, err
		}
		for _, path := range slices.Sorted(maps.Keys(images)) {
			i := images[path]
			if want, asked := d.images[s.ID+path]; asked && i.Text != want {
				problems = append(problems, Problem{
					StackID: s.ID, Stack: s.Name, Resource: i.Resource, Container: i.Container, Property: "Image", From: i.Text, To: want,
					Sources: i.Sources, Why: "a change for another image would make it " + i.Text, Err: ErrConflict,
				})
			}
		}
	}
	return problems, nil
}
