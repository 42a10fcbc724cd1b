package rescue

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
)

// unlockStep continues the rollback.
type unlockStep struct {
	Skips []cfnx.Skip `json:"skips,omitempty"`
	Force bool        `json:"force,omitempty"`
	// Deploys and Deletes are what CloudFormation does besides: the services that
	// it sends their recorded revision, and what its clean-up takes away.
	Deploys []cfnx.Deploy   `json:"deploys,omitempty"`
	Deletes []cfnx.Deletion `json:"deletes,omitempty"`
}

// unlock continues the rollback, with the skips that the direction needs.
func (p *planner) unlock(skips []cfnx.Skip) {
	if p.d.Situation != situationStuck {
		return
	}
	for i := range p.b.Services {
		if s := &p.b.Services[i]; p.standIns[s.Service.String()] != nil {
			p.addStandIn(s)
		}
	}
	p.shield()
	u := &unlockStep{Skips: skips, Force: p.c.Force, Deletes: p.b.Tree.Deletes()}
	for _, d := range p.b.Tree.Deploys(skips, p.isBack) {
		if d.State == "deployed" {
			u.Deploys = append(u.Deploys, d)
		}
	}
	for _, s := range p.recounted(skips) {
		p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("the continued rollback may scale service %s from %d tasks to the %d that the stack has recorded: afterwards aws ecs update-service --cluster %s --service %s --desired-count %d", s.Service, s.Desired, *s.Wants, s.Service.Cluster, s.Service.Name, s.Desired))
	}
	names := []string{}
	why := []string{}
	for _, s := range skips {
		names = append(names, s.Name)
		why = append(why, s.Name+" ("+s.Impact.String()+")")
	}
	command := "aws cloudformation continue-update-rollback --stack-name " + p.d.Stack
	if len(names) > 0 && !u.Force {
		command += " --resources-to-skip " + strings.Join(names, " ")
	}
	if p.c.RoleARN != "" {
		command += " --role-arn " + p.c.RoleARN
	}
	reason := "the rollback stopped at what has been mended since"
	if len(why) > 0 {
		reason = "skips what cannot go back: " + strings.Join(why, "; ")
	}
	p.add(Step{
		Kind: kindUnlock, Subject: "stack " + p.d.Stack, Why: reason,
		Command: command, Before: "stack " + p.d.Stack + " is UPDATE_ROLLBACK_FAILED", After: "stack " + p.d.Stack + " is UPDATE_ROLLBACK_COMPLETE",
		Takes: 3 * time.Hour, Unlock: u,
	})
	p.imports()
}

// unlock continues the rollback, skipping only what the plan names.
func (r *runner) unlock(ctx context.Context, c clients, s Step, res *StepResult) error {
	status, err := r.settled(ctx, c, s.ID)
	if err != nil {
		return err
	}
	if status != cfntypes.StackStatusUpdateRollbackFailed {
		res.Outcome, res.Text = outcomeHeld, fmt.Sprintf("stack %s is %s", r.p.Stack, status)
		return nil
	}
	if err := r.overtakenBefore(ctx, c); err != nil {
		return err
	}
	var names []string
	for _, k := range s.Unlock.Skips {
		names = append(names, k.Name)
	}
	out, err := cfnx.ContinueRollbackSkipping(ctx, c.cfn, r.p.StackID, cfnx.SkipOnly(names...), func(o *cfnx.ContinueOptions) {
		o.Interval = r.o.Interval
		o.RoleARN = s.RoleARN
		if s.Unlock.Force {
			o.Force = r.p.Stack
		}
		o.Enrich = func(ctx context.Context, t *cfnx.Tree) error {
			r.remember(t)
			return r.readAttempted(ctx, c, t)
		}
		o.Observe = func(p cfnx.Progress) { r.o.tell(s.ID, p.String()) }
	})
	if err != nil {
		return err
	}
	res.Outcome, res.From, res.To = outcomeDone, string(out.From), string(out.To)
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

// settled waits until nothing is under way on the root, such as what an earlier
// run of the plan began, and returns its status.
func (r *runner) settled(ctx context.Context, c clients, step string) (cfntypes.StackStatus, error) {
	out, err := c.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &r.p.StackID})
	if err != nil {
		return "", err
	}
	if len(out.Stacks) == 1 && !strings.HasSuffix(string(out.Stacks[0].StackStatus), "_IN_PROGRESS") {
		return out.Stacks[0].StackStatus, nil
	}
	r.o.tell(step, "stack "+r.p.Stack+": an operation is under way: waiting")
	return cfnx.Wait(ctx, c.cfn, r.p.StackID, func(o *cfnx.WaitOptions) { o.Interval = r.o.Interval })
}
