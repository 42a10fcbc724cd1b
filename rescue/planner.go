package rescue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
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

func (p *planner) freeze() {
	for _, name := range slices.Sorted(maps.Keys(p.b.Freezes)) {
		f := p.b.Freezes[name]
		if !f.Changes() {
			continue
		}
		if !p.c.Freeze {
			p.p.Warnings = append(p.p.Warnings, f.String()+": allow a freeze")
			continue
		}
		step := &FreezeStep{Frozen: f}
		var rules []string
		for _, r := range f.Removed {
			rules = append(rules, ruleText(r.Rule))
		}
		for ref := range p.b.Images {
			if i, err := ecrx.Parse(ref); err == nil && i.Name() == name && p.b.Images[ref].State.Usable() {
				step.Needed = append(step.Needed, i)
			}
		}
		slices.SortFunc(step.Needed, func(a, b ecrx.Image) int { return cmp.Compare(a.String(), b.String()) })
		put := func(text string) string {
			return fmt.Sprintf("aws ecr put-lifecycle-policy --repository-name %s --lifecycle-policy-text '%s'", f.Repository.Name, text)
		}
		command := put(f.New)
		if f.New == "" {
			command = "aws ecr delete-lifecycle-policy --repository-name " + f.Repository.Name
		}
		p.add(Step{
			Kind: KindFreeze, Subject: "repository " + f.Repository.Name, Why: "would take images away that are needed: " + strings.Join(slices.Compact(rules), ", "),
			Actions: []string{"ecr:DescribeImages", "ecr:GetLifecyclePolicy", "ecr:PutLifecyclePolicy", "ecr:DeleteLifecyclePolicy"}, Command: command,
			Before: "the policy is as it was when the plan was made", After: "the policy no longer has these rules",
			Undo: put(f.Old), Takes: time.Minute, Freeze: step,
		})
	}
}

// redeploy gets a service running on a revision, after the migration that it
// waits for was recorded.
func (p *planner) redeploy(s *ServiceFacts, target string, m *Migration) {
	def := s.Definitions[target]
	users := usersOf(*s)
	if users.ok() && (s.Serving() == target || s.Serving() == "" && s.Current == target) {
		return
	}
	if m != nil && len(def.Containers) > 0 {
		p.migration(s, target, cmp.Or(m.Container, def.Containers[0].Name), m)
	}
	images := map[string]string{}
	for _, c := range def.Containers {
		images[c.Name] = c.Image
	}
	p.add(Step{
		Kind: KindRedeploy, Subject: "service " + s.Service.String(), Why: users.String(),
		Actions: []string{"ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:TagResource", "ecs:UpdateService", "ecs:DescribeServiceDeployments", "ecs:ListTasks", "ecs:DescribeTasks", "ecr:DescribeImages", "iam:PassRole"},
		Command: fmt.Sprintf("aws ecs update-service --cluster %s --service %s --task-definition <clone of %s> --force-new-deployment", s.Service.Cluster, s.Service.Name, short(target)),
		Before:  "every image of " + short(target) + " exists", After: "the service is steady on a revision that no stack owns",
		Undo: fmt.Sprintf("aws ecs update-service --cluster %s --service %s --task-definition %s", s.Service.Cluster, s.Service.Name, short(s.Current)), Takes: 20 * time.Minute,
		Redeploy: &RedeployStep{Service: s.Service, From: target, Found: s.Current, Images: images},
	})
}

