package rescue

import (
	"context"
	"fmt"
	"strings"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
)

// unlock continues the rollback, skipping only what the plan names.
func (r *runner) unlock(ctx context.Context, c clients, s Step, res *StepResult) error {
	root, err := r.settled(ctx, c, s.ID)
	if err != nil {
		return err
	}
	if root.Status != cfntypes.StackStatusUpdateRollbackFailed {
		res.Outcome, res.Text = Held, fmt.Sprintf("stack %s is %s", root.Name, root.Status)
		return nil
	}
	var names []string
	for _, k := range s.Unlock.Skips {
		names = append(names, k.Name)
	}
	out, err := cfnx.ContinueRollbackSkipping(ctx, c.cfn, r.p.StackID, cfnx.SkipOnly(names...), func(o *cfnx.ContinueOptions) {
		o.Interval = r.o.Interval
		if s.Unlock.Force {
			o.Force = root.Name
		}
		o.Observe = func(e cfnx.ContinueEvent) { r.o.tell(s.ID, e.String()) }
	})
	if err != nil {
		return err
	}
	res.Outcome, res.From, res.To = Done, string(out.From), string(out.To)
	res.Text = fmt.Sprintf("stack %s is %s", out.Stack, out.To)
	if len(out.Skipped) > 0 {
		skipped := make([]string, len(out.Skipped))
		for i, k := range out.Skipped {
			skipped[i] = k.Name
		}
		res.Text += ", skipped " + strings.Join(skipped, ", ")
	}
	return nil
}

// settled waits until nothing is under way on the root, such as what an
// earlier run of the plan began, and returns it.
func (r *runner) settled(ctx context.Context, c clients, step string) (*cfnx.Stack, error) {
	for {
		t, err := cfnx.Snapshot(ctx, c.cfn, r.p.StackID)
		if err != nil {
			return nil, err
		}
		if !t.Root.InProgress() {
			return t.Root, nil
		}
		r.o.tell(step, fmt.Sprintf("stack %s is %s: waiting", t.Root.Name, t.Root.Status))
		if _, err := cfnx.Wait(ctx, c.cfn, t.Root.ID, func(o *cfnx.WaitOptions) { o.Interval = r.o.Interval }); err != nil {
			return nil, err
		}
	}
}
