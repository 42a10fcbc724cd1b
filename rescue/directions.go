package rescue

import (
	"errors"
	"fmt"
	"slices"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// direction adds the steps of the chosen direction. An error is why there is no
// plan at all; what ends it early is in stopped.
func (p *planner) direction() error {
	switch p.c.Direction {
	case Serve:
		return p.serve()
	case Forward:
		return p.forward()
	case Back:
		return p.back()
	}
	return p.hold()
}

// serve: users first, and nothing after them.
func (p *planner) serve() error {
	if err := p.resources(); err != nil {
		return err
	}
	p.freeze()
	if p.until(kindFreeze) {
		p.stays()
		return nil
	}
	keep := p.keeps(kindRedeploy)
	if err := p.redeploys(keep); err != nil {
		return err
	}
	if !p.ended() && len(p.p.Steps) == 0 {
		return refuse("choose forward, hold or back for the stack", "serve would change nothing: %s", p.users())
	}
	if p.acts() {
		p.p.Warnings = append(p.p.Warnings, "until the stack is mended no pipeline may update it, least of all with REPLACE_ON_FAILURE or disable-rollback: an update or a rollback deploys what the stack has recorded")
	}
	p.stays()
	return nil
}

// forward: the new code stays. Users first, then the stack.
func (p *planner) forward() error {
	if err := p.resources(); err != nil {
		return err
	}
	irreversible := kindSavepoint
	if p.d.Situation == situationStuck {
		irreversible = kindUnlock
	}
	p.freeze()
	if p.until(kindFreeze) {
		p.stays()
		return nil
	}
	if err := p.known(); err != nil {
		p.stop(irreversible, err)
	}
	keep := p.keeps(irreversible)
	p.standsIn(keep)
	if err := p.redeploys(keep); err != nil {
		return err
	}
	if p.ended() || p.until(kindRedeploy) || p.until(kindStandIn) || p.until(kindStamp) || p.until(kindMigrate) {
		p.stays()
		return nil
	}
	skips := p.skips(keep)
	if p.d.Situation == situationStuck {
		p.stop(kindUnlock, p.unlocks(skips, keep))
	}
	if p.ended() {
		p.stays()
		return nil
	}
	if p.until(kindUnlock) {
		p.unlock(skips)
		p.noSavepoint(keep)
		return nil
	}
	step, why := p.savepointFor(keep)
	if errors.Is(why, ErrUnknown) {
		// Nothing irreversible is based on what was not read.
		p.stop(irreversible, why)
		p.stays()
		return nil
	}
	p.addProofs()
	p.unlock(skips)
	p.stop(kindSavepoint, why)
	if why == nil {
		p.savepoint(step)
	} else {
		p.noSavepoint(keep)
	}
	return nil
}

// stays states that the stack is left as it is.
func (p *planner) stays() {
	status := p.b.Tree.Root.Status
	debt := fmt.Sprintf("stack %s stays %s", p.d.Stack, status)
	if p.d.Situation == situationStuck {
		debt += ": its services run and scale, and it cannot be deployed"
	}
	p.p.Debt = append(p.p.Debt, debt)
}

// noSavepoint states what a stack without one leaves open.
func (p *planner) noSavepoint(keep map[string]string) {
	for i := range p.b.Services {
		s := &p.b.Services[i]
		if p.standIns[s.Service.String()] != nil {
			continue
		}
		if to := keep[s.Service.String()]; to != "" && s.Back != "" && to != s.Back {
			debt := fmt.Sprintf("service %s runs %s, and the stack has recorded %s: an update that fails rolls back to that", s.Service, short(to), short(s.Back))
			if bad := p.d.missing(*s, s.Back); bad != "" {
				debt += ", which cannot run: " + bad
			}
			p.p.Debt = append(p.p.Debt, debt)
		}
	}
	for _, l := range p.d.Lost {
		p.p.Debt = append(p.p.Debt, fmt.Sprintf("output %s of stack %s is lost", l.Key, l.Stack))
	}
}

// back: the old code returns, with the images it had. Nothing replaces
// them.
func (p *planner) back() error {
	if err := p.known(); err != nil {
		return err
	}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		if u := p.usersOf(s); u.blocks() {
			return refuse(u.Next, "%s", u)
		}
		if err := p.restoring(s); err != nil {
			return err
		}
		if err := p.goesBack(s); err != nil {
			return err
		}
		if err := p.deployable(s, s.Back); err != nil {
			return err
		}
	}
	p.p.Warnings = append(p.p.Warnings, "the old code returns: make sure that it fits the schema")
	p.freeze()
	if p.until(kindFreeze) {
		p.stays()
		return nil
	}
	p.restore()
	if p.until(kindRestore) {
		p.stays()
		return nil
	}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		p.redeploy(s, s.Back)
	}
	if p.until(kindRedeploy) {
		p.stays()
		return nil
	}
	if p.stop(kindUnlock, p.functionsGoBack()); p.ended() {
		p.stays()
		return nil
	}
	p.shieldsData()
	step, err := p.outputs()
	p.unlock(nil)
	switch {
	case err != nil:
		for _, l := range p.d.Lost {
			p.p.Debt = append(p.p.Debt, fmt.Sprintf("output %s of stack %s is lost, and not restored: %s", l.Key, l.Stack, err))
		}
	case step != nil:
		p.savepoint(step)
	}
	return nil
}

