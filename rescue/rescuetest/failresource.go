package rescuetest

import (
	"fmt"

	"github.com/stackrescue/stackrescue/internal/sim/cfnsim"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// FailOptions configure [Cloud.FailResource]. The default is a failure before
// the resource's service was called.
type FailOptions struct {
	// AfterActing fails the operation when the service has done everything.
	AfterActing bool
	// Hang lets the service act, and the operation hang until CloudFormation
	// gives up, after three hours or more. The reason is CloudFormation's own.
	Hang bool
	// Times is how many operations of the phase fail, one after the other.
	// Defaults to 1.
	Times int
}

// FailResource makes CloudFormation's next operation of the phase on a
// resource fail with reason. The stack is a name, an id, or the logical id of a
// nested stack's resource.
//
// By default the operation fails before the resource's service was called, so
// that a rollback that fails has not rolled anything back.
func (c *Cloud) FailResource(stack, logicalID string, phase simtype.Phase, reason string, optFns ...func(*FailOptions)) {
	o := FailOptions{Times: 1}
	for _, fn := range optFns {
		fn(&o)
	}
	when := cfnsim.BeforeHandler
	switch {
	case o.Hang:
		when = cfnsim.Never
	case o.AfterActing:
		when = cfnsim.AfterHandler
	}
	c.clock.Do(func() {
		for range o.Times {
			c.in(c.region).cfn.FailNext(stack, logicalID, phase, when, reason)
		}
	})
}

// LoseRole makes a service role one that CloudFormation cannot assume, because it
// was deleted or no longer trusts CloudFormation: operations on stacks that have it
// are refused.
func (c *Cloud) LoseRole(arn string) {
	c.clock.Do(func() { c.in(c.region).cfn.LoseRole(arn) })
}

// Protect sets the deletion protection of a resource that a stack made, or takes
// it off, as its service's own API does: a clean-up that deletes it then fails
// (docs/aws/cfn.md 8.10). It returns an error if no stack has made such a
// resource.
func (c *Cloud) Protect(physicalID string, on bool) error {
	found := false
	c.clock.Do(func() { found = c.in(c.region).cfn.Protect(physicalID, on) })
	if !found {
		return fmt.Errorf("no stack has made a resource %s", physicalID)
	}
	return nil
}
