package rescue

import (
	"fmt"
	"slices"

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
func (p *planner) raises(d *cfnx.Draft, step *savepointStep, keep map[string]string) {
	for i := range p.b.Services {
		s := &p.b.Services[i]
		kept := keep[s.Service.String()]
		if kept == "" || kept == s.Back && s.Current == s.Back || s.Scheduling == "DAEMON" || s.MinimumHealthy == nil || s.Desired == 0 {
			continue
		}
		if *s.MinimumHealthy > 0 {
			if left := s.leftRunning(); left < s.Desired {
				p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("service %s: the savepoint's deployment leaves at least %d of %d tasks while it replaces the others (minimumHealthyPercent is %d)", s.Service, left, s.Desired, *s.MinimumHealthy))
			}
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
		step.Raise = append(step.Raise, raisedMinimum{s.StackID, s.LogicalID})
	}
}

// raisedBefore reports whether a step of the plan before the savepoint has raised it on
// the service itself.
func (r *runner) raisedBefore(x raisedMinimum) bool {
	return slices.ContainsFunc(r.p.Steps, func(s Step) bool {
		return s.Proof != nil && s.Proof.Raise && s.Proof.Rendered.StackID == x.StackID && s.Proof.Rendered.LogicalID == x.LogicalID
	})
}

// leftRunning is how many tasks a deployment of the service leaves running: ECS rounds
// up (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html).
func (f *ServiceFacts) leftRunning() int {
	if f.MinimumHealthy == nil {
		return 0
	}
	return (f.Desired**f.MinimumHealthy + 99) / 100
}
