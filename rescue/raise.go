package rescue

import (
	"fmt"

	"github.com/stackrescue/stackrescue/cfnx"
)

// raise makes the draft's service keep as many tasks as it wants while it is
// deployed. It reports whether the template set something else.
func raise(d *cfnx.Draft, s *cfnx.Stack, logicalID string) (bool, error) {
	low, err := d.Carry(s, logicalID, "DeploymentConfiguration.MinimumHealthyPercent", "100")
	if err != nil || !low {
		return false, err
	}
	_, err = d.Carry(s, logicalID, "DeploymentConfiguration.MaximumPercent", "200")
	return true, err
}

// raises decides for each service that the savepoint deploys whether its users
// lose all tasks meanwhile. A draft that cannot be raised is none that cannot be
// made.
func (p *planner) raises(d *cfnx.Draft, step *SavepointStep, keep map[string]string) {
	for i := range p.b.Services {
		s := &p.b.Services[i]
		kept := keep[s.Service.String()]
		if kept == "" || kept == s.Back && s.Current == s.Back || s.Scheduling == "DAEMON" || s.MinimumHealthy == nil || *s.MinimumHealthy > 0 || s.Desired == 0 {
			continue
		}
		what := fmt.Sprintf("service %s: the savepoint's deployment stops every task before a new one is healthy (minimumHealthyPercent is 0)", s.Service)
		if !p.c.RaiseMinimum {
			p.p.Warnings = append(p.p.Warnings, what+": allow it to be raised (RaiseMinimum, -raise-minimum)")
			continue
		}
		if _, err := raise(d, p.b.Tree.Stack(s.StackID), s.LogicalID); err != nil {
			p.p.Warnings = append(p.p.Warnings, what+", and that cannot be raised: "+err.Error())
			continue
		}
		step.Raise = append(step.Raise, RaisedMinimum{s.StackID, s.LogicalID})
	}
}
