package cfnx

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
}

// PatchImages changes the images of every template of the tree to what
// resolver returns for their references: the same reference where the image
// is fine, another one, "" where there is none, an error where that is not
// known, which ends it. Images that come from a parameter are changed by its
// value. It fails, without changing the draft, when an image cannot be changed
// from here.
func (d *Draft) PatchImages(ctx context.Context, resolver func(ctx context.Context, ref string) (string, error)) ([]ImagePatch, error) {
	next := *d
	next.current = map[string][]byte{}
	for id, body := range d.current {
		next.current[id] = body
	}
	next.Parameters = map[string]string{}
	for k, v := range d.Parameters {
		next.Parameters[k] = v
	}
	var out []ImagePatch
	var left []error
	for s := range d.Tree.All() {
		p, err := PatchImages(next.current[s.ID], ByResolver(ctx, resolver), func(o *PatchOptions) {
			o.context(s)
			o.Original = true // question marks stay what they are: only images are touched
		})
		if e, ok := errors.AsType[*TemplateError](err); ok && errors.Is(e, ErrNotTemplate) {
			continue // a template of other languages holds no image that could be patched
		}
		if err != nil {
			return nil, fmt.Errorf("stack %s: %w", s.Name, err)
		}
		next.current[s.ID] = p.Template
		for _, e := range p.Edits {
			out = append(out, ImagePatch{s.Name, e.Resource, e.Container, e.From, e.To, "template"})
		}
		for _, skip := range p.Unpatched {
			patch, err := next.elsewhere(s, skip)
			if err != nil {
				left = append(left, err)
				continue
			}
			out = append(out, patch)
		}
	}
	if len(left) > 0 {
		return nil, errors.Join(left...)
	}
	d.current, d.Parameters = next.current, next.Parameters
	return out, nil
}

// elsewhere changes an image that comes from one parameter as a whole.
func (d *Draft) elsewhere(s *Stack, skip Unpatched) (ImagePatch, error) {
	i := skip.Image
	fail := func() (ImagePatch, error) {
		return ImagePatch{}, fmt.Errorf("stack %s: %s, container %s: image %s: %w", s.Name, i.Resource, i.Container, i.Text, skip.Err)
	}
	if errors.Is(skip.Err, ErrNoSuchImage) || skip.Wanted == "" {
		return fail()
	}
	for _, place := range skip.Places {
		if place.In != PlaceParameter || place.Value == "" {
			continue
		}
		if err := d.SetParameter(s, place.Name, place.Value); err != nil {
			return ImagePatch{}, err
		}
		return ImagePatch{s.Name, i.Resource, i.Container, i.Text, skip.Wanted, "parameter " + place.Name}, nil
	}
	return fail()
}

// LostOutput is an output that a stack's template declares and the stack does
// not have.
type LostOutput struct {
	StackID string `json:"stackId"`
	Stack   string `json:"stack"`
	Key     string `json:"key"`
	// Resource is what the output reads, with its physical id and type, and
	// Attribute which attribute, "" for Ref. They are empty when the output
	// does not read exactly one resource.
	Resource  Resource `json:"resource"`
	Attribute string   `json:"attribute,omitempty"`
	// Known is the value it had, as far as others still hold it: a ledger, or
	// what the parent handed on. "" when nobody does.
	Known string `json:"known,omitempty"`
}

// LostOutputs lists outputs that are declared but missing, in every stack of
// the tree, leaving out those that only pass on another stack's: they come back
// with it. Outputs with a Condition are left out as well, unless the ledger
// has them. ledger may be nil.
func (d *Draft) LostOutputs(ledger *Ledger) []LostOutput {
	var lost []LostOutput
	for s := range d.Tree.All() {
		deps := readDependencies(d.originals[s.ID])
		for _, key := range deps.order {
			if _, ok := s.Output(key); ok || deps.passesOn(key) {
				continue
			}
			known := ledger.value(s, key)
			if deps.conditional[key] && known == "" {
				continue
			}
			if known == "" {
				known = d.handedOn(s, key)
			}
			l := LostOutput{StackID: s.ID, Stack: s.Name, Key: key, Known: known}
			if refs := deps.outputs[key]; len(refs) == 1 {
				l.Resource, _ = s.Resource(refs[0].name)
				l.Attribute = refs[0].attribute
			}
			lost = append(lost, l)
		}
	}
	return lost
}