// migration gets the database to where the new code needs it.
func (p *planner) migration(s *ServiceFacts, target, container string, m *Migration) {
	spec := ecsx.TaskSpec{
		Cluster: s.Service.Cluster, TaskDefinition: target, Placement: s.Placement,
		StartedBy: "stackrescue",
	}
	like := func(command []string) string {
		return fmt.Sprintf("aws ecs run-task --cluster %s --task-definition %s --overrides '…%s'", s.Service.Cluster, short(target), strings.Join(command, " "))
	}
	if len(m.Run) > 0 {
		p.add(Step{
			Kind: KindMigrate, Subject: "migration in container " + container, Why: "replicas wait for a migration that has not run",
			Actions: []string{"ecs:RunTask", "ecs:DescribeTasks", "ecs:DescribeTaskDefinition", "logs:FilterLogEvents", "iam:PassRole"},
			Command: like(m.Run), Before: "every image of " + short(target) + " exists", After: "the database is verified to be where the image needs it",
			Undo: "restore a snapshot of the database", Takes: time.Hour,
			Migrate: &MigrateStep{Task: spec, Container: container, Run: m.Run, Tool: m.Tool, Verify: m.Verify},
		})
		return
	}
	p.add(Step{
		Kind: KindStamp, Subject: m.Tool.Name + " in container " + container, Why: "replicas wait for a migration that was applied and not recorded",
		Actions: []string{"ecs:RunTask", "ecs:DescribeTasks", "ecs:ListTasks", "ecs:DescribeTaskDefinition", "logs:FilterLogEvents", "iam:PassRole"},
		Command: like(m.Tool.Stamp),
		Before:  "the checks prove that the migration was applied", After: "the tool's table holds the revision that the image brings",
		Undo: "stamp the earlier revision, which the result names", Takes: 10 * time.Minute,
		Stamp: &StampStep{Task: spec, Container: container, Tool: m.Tool, Verify: m.Verify, Unproven: m.Unproven},
	})
}

// unlock continues the rollback, with the skips that the direction needs. keep
// has the revision that each service must still run afterwards; nil for the way
// back.
func (p *planner) unlock(skips []cfnx.Skip, keep map[string]string) error {
	if p.d.Situation != Stuck {
		return nil
	}
	if err := p.unlocks(skips, keep); err != nil {
		return err
	}
	u := &UnlockStep{Skips: skips, Force: p.c.Force}
	names := []string{}
	why := []string{}
	for _, s := range skips {
		names = append(names, s.Name)
		why = append(why, s.Name+" ("+s.Impact.String()+")")
	}
	command := "aws cloudformation continue-update-rollback --stack-name " + p.d.Stack
	if len(names) > 0 && !u.Force {
		command += " --resources-to-skip " + strings.Join(names, " ")
	}
	reason := "the rollback stopped at what has been mended since"
	if len(why) > 0 {
		reason = "skips what cannot go back: " + strings.Join(why, "; ")
	}
	p.add(Step{
		Kind: KindUnlock, Subject: "stack " + p.d.Stack, Why: reason,
		Actions: []string{"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:GetTemplate", "cloudformation:ContinueUpdateRollback"},
		Command: command, Before: "stack " + p.d.Stack + " is UPDATE_ROLLBACK_FAILED", After: "stack " + p.d.Stack + " is UPDATE_ROLLBACK_COMPLETE",
		Takes: 3 * time.Hour, Unlock: u,
	})
	return nil
}

func (p *planner) savepoint(images map[string]string) {
	p.add(Step{
		Kind: KindSavepoint, Subject: "stack " + p.d.Stack, Why: "the next rollback would return to images that are gone, and lost outputs break the next update",
		Actions: []string{"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:GetTemplate", "cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DeleteChangeSet", "s3:GetObject", "s3:PutObject", "ecs:DescribeServices", "ecr:DescribeImages", "secretsmanager:DescribeSecret"},
		Command: "aws cloudformation create-change-set --include-nested-stacks …, then execute-change-set",
		Before:  "stack " + p.d.Stack + " is UPDATE_ROLLBACK_COMPLETE", After: "stack " + p.d.Stack + " is UPDATE_COMPLETE with images that exist and all its outputs",
		Undo: "the update rolls itself back when it fails", Takes: time.Hour,
		Savepoint: &SavepointStep{Images: images, Recorded: p.recorded(), Outputs: p.d.Lost},
	})
}

func (p *planner) verify() {
	p.add(Step{
		Kind: KindVerify, Subject: "stack " + p.d.Stack, Why: "what users see, the stacks, and whether a rollback from here would succeed",
		Actions: ReadActions(), After: "every check holds", Takes: 5 * time.Minute,
	})
}
