package rescue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// kindShield protects what the clean-up after a continued rollback would delete:
// the deletion fails three times, the clean-up goes on, and the resource is left
// outside of its stack (docs/aws/cfn.md 8.3, 8.10).
const kindShield Kind = "shield"

// shieldStep protects resources against the clean-up.
type shieldStep struct {
	Resources []cfnx.Deletion `json:"resources"`
}

// actions are what Options.Shield needs for them.
func (s *shieldStep) actions() []string {
	out := []string{}
	for _, d := range s.Resources {
		if d.ShieldAction != "" {
			out = append(out, d.ShieldAction)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// shieldable reports whether a deletion can be made to fail: by a call that can be
// taken back, or by a protection that the template has set.
func shieldable(d cfnx.Deletion) bool {
	return d.Shield != "" || d.Resists != "" && !strings.HasPrefix(d.Resists, "if ")
}

// shields decides that what would be deleted is protected instead, where the
// operator allows that, all of it can be, and it reads nothing that is deleted. The
// error is why not.
func (p *planner) shields(lost []cfnx.Deletion) error {
	if !p.c.Shield {
		return errors.New("a shield is not allowed")
	}
	for _, d := range lost {
		if !shieldable(d) {
			return fmt.Errorf("%s.%s: nothing that can be taken back keeps a resource of type %s", d.Stack, d.LogicalID, d.Type)
		}
		for _, id := range d.Reads {
			stays := func(o cfnx.Deletion) bool { return o.StackID == d.StackID && o.LogicalID == id }
			kept := slices.ContainsFunc(p.b.Tree.Deletes(), func(o cfnx.Deletion) bool { return stays(o) && o.Kept })
			if !kept && !slices.ContainsFunc(lost, stays) {
				return fmt.Errorf("%s.%s: it uses %s, which would be deleted all the same", d.Stack, d.LogicalID, id)
			}
		}
	}
	p.shielded = lost
	return nil
}

// shieldsData protects, on the way back, what holds data, as far as that can be.
func (p *planner) shieldsData() {
	if !p.c.Shield {
		return
	}
	for _, d := range p.b.Tree.Deletes() {
		if d.HoldsData && !d.Kept && !slices.Contains(p.c.Accept, d.Stack+"."+d.LogicalID) {
			if err := p.shields(append(slices.Clone(p.shielded), d)); err != nil {
				p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("%s: %s", d, err))
			}
		}
	}
}

// shield adds the step before the unlock.
func (p *planner) shield() {
	if len(p.shielded) == 0 {
		return
	}
	var names, commands, undo []string
	for _, d := range p.shielded {
		names = append(names, d.Stack+"."+d.LogicalID)
		if d.Shield == "" {
			continue // the template has it protected
		}
		commands, undo = append(commands, d.Shield), append(undo, d.Unshield())
		p.p.Debt = append(p.p.Debt, fmt.Sprintf("%s %s keeps the shield of the rescue until it is taken off: %s", d.Type, d.PhysicalID, d.Unshield()))
	}
	p.add(Step{
		Kind: kindShield, Subject: "stack " + p.d.Stack, Why: "the clean-up after the continued rollback would delete " + strings.Join(names, ", "),
		Command: strings.Join(commands, " && "), Before: "they are there", After: "their deletion fails, and the clean-up leaves them behind",
		Undo: strings.Join(undo, " && "), Takes: 10 * time.Minute, Shield: &shieldStep{Resources: p.shielded},
	})
}

// shieldGiven refuses, before the first step, to run a plan that nobody can shield
// for.
func (r *runner) shieldGiven() error {
	if r.o.Shield == nil && slices.ContainsFunc(r.p.Steps, func(s Step) bool { return s.Shield != nil }) {
		return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: it protects resources, and nothing is given that can", ErrPlan), Next: "give Options.Shield, or plan without Choices.Shield"}
	}
	return nil
}

// shield protects each resource, with what it changes in the journal first. It is
// repeated by a run that begins again: what is protected stays so.
func (r *runner) shield(ctx context.Context, s Step, res *StepResult) error {
	for _, d := range s.Shield.Resources {
		if d.Shield != "" {
			if err := r.o.journal(StepResult{
				Version: 1, Plan: r.p.Hash, ID: s.ID, Kind: s.Kind, Subject: d.Type + " " + d.PhysicalID, Outcome: outcomeBegun, Text: "undo with: " + d.Unshield(),
				Began: r.o.Now().UTC(), To: d.Shield,
			}); err != nil {
				return err
			}
		}
		if err := r.o.Shield(ctx, d, true); err != nil {
			if ctx.Err() != nil {
				return poll.Ended(ctx, err)
			}
			return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%s %s is not protected: %w", d.Type, d.PhysicalID, err), Next: "nothing was unlocked: allow it, or protect it by hand (" + d.Shield + "), and run again"}
		}
		r.o.tell(s.ID, d.Type+" "+d.PhysicalID+" is protected against its deletion")
	}
	res.Outcome, res.Text = outcomeDone, fmt.Sprintf("%d resources are protected", len(s.Shield.Resources))
	return nil
}
