package rescue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/stackrescue/stackrescue/cfnx"
)

// recorded reads the revisions that the stacks have recorded for the task
// definitions which no service uses, such as scheduled tasks: their images may
// not be in the templates as text.
func (c *capturer) recorded(ctx context.Context) error {
	known := func(arn string) bool {
		return slices.ContainsFunc(c.b.Services, func(s ServiceFacts) bool { _, ok := s.Definitions[arn]; return ok })
	}
	for s := range c.b.Tree.All() {
		for _, r := range s.Resources {
			arn := s.Recorded(r.LogicalID)
			if r.Type != definitionType || arn == "" || known(arn) {
				continue
			}
			td, err := c.definition(ctx, arn)
			if err != nil {
				if err := c.problem(ctx, "task definition "+arn, err); err != nil {
					return err
				}
				continue
			}
			if c.b.Recorded == nil {
				c.b.Recorded = map[string]Definition{}
			}
			c.b.Recorded[arn] = definition(td)
		}
	}
	return nil
}

// recordedKey names a resource of a stack in savepointStep.Recorded.
func recordedKey(stackID, logicalID string) string { return stackID + " " + logicalID }

// recordedImages are, by recordedKey, the images of the revisions that the
// stacks have recorded.
func (b *Bundle) recordedImages() map[string]map[string]string {
	out := map[string]map[string]string{}
	for s := range b.Tree.All() {
		for _, r := range s.Resources {
			if r.Type != definitionType {
				continue
			}
			arn := s.Recorded(r.LogicalID)
			def, ok := b.Recorded[arn]
			for _, f := range b.Services {
				if d, known := f.Definitions[arn]; known && !ok {
					def, ok = d, true
				}
			}
			if !ok {
				continue
			}
			images := map[string]string{}
			for _, x := range def.Containers {
				images[x.Name] = x.Image
			}
			out[recordedKey(s.ID, r.LogicalID)] = images
		}
	}
	return out
}

// recordedImages is Draft.Recorded of savepointStep.Recorded.
func recordedImages(m map[string]map[string]string) func(*cfnx.Stack, string) map[string]string {
	return func(s *cfnx.Stack, logicalID string) map[string]string { return m[recordedKey(s.ID, logicalID)] }
}

// recorded is what the plan keeps of the recorded images.
func (p *planner) recorded() map[string]map[string]string { return p.b.recordedImages() }

// draft is a draft of the trees' templates as CloudFormation has them. It calls
// nothing.
func (b *Bundle) draft() (*cfnx.Draft, error) {
	d, err := b.Tree.NewDraft(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	d.Recorded, d.Ledger = recordedImages(b.recordedImages()), b.Ledger
	return d, nil
}

// templateImages are the references that a savepoint of the tree would render,
// as far as they are known now.
func templateImages(ctx context.Context, b *Bundle) []string {
	d, err := b.draft()
	if err != nil {
		return nil
	}
	var refs []string
	// What is not known is a problem of the plan that needs it.
	_, _ = d.PatchImages(ctx, func(_ context.Context, ref string) (string, error) {
		refs = append(refs, ref)
		return ref, nil
	})
	return refs
}

// savepointImages are what each recorded image becomes in the templates. Two
// services whose records have the same image, and that want different ones, have
// none in common.
func (p *planner) savepointImages(step *savepointStep, keep map[string]string) (map[string]string, error) {
	images, wanted := map[string]string{}, map[string]string{}
	for _, s := range p.b.Services {
		to := map[string]string{}
		for _, c := range s.Definitions[keep[s.Service.String()]].Containers {
			to[c.Name] = c.Image
		}
		for _, c := range s.Definitions[step.base(&s, keep[s.Service.String()])].Containers {
			t := to[c.Name]
			if t == "" {
				continue
			}
			if other, ok := wanted[c.Image]; ok && other != t {
				return nil, refuse("let the pipeline bring a template that names both", "the stack has recorded image %s for more than one container, of which one is to become %s and another %s", c.Image, other, t)
			}
			wanted[c.Image] = t
			if t != c.Image {
				images[c.Image] = t
			}
		}
	}
	return images, nil
}

// savepointRenders proves, before anything is done, that the savepoint can be made: every
// image and count of its draft. The error is a *[cfnx.DraftError] with what
// cannot be edited, and where it would have to be changed.
func (p *planner) savepointRenders(step *savepointStep, keep map[string]string) error {
	d, err := p.b.draft()
	if err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	if err := step.aim(context.Background(), d, nil, p.c.Templates); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	var problems []cfnx.Problem
	note := func(err error) error {
		if e, ok := errors.AsType[*cfnx.DraftError](err); ok {
			problems = append(problems, e.Problems...)
			return nil
		}
		return err
	}
	for _, f := range p.b.Services {
		if s := p.b.Tree.Stack(f.StackID); s != nil && f.Definitions != nil {
			_, err := d.Carry(s, f.LogicalID, "DesiredCount", strconv.Itoa(f.Desired))
			if err := note(err); err != nil {
				return fmt.Errorf("savepoint: %w", err)
			}
		}
	}
	_, err = d.PatchImages(context.Background(), func(_ context.Context, ref string) (string, error) {
		if t := step.Images[ref]; t != "" {
			ref = t
		}
		switch s := p.b.Images[ref]; {
		case s.State.Usable(), s.State == "external":
			return ref, nil
		case !slices.Contains(step.Needed, ref):
			if !slices.Contains(step.Left, ref) {
				step.Left = append(step.Left, ref)
			}
			return ref, nil
		case s.State == "unknown", s.State == "":
			return "", fmt.Errorf("image %s: its state is not known: %s", ref, s.Error)
		}
		return "", nil
	})
	if err := note(err); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	if err := note(p.carries(d, step, keep)); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	if err := note(p.restores(d, step)); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	if err := note(p.settings(d, step, keep)); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	p.raises(d, step, keep)
	if _, err := d.Pin(nil); note(err) != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	if len(problems) == 0 {
		if err := note(d.Check(func(o *cfnx.ApplyOptions) { o.TemplateURL = step.TemplateURL })); err != nil {
			return fmt.Errorf("savepoint: %w", err)
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("the savepoint after the unlock could not be made: %w", &cfnx.DraftError{Problems: problems})
	}
	return nil
}

// needed are the images that some revision has of a service which the plan is
// about.
func (p *planner) needed(keep map[string]string) []string {
	var out []string
	for i := range p.b.Services {
		s := &p.b.Services[i]
		if p.untouched(s, keep[s.Service.String()]) {
			continue
		}
		for _, d := range s.Definitions {
			for _, c := range d.Containers {
				out = append(out, c.Image)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
