package rescue

import (
	"context"
	"fmt"

	"github.com/stackrescue/stackrescue/cfnx"
)

// snapshot reads the stacks for a draft of their templates. What a draft needs and what
// may not be read is an error with the action: a snapshot itself leaves it unread, and
// what a draft says of that no longer tells who refused it.
func (r *runner) snapshot(ctx context.Context, c clients) (*cfnx.Tree, error) {
	t, err := cfnx.Snapshot(ctx, c.cfn, r.p.StackID)
	if err != nil {
		return nil, err
	}
	for s := range t.All() {
		for _, part := range []string{"stack", "resources", "template"} {
			if why := s.Unread[part]; unauthorized.MatchString(why) {
				return nil, noAccess(r.p.Stack, "", fmt.Errorf("%w: the %s of stack %s: %s", ErrUnknown, part, s.Name, why), "the actions of the plan (Plan.Policy) and run it again")
			}
		}
	}
	return t, nil
}
