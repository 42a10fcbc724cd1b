package rescue

import (
	"maps"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// unlocks refuses an unlock that would give a service which serves another
// revision, or delete what the revision to keep uses or what holds data: the
// continued rollback does both by itself, and neither can be stopped. keep is
// nil for the way back, which wants both.
func (p *planner) unlocks(skips []cfnx.Skip, keep map[string]string) error {
	if keep == nil {
		return nil
	}
	next := "leave the stack locked, which serves all the same and only cannot be deployed (direction serve); or accept it by name; or choose back"
	for s := range p.b.Tree.All() {
		for _, part := range slices.Sorted(maps.Keys(s.Unread)) {
			if part == "attempted" || part == "policy" {
				continue // then what the update made counts as deleted; a policy is none of an unlock's
			}
			return unknown("allow the actions that rescue.ReadActions lists and diagnose again", "what the continued rollback does to stack %s is not known: its %s could not be read: %s", s.Name, part, s.Unread[part])
		}
	}
	if p.c.Force {
		// What a forced continue skips is CloudFormation's choice: nothing that
		// it may deploy is left out.
		skips = nil
	}
	for _, d := range p.b.Tree.Deploys(skips, func(d cfnx.Deploy) bool {
		return p.isBack(d) && (keep[ecsx.ParseService(d.PhysicalID).String()] == d.To || p.standIns[ecsx.ParseService(d.PhysicalID).String()] != nil)
	}) {
		if d.State != "deployed" {
			continue
		}
		s := p.d.service(cfnx.Failure{StackID: d.StackID, LogicalID: d.LogicalID})
		if s == nil {
			continue
		}
		if slices.Contains(p.c.Accept, s.Service.String()) {
			p.p.Warnings = append(p.p.Warnings, "accepted: "+d.String())
			continue
		}
		users := p.usersOf(s)
		if p.p.Direction == Hold && !users.ok() && users.State != usersPartlyServed {
			p.p.Warnings = append(p.p.Warnings, "the continued rollback deploys to a service that does not serve: "+d.String())
			continue
		}
		if d.To == "" {
			return unknown(next, "the continued rollback would deploy a revision that is not known to service %s: %s", s.Service, d)
		}
		return refuse(next, "the continued rollback would deploy %s to service %s, which is to keep %s: %s", short(d.To), s.Service, short(keep[s.Service.String()]), d)
	}
	if err := p.endsCount(skips, next); err != nil {
		return err
	}
	return p.deletes(keep, next)
}

// recounted are the services whose number of tasks the continued rollback may set
// to what the stack has recorded: those that it is sent to, be it with the revision
// that they run. The update changed the template's count, or somebody scaled the
// service since; whether CloudFormation sends a count that the update did not change
// is documented nowhere.
func (p *planner) recounted(skips []cfnx.Skip) (out []*ServiceFacts) {
	for _, d := range p.b.Tree.Deploys(skips, nil) {
		s := p.d.service(cfnx.Failure{StackID: d.StackID, LogicalID: d.LogicalID})
		if d.State == "deployed" && s != nil && s.Unread == "" && s.Wants != nil && *s.Wants < s.Desired {
			out = append(out, s)
		}
	}
	return out
}

// endsCount refuses an unlock after which a service that has tasks may have none.
func (p *planner) endsCount(skips []cfnx.Skip, next string) error {
	for _, s := range p.recounted(skips) {
		if *s.Wants == 0 && s.Running > 0 && !slices.Contains(p.c.Accept, s.Service.String()) {
			return refuse(next, "the continued rollback may scale service %s, of which %d tasks run, to the 0 tasks that the stack has recorded", s.Service, s.Running)
		}
	}
	return nil
}

// isBack reports whether ECS itself has taken the service back, so that nothing is
// deployed when CloudFormation sends the same.
func (p *planner) isBack(d cfnx.Deploy) bool {
	s := p.d.service(cfnx.Failure{StackID: d.StackID, LogicalID: d.LogicalID})
	if s != nil && p.standIns[s.Service.String()] != nil && d.To == s.Back {
		return true // the plan deploys it before
	}
	return s != nil && d.To != "" && s.Current == d.To && (s.Serving() == d.To || s.Running == 0)
}

// deletes refuses what the clean-up would take from the revisions to keep, and
// what holds data.
func (p *planner) deletes(keep map[string]string, next string) error {
	var lost []string
	var data []cfnx.Deletion // of lost, what could be shielded
	for _, d := range p.b.Tree.Deletes() {
		if d.Kept || d.Type == definitionType {
			continue
		}
		if slices.Contains(p.c.Accept, d.Stack+"."+d.LogicalID) {
			p.gaveUp = true
			p.p.Warnings = append(p.p.Warnings, "accepted: "+d.String())
			continue
		}
		if p.serves(d) {
			lost = append(lost, d.String()+": it may serve users")
			continue
		}
		for i := range p.b.Services {
			s := &p.b.Services[i]
			for _, revision := range s.needed(keep[s.Service.String()]) {
				uses, known := s.Uses[revision]
				if !known {
					return unknown("allow ecs:DescribeTaskDefinition and diagnose again", "the clean-up after the continued rollback would delete %s, and whether service %s uses it is not known: %s was not read", d, s.Service, short(revision))
				}
				for _, at := range uses[d.PhysicalID] {
					d.UsedBy = append(d.UsedBy, s.Service.String()+" "+at)
				}
			}
		}
		d.UsedBy = uniq(d.UsedBy)
		if name := p.grants(d, keep); name != "" && len(d.UsedBy) == 0 {
			lost = append(lost, d.String()+": whether "+name+" works without it is not known")
			continue
		}
		if d.HoldsData || len(d.UsedBy) > 0 {
			slices.Sort(d.UsedBy)
			lost, data = append(lost, d.String()), append(data, d)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if len(data) == len(lost) {
		err := p.shields(data)
		switch {
		case err == nil:
			return nil
		case p.c.Shield:
			next = err.Error() + ": " + next
		case all(data, shieldable):
			var commands []string
			for _, d := range data {
				if d.Shield != "" {
					commands = append(commands, d.Shield)
				}
			}
			next += "; or let the plan shield it and import it afterwards (Choices.Shield, -shield), as by: " + strings.Join(commands, "; ")
		}
	}
	return refuse(next, "the clean-up after the continued rollback would delete what the failed update made: %s", strings.Join(lost, "; "))
}

// granting are types that give something else what it needs without being named
// by it: permissions, open ports, routes.
var granting = []string{
	"AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress",
	"AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::Route53::RecordSet", "AWS::SecretsManager::ResourcePolicy", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy",
}

// grants is a service of the stack that keeps the revision of the failed update,
// if what would be deleted may be for that; a revision from before it has run
// without.
func (p *planner) grants(d cfnx.Deletion, keep map[string]string) string {
	if !slices.Contains(granting, d.Type) {
		return ""
	}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		for _, revision := range s.needed(keep[s.Service.String()]) {
			if revision != "" && revision != s.Back {
				return short(revision)
			}
		}
	}
	return ""
}

// serves reports whether what would be deleted is a service of which it is not
// known that it has no task.
func (p *planner) serves(d cfnx.Deletion) bool {
	if d.Type != serviceType {
		return false
	}
	for i := range p.b.Services {
		if s := &p.b.Services[i]; s.Service == ecsx.ParseService(d.PhysicalID) {
			return s.Unread != "" || s.Running > 0
		}
	}
	return true
}

// needed are the revision to keep and those whose tasks run.
func (f *ServiceFacts) needed(keep string) []string {
	all := []string{keep}
	for _, d := range f.Deployments {
		if d.Running > 0 {
			all = append(all, d.TaskDefinition)
		}
	}
	return uniq(all)
}
