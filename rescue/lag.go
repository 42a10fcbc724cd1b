package rescue

import (
	"context"
	"errors"
	"fmt"
	"slices"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// looks is how often the stacks are read where what CloudFormation says of them does
// not agree.
const looks = 4

// snapshot reads the stacks. Reads of CloudFormation's lag behind each other after a
// change (docs/aws/cfn.md 1.14): a status beside events of another one is a moment
// that never was, and is read again.
func (c *capturer) snapshot(ctx context.Context, stack string) (*cfnx.Tree, error) {
	for n := 1; ; n++ {
		tree, err := cfnx.Snapshot(ctx, c.c.cfn, stack)
		if err != nil {
			return nil, err
		}
		lag := lags(tree)
		if lag == "" {
			return tree, nil
		}
		if n == looks {
			c.b.Problems = append(c.b.Problems, lag)
			return tree, nil
		}
		if err := poll.Sleep(ctx, c.o.Interval); err != nil {
			return tree, err // what was read is true all the same
		}
	}
}

// agreed reads the tasks of a service that run, and service and tasks again where they
// do not agree: ECS too answers for a while what was before a change (docs/aws/ecs.md
// 1.1). Where they never do, what serves is not known.
func (c *capturer) agreed(ctx context.Context, f *ServiceFacts, live map[*ServiceFacts]*ecstypes.Service) error {
	for n := 1; ; n++ {
		if err := c.health(ctx, f); err != nil {
			return err
		}
		lag := f.lags()
		if lag == "" {
			return nil
		}
		if n == looks {
			f.Unread = lag
			return c.problem(ctx, "service "+f.Service.String(), errors.New(lag))
		}
		if err := poll.Sleep(ctx, c.o.Interval); err != nil {
			f.Unread = lag
			return err
		}
		if err := c.describe(ctx, []*ServiceFacts{f}, live); err != nil {
			return err
		}
	}
}

// lags says which revision tasks of the service run that none of its deployments has;
// "" where there is none. A service whose deployments ECS does not make has none.
func (f *ServiceFacts) lags() string {
	if f.Tasks == nil || f.Tasks.Unread != "" || len(f.Deployments) == 0 || f.Controller != "" && f.Controller != "ECS" {
		return ""
	}
	for arn := range f.Tasks.Revisions {
		if !slices.ContainsFunc(f.Deployments, func(d DeploymentFacts) bool { return d.TaskDefinition == arn }) {
			return fmt.Sprintf("tasks run %s, which none of the service's deployments has: one of the two lags", short(arn))
		}
	}
	return ""
}

// lags says where the newest event of a stack's own is not what the stack's status
// says; "" where both agree, as far as both were read.
func lags(t *cfnx.Tree) string {
	for s := range t.All() {
		for _, e := range s.Events { // newest first
			if e.PhysicalID != e.StackID || e.StackID != s.ID {
				continue
			}
			if s.Status != "" && string(e.Status) != string(s.Status) {
				return fmt.Sprintf("stack %s is %s, and its latest event says %s: one of the two lags", s.Name, s.Status, e.Status)
			}
			break
		}
	}
	return ""
}
