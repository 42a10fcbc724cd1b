package rescue

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/cfnx"
)

// Targets of a savepoint.
const (
	targetOwn       = ""
	targetAttempted = "attempted"
	targetGiven     = "given"
)

// fetcher is GetObject of *s3.Client.
type fetcher interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// savepointFor renders, before anything is done, the savepoint that keeps these
// revisions: of the templates that the operator gives, else of the stacks' own, else
// of those of the update that failed; else one of which what cannot be kept is proven
// before the unlock. Where that update made what the clean-up is
// allowed to delete, its own templates come first, because they make it again. The
// error is why there can be none.
func (p *planner) savepointFor(keep map[string]string) (*savepointStep, error) {
	targets := []string{targetOwn}
	switch {
	case len(p.c.Templates) > 0:
		targets = []string{targetGiven}
	case p.attempted() && p.gaveUp:
		targets = []string{targetAttempted, targetOwn}
	case p.attempted():
		targets = []string{targetOwn, targetAttempted}
	}
	var first error
	for _, target := range targets {
		warned, owed := len(p.p.Warnings), len(p.p.Debt)
		step, err := p.trySavepoint(keep, target)
		if err == nil {
			return step, nil
		}
		p.p.Warnings, p.p.Debt = p.p.Warnings[:warned], p.p.Debt[:owed]
		if first == nil || target == targetOwn {
			first = err
		}
	}
	return p.provenSavepoint(keep, targets, first)
}

// trySavepoint renders the savepoint of one target.
func (p *planner) trySavepoint(keep map[string]string, target string) (*savepointStep, error) {
	if err := p.leftOutside(target); err != nil {
		return nil, err
	}
	step, err := p.savepointOf(keep, target)
	if err == nil && target == targetAttempted {
		p.p.Warnings = append(p.p.Warnings, "the savepoint brings the stack to the templates of the update that failed, with images that exist")
	}
	return step, err
}

// attempted reports whether the templates of the update that failed are known.
func (p *planner) attempted() bool {
	for s := range p.b.Tree.All() {
		if len(s.Attempted) == 0 {
			return false
		}
	}
	return p.d.Situation == situationStuck
}

// base is the revision whose images and settings a savepoint's templates render,
// before they are changed.
func (s *savepointStep) base(f *ServiceFacts, kept string) string {
	if s.Target == targetOwn || !f.Touched {
		return f.Back
	}
	return cmp.Or(f.Forward, kept)
}

// given are, by the ARN of their stacks, the digests of the templates that the operator
// gives.
func (p *planner) given() map[string]string {
	var out map[string]string
	for _, name := range slices.Sorted(maps.Keys(p.c.Templates)) {
		if s := p.b.Tree.Stack(name); s != nil {
			if out == nil {
				out = map[string]string{}
			}
			out[s.ID] = digest(p.c.Templates[name])
		}
	}
	return out
}

