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

// FailResource makes CloudFormation's next operation of the phase on a
// resource fail with reason, once. The stack is a name, an id, or the logical
// id of a nested stack's resource.
func (c *Cloud) FailResource(stack, logicalID string, phase Phase, reason string) {
	c.clock.Do(func() { c.in(c.region).cfn.FailNext(stack, logicalID, phase, reason) })
}
