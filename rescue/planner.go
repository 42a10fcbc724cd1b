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
}

func (p *planner) add(s Step) {
	s.Risk = riskOf[s.Kind]
	s.ID = fmt.Sprintf("%d-%s", len(p.p.Steps)+1, s.Kind)
	p.p.Steps = append(p.p.Steps, s)
}

// forward: the new code stays. Users first, then the stack.
func (p *planner) forward() error {
	keep := map[string]string{}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		target, err := p.keep(s)
		if err != nil {
			return err
		}
		if err := p.deployable(s, target); err != nil {
			return err
		}
		if err := p.runs(s, target); err != nil {
			return err
		}
		if err := p.renders(s, target); err != nil {
			return err
		}
		keep[s.Service.String()] = target
	}
	images := p.savepointImages(keep)
	if err := p.savepointRenders(images); err != nil {
		return err
	}
	if err := p.exported(keep); err != nil {
		return err
	}
	p.freeze()
	for i := range p.b.Services {
		s := &p.b.Services[i]
		p.redeploy(s, keep[s.Service.String()], p.c.Migration)
	}
	if err := p.unlock(cfnx.PlanSkips(p.b.Tree).Skips, keep); err != nil {
		return err
	}
	p.savepoint(images)
	return nil
}

// back: the old code returns, with the images it had. Nothing stands in for
// them.
func (p *planner) back() error {
	for i := range p.b.Services {
		s := &p.b.Services[i]
		if err := p.goesBack(s); err != nil {
			return err
		}
		if err := p.deployable(s, s.Back); err != nil {
			return err
		}
	}
	p.p.Warnings = append(p.p.Warnings, "the old code returns: make sure that it fits the schema")
	p.freeze()
	for i := range p.b.Services {
		s := &p.b.Services[i]
		p.redeploy(s, s.Back, nil)
	}
	return p.unlock(nil, nil)
}

// hold: the stack is unlocked, and what serves goes on serving.
func (p *planner) hold() error {
	keep := map[string]string{}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		keep[s.Service.String()] = s.Current
	}
	p.freeze()
	return p.unlock(cfnx.PlanSkips(p.b.Tree).Skips, keep)
}