// hold: users first, then the stack is unlocked, and what serves goes on serving.
func (p *planner) hold() error {
	if err := p.known(); err != nil {
		return err
	}
	keep := map[string]string{}
	down := map[string]string{}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		name := s.Service.String()
		keep[name] = s.Current
		u := p.usersOf(s)
		if u.ok() && p.c.Revisions[name] == "" {
			continue
		}
		target, err := p.holdable(s)
		if err != nil && p.c.Revisions[name] != "" {
			return err // the operator wants it deployed
		}
		if err != nil {
			p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("hold deploys nothing to service %s (%s), and %s: mend that or name a revision for it, or choose another direction", s.Service, err, u))
			continue
		}
		keep[name], down[name] = target, target
	}
	for i := range p.b.Services {
		// Of a service that stays on what the stack has recorded: nothing is skipped
		// then.
		if s := &p.b.Services[i]; s.Back != "" && keep[s.Service.String()] == s.Back && p.settled(s, s.Back) {
			if err := p.restoring(s); err != nil {
				p.p.Warnings = append(p.p.Warnings, err.Error())
			}
		}
	}
	p.standsIn(keep)
	p.freeze()
	if p.until(kindFreeze) {
		p.stays()
		return nil
	}
	p.restore()
	if p.until(kindRestore) {
		p.stays()
		return nil
	}
	if err := p.redeploys(down); err != nil {
		return err
	}
	if p.d.Situation != situationStuck && len(p.p.Steps) == 0 {
		return refuse("choose serve, forward or back", "hold would change nothing: stack %s is %s and not locked", p.d.Stack, p.b.Tree.Root.Status)
	}
	if p.until(kindStamp) || p.until(kindMigrate) || p.until(kindRedeploy) || p.until(kindStandIn) || p.d.Situation != situationStuck {
		p.stays()
		return nil
	}
	skips := p.skips(keep)
	if err := p.unlocks(skips, keep); err != nil {
		if len(down) == 0 || !p.acts() {
			return err
		}
		p.stop(kindUnlock, err) // users are served all the same
		p.stays()
		return nil
	}
	p.unlock(skips)
	p.noSavepoint(keep)
	return nil
}

// holdable is the revision that a service whose users are not served can be started
// on before the unlock: one that is not known to fail, or whose failure the plan
// mends.
func (p *planner) holdable(s *ServiceFacts) (string, error) {
	target, err := p.keepable(s)
	if err != nil {
		return "", err
	}
	if c, ok := ecsx.RootCause(p.d.tasks(*s, target)); ok && p.c.Migration == nil && p.c.Revisions[s.Service.String()] == "" && !p.mended(s) {
		return "", fmt.Errorf("the tasks of %s have failed: %s", short(target), c.Summary)
	}
	return target, nil
}

