package rescue

import (
	"fmt"

	"github.com/stackrescue/stackrescue/cfnx"
)

// planner adds the steps of a plan in their order.
type planner struct {
	d *Diagnosis
	c Choices
	b *Bundle
	p *Plan
	// stopped is why the plan ends early.
	stopped error
	// gaveUp is whether the operator accepts the deletion of what the failed update
	// made.
	gaveUp bool
	// shielded is what the plan protects against the clean-up.
	shielded []cfnx.Deletion
	// broughtBack are the recorded revisions whose images are restored.
	broughtBack []restoring
	// standIns are, by service, the tags that stand in for missing ones.
	standIns map[string]*standInStep
	// provable are the services whose savepoint may be one that is proven first, while
	// it is rendered; proofs those that are, and offer what a stop says of them.
	provable []string
	proofs   map[string]*proof
	offer    string
}

func (p *planner) add(s Step) {
	if limit := p.c.Limits[s.Kind]; limit > 0 {
		s.Takes, s.Limited = limit, true
	}
	if s.changesStack() {
		s.RoleARN = p.c.RoleARN
	}
	s.Risk, s.Actions = riskOf[s.Kind], s.actions()
	s.ID = fmt.Sprintf("%d-%s", len(p.p.Steps)+1, s.Kind)
	p.p.Steps = append(p.p.Steps, s)
}
