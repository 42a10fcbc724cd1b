package rescue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
)

// kindImport takes what a shield has left outside of the stack into it again.
const kindImport Kind = "import"

// importStep takes resources into the root stack.
type importStep struct {
	Resources []cfnx.Deletion `json:"resources"`
	// Attempted is the change set of the update that failed: after the import the
	// stack names the import's.
	Attempted string `json:"attempted,omitempty"`
}

// importable are the shielded resources that can be taken into the stack again, and
// why the others cannot, by their place in p.shielded.
func (p *planner) importable() (in []cfnx.Deletion, out map[int]error) {
	out = map[int]error{}
	d, err := p.b.draft()
	for i, x := range p.shielded {
		why := err
		if why == nil {
			why = d.Importable(x)
		}
		if why != nil {
			out[i] = why
			continue
		}
		in = append(in, x)
	}
	return in, out
}

// imports adds the step after the unlock.
func (p *planner) imports() {
	in, out := p.importable()
	for i, x := range p.shielded {
		if why := out[i]; why != nil {
			p.owesImport(x, why)
		}
	}
	if len(in) == 0 {
		return
	}
	if p.until(kindUnlock) {
		for _, x := range in {
			p.owesImport(x, errors.New("the plan ends before"))
		}
		return
	}
	names := ""
	for _, x := range in {
		names += ", " + x.LogicalID
	}
	p.add(Step{
		Kind: kindImport, Subject: "stack " + p.d.Stack, Why: "the clean-up has left outside of the stack what is protected: " + names[2:],
		Before: "stack " + p.d.Stack + " rests", After: "stack " + p.d.Stack + " has them again, as they are; none is touched",
		Undo: "take them out of the template again: their DeletionPolicy is Retain", Takes: 10 * time.Minute,
		Import: &importStep{Resources: in, Attempted: p.b.Tree.Root.ChangeSetID},
	})
}

// owesImport states what is left outside of its stack.
func (p *planner) owesImport(x cfnx.Deletion, why error) {
	p.p.Debt = append(p.p.Debt, fmt.Sprintf("%s %s is left outside of stack %s (%s): import it before a template that makes %s is deployed, or that fails, or makes a second one", x.Type, x.PhysicalID, x.Stack, why, x.LogicalID))
}

// leftOutside refuses a savepoint whose templates would make once more what is left
// outside of the stacks.
func (p *planner) leftOutside(target string) error {
	_, out := p.importable()
	for i, x := range p.shielded {
		if why := out[i]; why != nil && target != targetOwn {
			return refuse("import it first", "the savepoint's template would make %s.%s once more, and %s stays outside of the stack: %s", x.Stack, x.LogicalID, x.PhysicalID, why)
		}
	}
	return nil
}

// take takes the resources into the stack with a change set in which nothing else
// may change. Those that the stack has already are left alone.
func (r *runner) take(ctx context.Context, c clients, s Step, res *StepResult) error {
	if _, err := r.settled(ctx, c, s.ID); err != nil {
		return err
	}
	t, err := r.snapshot(ctx, c)
	if err != nil {
		return err
	}
	d, err := t.NewDraft(ctx, c.s3)
	if err != nil {
		return err
	}
	if err := d.Import(ctx, c.cfn, s.Import.Resources); err != nil {
		return err
	}
	out, err := d.Apply(ctx, c.cfn, c.s3, func(o *cfnx.ApplyOptions) {
		o.Interval, o.RoleARN = r.o.Interval, s.RoleARN
		o.Observe = func(p cfnx.Progress) { r.o.tell(s.ID, p.String()) }
	})
	if errors.Is(err, cfnx.ErrNothingToChange) {
		res.Outcome, res.Text = outcomeHeld, "the stack has them"
		return nil
	}
	if err != nil {
		return err
	}
	res.Outcome, res.From, res.To = outcomeDone, string(t.Root.Status), string(out.Status)
	res.Text = fmt.Sprintf("stack %s is %s: %d resources are in it again", out.Stack, out.Status, len(out.Changes))
	for _, x := range s.Import.Resources {
		r.follow = append(r.follow, fmt.Sprintf("%s %s was imported as it is: the team's template declares it as %s with the same properties", x.Type, x.PhysicalID, x.LogicalID))
	}
	return nil
}

// attemptedSet is the change set of the update that failed, where the root names an
// import's since.
func (r *runner) attemptedSet(t *cfnx.Tree) {
	for _, s := range r.p.Steps {
		if s.Import != nil {
			t.Root.ChangeSetID = s.Import.Attempted
		}
	}
}