// authored reports whether the operator's templates are the stacks' own, as their
// authors have them.
func (p *planner) authored() bool {
	d, err := p.b.draft()
	if err != nil {
		return false
	}
	for name, body := range p.c.Templates {
		if d.Original(p.b.Tree.Stack(name), body) != nil {
			return false
		}
	}
	return true
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// aim gives the draft the templates of the step's target. The trees' attempted
// templates have been read where that is the target.
func (s *savepointStep) aim(ctx context.Context, d *cfnx.Draft, bucket fetcher, templates map[string][]byte) error {
	if s.Target == targetAttempted {
		return d.UseAttempted()
	}
	for st := range d.Tree.All() {
		want := s.Given[st.ID]
		if want == "" {
			continue
		}
		body, err := sameTemplate(st.ID, want, templates)
		if err != nil {
			return err
		}
		// The stack's own, as its author has it; else another one.
		if d.Original(st, body) == nil {
			continue
		}
		if err := d.UseTemplate(ctx, bucket, st, body, nil); err != nil {
			return err
		}
	}
	return nil
}

// sameTemplate is the template that is given for a stack, by its name or ARN, if it is
// the one with the digest.
func sameTemplate(stackID, want string, templates map[string][]byte) ([]byte, error) {
	name := stackID
	if parts := strings.Split(stackID, "/"); len(parts) == 3 {
		name = parts[1]
	}
	body := templates[stackID]
	if len(body) == 0 {
		body = templates[name]
	}
	switch {
	case len(body) == 0:
		return nil, fmt.Errorf("%w: the plan was made with a template for stack %s: give it again", ErrNoEvidence, name)
	case digest(body) != want:
		return nil, fmt.Errorf("%w: the template that is given for stack %s is not the one that the plan was made with", ErrChanged, name)
	}
	return body, nil
}

// templatesGiven refuses, before the first step, to run a plan whose templates are
// not there.
func (r *runner) templatesGiven() error {
	for _, s := range r.p.Steps {
		if s.Savepoint == nil {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(s.Savepoint.Given)) {
			if _, err := sameTemplate(id, s.Savepoint.Given[id], r.o.Templates); err != nil {
				return &Error{Stack: r.p.Stack, Err: err, Next: "give it (Options.Templates, -template STACK=FILE)"}
			}
		}
	}
	return nil
}

// templatesNamed refuses a template for a stack that is not there.
func (p *planner) templatesNamed() error {
	var names []string
	for s := range p.b.Tree.All() {
		names = append(names, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(p.c.Templates)) {
		switch {
		case p.b.Tree.Stack(name) == nil:
			return refuse("name one of its stacks: "+strings.Join(names, ", "), "there is no stack %s in the tree, for which a template is given", name)
		case len(p.c.Templates[name]) == 0:
			return refuse("give the template's text", "the template for stack %s is empty", name)
		}
	}
	return nil
}

// readAttempted reads the templates of the update that failed before the unlock, after
// which AWS says nowhere for how long they can be had.
func (r *runner) readAttempted(ctx context.Context, c clients, t *cfnx.Tree) error {
	if r.tried != nil || !r.aims(targetAttempted) {
		return nil
	}
	if err := t.ReadAttempted(ctx, c.cfn, c.s3); err != nil {
		return err
	}
	r.tried = map[string]*cfnx.Stack{}
	for s := range t.All() {
		if len(s.Attempted) == 0 {
			return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: the template of the update that failed, of stack %s: %s", ErrUnknown, s.Name, s.Unread["attempted"]), Next: "diagnose and plan again: the savepoint needs another template"}
		}
		r.tried[s.ID] = s
	}
	return nil
}

// aims reports whether the plan has a savepoint of a target.
func (r *runner) aims(target string) bool {
	return slices.ContainsFunc(r.p.Steps, func(s Step) bool { return s.Savepoint != nil && s.Savepoint.Target == target })
}

// target gives the draft the templates that the plan's savepoint brings.
func (r *runner) target(ctx context.Context, c clients, s *savepointStep, d *cfnx.Draft) error {
	if s.Target == targetAttempted && r.tried == nil {
		// An earlier run made the unlock.
		r.attemptedSet(d.Tree)
		if err := d.Tree.ReadAttempted(ctx, c.cfn, c.s3); err != nil {
			return err
		}
	}
	for st := range d.Tree.All() {
		if was := r.tried[st.ID]; was != nil {
			st.Attempted, st.AttemptedParameters = was.Attempted, was.AttemptedParameters
		}
	}
	err := s.aim(ctx, d, c.s3, r.o.Templates)
	if _, ok := errors.AsType[*cfnx.DraftError](err); ok && s.Target == targetAttempted {
		return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: %w", ErrUnknown, err), Next: "give the templates of the new version (Options.Templates) with a plan of their own, or let the pipeline deploy it"}
	}
	return err
}
