package rescue

import (
	"context"
	"fmt"

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
