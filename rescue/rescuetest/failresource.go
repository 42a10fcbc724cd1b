package rescuetest

import "github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"

// Phase is [simtype.Phase].
type Phase = simtype.Phase

// Phases; see the constants of the same names in package simtype.
const (
	OnCreate   = simtype.OnCreate
	OnUpdate   = simtype.OnUpdate
	OnRollback = simtype.OnRollback
	OnDelete   = simtype.OnDelete
)

// FailOptions configure [Cloud.FailResource].
type FailOptions struct {
	// When is whether the operation fails before the resource's service was
	// called, which is the default, or after it has acted, or hangs.
	When simtype.Moment
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
func (c *Cloud) FailResource(stack, logicalID string, phase Phase, reason string, optFns ...func(*FailOptions)) {
	o := FailOptions{Times: 1}
	for _, fn := range optFns {
		fn(&o)
	}
	c.clock.Do(func() {
		for range o.Times {
			c.in(c.region).cfn.FailNext(stack, logicalID, phase, o.When, reason)
		}
	})
}
