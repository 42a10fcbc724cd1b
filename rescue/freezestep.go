package rescue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/ecrx"
)

// freeze takes rules out of a lifecycle policy, when it is still the one the
// plan knows.
func (r *runner) freeze(ctx context.Context, c clients, s Step, res *StepResult) error {
	plan := s.Freeze.Frozen
	if err := r.begun(s, plan.Old, plan.New); err != nil {
		return err
	}
	f, err := ecrx.Freeze(ctx, c.ecr, plan.Repository, s.Freeze.Needed, plan.Until.Sub(plan.At), func(o *ecrx.FreezeOptions) {
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
		res.Outcome, res.Text = Held, "the policy has no such rule"
		return nil
	}
	res.Outcome, res.Text, res.From, res.To = Done, "rules taken out; undo with: "+s.Undo, f.Old, f.New
	return nil
}
