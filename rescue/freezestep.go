package rescue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/ecrx"
)

// freezeStep takes rules out of a lifecycle policy.
type freezeStep struct {
	// Frozen is what was found and what is to be, Needed the images it is for.
	Frozen *ecrx.Frozen `json:"frozen"`
	Needed []ecrx.Image `json:"needed"`
}

func (p *planner) freeze() {
	for _, name := range slices.Sorted(maps.Keys(p.b.Freezes)) {
		f := p.b.Freezes[name]
		if !f.Changes() {
			continue
		}
		if !p.c.Freeze {
			p.p.Warnings = append(p.p.Warnings, f.String()+": allow a freeze")
			continue
		}
		step := &freezeStep{Frozen: f}
		var rules []string
		for _, r := range f.Removed {
			rules = append(rules, ruleText(r.Rule))
		}
		for ref := range p.b.Images {
			if i, err := ecrx.Parse(ref); err == nil && i.Name() == name && p.b.Images[ref].State.Usable() {
				step.Needed = append(step.Needed, i)
			}
		}
		slices.SortFunc(step.Needed, func(a, b ecrx.Image) int { return cmp.Compare(a.String(), b.String()) })
		put := func(text string) string {
			return fmt.Sprintf("aws ecr put-lifecycle-policy --repository-name %s --lifecycle-policy-text %s", f.Repository.Name, quoted(text))
		}
		command := put(f.New)
		if f.New == "" {
			command = "aws ecr delete-lifecycle-policy --repository-name " + f.Repository.Name
		}
		p.add(Step{
			Kind: kindFreeze, Subject: "repository " + f.Repository.Name, Why: "would take images away that are needed: " + strings.Join(slices.Compact(rules), ", "),
			Command: command,
			Before:  "the policy is as it was when the plan was made", After: "the policy no longer has these rules",
			Undo: put(f.Old), Takes: time.Minute, Freeze: step,
		})
	}
}

// freeze takes rules out of a lifecycle policy, when it is still the one the
// plan knows.
func (r *runner) freeze(ctx context.Context, c clients, s Step, res *StepResult) error {
	plan := s.Freeze.Frozen
	if err := r.begun(s, plan.Old, plan.New); err != nil {
		return err
	}
	f, err := plan.Repository.Freeze(ctx, c.ecr, s.Freeze.Needed, plan.Until.Sub(plan.At), func(o *ecrx.FreezeOptions) {
		o.Plan, o.Interval = plan, r.o.Interval
		// From the moment of the plan, so that the answer is the one announced.
		o.Now = func() time.Time { return plan.At }
	})
	if errors.Is(err, ecrx.ErrPolicyChanged) {
		return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: %w", ErrChanged, err), Next: "diagnose and plan again"}
	}
	if err != nil {
		return err
	}
	if !f.Applied {
		res.Outcome, res.Text = outcomeHeld, "the policy has no such rule"
		return nil
	}
	res.Outcome, res.Text, res.From, res.To = outcomeDone, "rules taken out; undo with: "+s.Undo, f.Old, f.New
	return nil
}