// keeps decides what each service is to run. A service for which that cannot be
// decided, or whose revision could not be started, stops the plan before the
// irreversible; the others are still served.
func (p *planner) keeps(irreversible Kind) map[string]string {
	keep := map[string]string{}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		target, err := p.keepable(s)
		if err != nil {
			p.stop(irreversible, err)
			continue
		}
		keep[s.Service.String()] = target
	}
	return keep
}

func (p *planner) keepable(s *ServiceFacts) (string, error) {
	if u := p.usersOf(s); u.blocks() {
		if u.State == usersUnknown {
			return "", unknown(u.Next, "%s", u)
		}
		return "", refuse(u.Next, "%s", u)
	}
	target, err := p.keep(s)
	if err != nil {
		return "", err
	}
	if p.c.Direction == Serve && (p.settled(s, target) || p.leaves(s, target)) {
		return target, nil // it is left alone, whether it could be started again or not
	}
	if p.untouched(s, target) {
		if bad := p.d.missing(*s, target); bad != "" {
			p.p.Debt = append(p.p.Debt, fmt.Sprintf("service %s, which the update did not touch, serves and cannot start another task: %s", s.Service, bad))
		}
		return target, nil
	}
	if err := p.deployable(s, target); err != nil {
		return "", err
	}
	if err := p.runs(s, target); err != nil {
		return "", err
	}
	return target, p.unmended(s, target)
}

// untouched reports whether a service is as the stack has recorded it, and the
// update did not change it: nothing of the plan is about it.
func (p *planner) untouched(s *ServiceFacts, target string) bool {
	return !s.Touched && target != "" && target == s.Back && p.settled(s, target)
}

// skips are what the continued rollback leaves out: what could not go back, but
// for services that ECS itself has already taken back.
func (p *planner) skips(keep map[string]string) []cfnx.Skip {
	return slices.DeleteFunc(cfnx.SkipMinimal(p.b.Tree), func(k cfnx.Skip) bool {
		s := p.d.service(cfnx.Failure{StackID: k.StackID, LogicalID: k.LogicalID})
		if s != nil && p.standIns[s.Service.String()] != nil {
			return true // it has gone back by then
		}
		if s == nil || s.Back == "" || keep[s.Service.String()] != s.Back {
			return false
		}
		// An image that is gone would end it at the next task; then it is skipped.
		return p.d.missing(*s, s.Back) == "" && (p.settled(s, s.Back) || p.goingBackFine(s))
	})
}

// goingBackFine reports whether ECS is bringing a service back to what the stack has
// recorded, and nothing that it has started for that has failed: CloudFormation
// sends it nothing new, and waits.
func (p *planner) goingBackFine(s *ServiceFacts) bool {
	if s.TasksUnread != "" || s.Current != s.Back || s.State != "IN_PROGRESS" || s.Failing > 0 || s.Desired == 0 {
		return false
	}
	serving := s.Serving()
	return serving == s.Back || serving == "" && s.Running == 0
}

// settled reports whether a service serves, and on this revision alone.
func (p *planner) settled(s *ServiceFacts, revision string) bool {
	return p.usersOf(s).ok() && s.Current == revision && (s.Serving() == revision || s.Desired == 0)
}

// leaves reports whether serve leaves a service alone whose latest deployment
// failed while as many tasks as are wanted went on running, all of this revision:
// to deploy it once more would start it again for users who have it, and it may be
// the old code. Whoever names it wants that.
func (p *planner) leaves(s *ServiceFacts, revision string) bool {
	return p.c.Revisions[s.Service.String()] == "" && p.usersOf(s).State == usersPartlyServed &&
		s.Serving() == revision && s.Current != revision && s.Running >= s.Desired
}
