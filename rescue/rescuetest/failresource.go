package rescuetest

import "github.com/stackrescue/stackrescue/internal/sim/cfnsim"

// Phase is a kind of work of CloudFormation on a resource.
type Phase = cfnsim.Phase

// Phases.
const (
	OnCreate   = cfnsim.PhaseCreate
	OnUpdate   = cfnsim.PhaseUpdate
	OnRollback = cfnsim.PhaseRollback
	OnDelete   = cfnsim.PhaseDelete
)

// FailResource makes CloudFormation's next operation of the phase on a
// resource fail with reason, once. The stack is a name, an id, or the logical
// id of a nested stack's resource.
func (c *Cloud) FailResource(stack, logicalID string, phase Phase, reason string) {
	c.clock.Do(func() { c.in(c.region).cfn.FailNext(stack, logicalID, phase, reason) })
}