// passesOn reports whether an output reads a nested stack.
func (d dependencies) passesOn(key string) bool {
	for _, r := range d.outputs[key] {
		if d.types[r.name] == nestedType {
			return true
		}
	}
	return false
}

// handedOn finds the value of a nested stack's output where the parent passed
// it on: a parameter of a sibling, or an output of its own.
func (d *Draft) handedOn(s *Stack, key string) string {
	if s.parent == nil {
		return ""
	}
	want := use{s.LogicalID, "Outputs." + key}
	deps := readDependencies(d.originals[s.parent.ID])
	for _, out := range s.parent.Outputs {
		if refs := deps.outputs[out.Key]; len(refs) == 1 && refs[0] == want && deps.exact[out.Key] {
			return out.Value
		}
	}
	found, err := Find(d.originals[s.parent.ID])
	if err != nil {
		return ""
	}
	for _, n := range found.Nested {
		for _, p := range n.Parameters {
			if p.Kind != ImageGetAtt || p.Value != want.name+"."+want.attribute {
				continue
			}
			for _, sibling := range s.parent.Children {
				if sibling.LogicalID != n.Resource {
					continue
				}
				for _, v := range sibling.Parameters {
					if v.Key == p.Name && v.Value != "****" {
						return v.Value
					}
				}
			}
		}
	}
	return ""
}

// RestoredOutput is an output that a draft gives a literal value.
type RestoredOutput struct {
	Stack string `json:"stack"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

// RestoreOutputs gives lost outputs the values that source finds, as literals
// in the templates that declare them; "" leaves an output alone, an error ends
// it. Outputs that read a resource which the draft changes anyway are left out:
// CloudFormation reads it anew.
func (d *Draft) RestoreOutputs(ctx context.Context, lost []LostOutput, source func(context.Context, LostOutput) (string, error)) ([]RestoredOutput, error) {
	var out []RestoredOutput
	for _, l := range lost {
		s := d.Tree.Stack(l.StackID)
		if s == nil || d.changes(s, l.Resource.LogicalID) {
			continue
		}
		value, err := source(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("stack %s: output %s: %w", l.Stack, l.Key, err)
		}
		if value == "" {
			continue
		}
		if _, err := d.Set(s, TemplateValue{Path: "/Outputs/" + tree.Escape(l.Key) + "/Value", Value: value}); err != nil {
			return nil, err
		}
		out = append(out, RestoredOutput{l.Stack, l.Key, value})
	}
	return out, nil
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
			if s.hasParameter(u.name) && g.parameter(s.ID, u.name, 0) {
				out[id] = true
			}
		}
	}
	return out
}

// asked are the resources of a stack whose text the draft has changed.
func (d *Draft) asked(s *Stack) map[string]bool {
	was, is := resourceTexts(d.originals[s.ID]), resourceTexts(d.current[s.ID])
	out := map[string]bool{}
	for id, text := range is {
		if was[id] != text {
			out[id] = true
		}
	}
	return out
}

// resourceTexts are the bytes of every resource of a template.
func resourceTexts(template []byte) map[string]string {
	out := map[string]string{}
	doc, err := tree.Parse(template, tree.Limits{Bytes: maxTemplateBytes, Depth: maxDepth})
	if err != nil || len(doc.Roots) == 0 {
		return out
	}
	entries(doc.Roots[0].Follow().Get("Resources"), func(id string, r *tree.Node) {
		start, end := doc.Span(r)
		out[id] = strings.TrimSpace(string(doc.Text[start:end]))
	})
	return out
}
