package rescuetest

import (
	"github.com/stackrescue/stackrescue/internal/sim/cfnsim"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Phase is [simtype.Phase].
type Phase = simtype.Phase

// Phases; see the constants of the same names in package simtype.
const (
	OnCreate     = simtype.OnCreate
	OnUpdate     = simtype.OnUpdate
	OnRollback   = simtype.OnRollback
	OnDelete     = simtype.OnDelete
	OnValidation = simtype.OnValidation
	OnHook       = simtype.OnHook
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
