package rescue

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// Plan is the way out, as data: nothing is done until [Run].
type Plan struct {
	Version   int       `json:"version"`
	Account   string    `json:"account"`
	Region    string    `json:"region"`
	Stack     string    `json:"stack"`
	StackID   string    `json:"stackId"`
	Direction Direction `json:"direction"`
	// Fingerprint is of the situation the plan was made for: [Run] refuses
	// another.
	Fingerprint string `json:"fingerprint"`
	Steps       []Step `json:"steps"`
	// Warnings are what the operator should know before confirming.
	Warnings []string `json:"warnings,omitempty"`
	// Ledger is what the stacks had before anything was touched.
	Ledger *cfnx.Ledger `json:"ledger,omitempty"`
	// Causes are the diagnosis', for the report.
	Causes Causes `json:"causes"`

	tool *Migration
}

// Risk is how much a step can cost.
type Risk string

// Risks, from none to most.
const (
	RiskNone         Risk = "none"         // reads
	RiskReversible   Risk = "reversible"   // can be undone as the step says
	RiskService      Risk = "service"      // changes what users are served by
	RiskDatabase     Risk = "database"     // writes to a database
	RiskIrreversible Risk = "irreversible" // cannot be taken back
)

// Kind is what a step does.
type Kind string

// Kinds of steps.
const (
	KindFreeze    Kind = "freeze"
	KindStamp     Kind = "stamp"
	KindMigrate   Kind = "migrate"
	KindRedeploy  Kind = "redeploy"
	KindUnlock    Kind = "unlock"
	KindSavepoint Kind = "savepoint"
	KindVerify    Kind = "verify"
)

// Step is one step of a plan.
type Step struct {
	// ID is unique in the plan and the same for the same plan.
	ID      string `json:"id"`
	Kind    Kind   `json:"kind"`
	Subject string `json:"subject"`
	Why     string `json:"why"`
	Risk    Risk   `json:"risk"`
	// Actions are the operations it may use and no others, as IAM names them,
	// with iam:PassRole where that is needed for them.
	Actions []string `json:"actions"`
	// Command is about what one would type instead.
	Command string `json:"command,omitempty"`
	// Before is what must hold for it to begin, After what holds when it has
	// succeeded, Undo how it is taken back.
	Before string `json:"before,omitempty"`
	After  string `json:"after"`
	Undo   string `json:"undo,omitempty"`
	// Takes is the longest it is expected to take.
	Takes time.Duration `json:"takes"`

	Freeze    *FreezeStep    `json:"freeze,omitempty"`
	Stamp     *StampStep     `json:"stamp,omitempty"`
	Migrate   *MigrateStep   `json:"migrate,omitempty"`
	Redeploy  *RedeployStep  `json:"redeploy,omitempty"`
	Unlock    *UnlockStep    `json:"unlock,omitempty"`
	Savepoint *SavepointStep `json:"savepoint,omitempty"`
}

// FreezeStep takes rules out of a lifecycle policy.
type FreezeStep struct {
	// Frozen is what was found and what is to be, Needed the images it is for.
	Frozen *ecrx.Frozen `json:"frozen"`
	Needed []ecrx.Image `json:"needed"`
}

// StampStep records a migration that was applied.
type StampStep struct {
	Task      ecsx.TaskSpec `json:"task"`
	Container string        `json:"container"`
	Tool      string        `json:"tool"`
}

// MigrateStep runs a migration that has not run.
type MigrateStep struct {
	Task      ecsx.TaskSpec `json:"task"`
	Container string        `json:"container"`
	// Run is the command.
	Run []string `json:"run"`
}

// RedeployStep starts a service on a revision that no stack owns.
type RedeployStep struct {
	Service ecsx.Service `json:"service"`
	// From is the revision that is cloned.
	From string `json:"from"`
	// Images are its images, by container.
	Images map[string]string `json:"images"`
}

// UnlockStep continues the rollback.
type UnlockStep struct {
	Skips []cfnx.Skip `json:"skips,omitempty"`
	Force bool        `json:"force,omitempty"`
}

// SavepointStep brings the stack to where the next rollback can return.
type SavepointStep struct {
	// Images are what each image in the templates becomes.
	Images map[string]string `json:"images,omitempty"`
	// Outputs are lost ones that are restored.
	Outputs []cfnx.LostOutput `json:"outputs,omitempty"`
}

// MakePlan decides the way out of what d found. It is pure and changes
// nothing. A stack that needs none is [ErrHealthy], one that is busy
// [ErrBusy], one that this tool cannot help [ErrNotRescuable], a direction
// that cannot be taken [ErrDirection]: all in an *[Error] with advice.
func MakePlan(d *Diagnosis, c Choices) (*Plan, error) {
	fail := func(err error, next string) error {
		return &Error{Stack: d.Stack, Where: d.Account + ", " + d.Region, Err: err, Next: cmp.Or(next, d.Advice)}
	}
	switch d.Situation {
	case Healthy:
		return nil, fail(ErrHealthy, "users are served and the stack rests")
	case Busy:
		return nil, fail(ErrBusy, "")
	case NotRescuable, ChildStuck:
		return nil, fail(ErrNotRescuable, "")
	}
	p := &planner{d: d, c: c, b: d.bundle, p: &Plan{
		Version: 1, Account: d.Account, Region: d.Region, Stack: d.Stack, StackID: d.StackID, Direction: c.Direction,
		Fingerprint: fingerprint(d), Causes: d.Causes, Ledger: d.bundle.Ledger, tool: c.Migration,
	}}
	var err error
	switch c.Direction {
	case Forward:
		err = p.forward()
	case Back:
		err = p.back()
	case Hold:
		p.freeze()
		p.unlock(cfnx.PlanSkips(p.b.Tree).Skips)
	default:
		err = errors.New("choose forward, hold or back")
	}
	if err != nil {
		return nil, fail(fmt.Errorf("%w: %w", ErrDirection, err), "")
	}
	p.verify()
	return p.p, nil
}

// fingerprint names the situation: what a plan depends on and other people may
// change.
func fingerprint(d *Diagnosis) string {
	h := sha256.New()
	for s := range d.bundle.Tree.All() {
		fmt.Fprintln(h, s.ID, s.Status)
		if len(s.Events) > 0 {
			fmt.Fprintln(h, s.Events[0].ID)
		}
	}
	for _, s := range d.bundle.Services {
		fmt.Fprintln(h, s.Service, s.Current, s.Primary, s.Desired)
	}
	for _, k := range slices.Sorted(maps.Keys(d.bundle.Policies)) {
		fmt.Fprintln(h, k, d.bundle.Policies[k])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

type planner struct {
	d *Diagnosis
	c Choices
	b *Bundle
	p *Plan
}

func (p *planner) add(s Step) {
	s.ID = fmt.Sprintf("%d-%s", len(p.p.Steps)+1, s.Kind)
	p.p.Steps = append(p.p.Steps, s)
}

// forward: the new code stays. Users first, then the stack.
func (p *planner) forward() error {
	for _, s := range p.b.Services {
		if bad := p.d.missing(s, p.target(s)); bad != "" {
			return fmt.Errorf("service %s: %s", s.Service, bad)
		}
	}
	p.freeze()
	for _, s := range p.b.Services {
		p.redeploy(s, p.target(s), p.c.Migration)
	}
	p.unlock(cfnx.PlanSkips(p.b.Tree).Skips)
	p.savepoint()
	return nil
}

// target is the revision that the forward direction keeps: the failed
// update's, or the current one.
func (p *planner) target(s ServiceFacts) string {
	if d, ok := s.Definitions[s.Forward]; ok && len(d.Containers) > 0 {
		return s.Forward
	}
	return s.Current
}

// back: the old code returns, with the images it had. Nothing stands in for
// them.
func (p *planner) back() error {
	for _, s := range p.b.Services {
		if bad := p.d.missing(s, s.Back); bad != "" {
			return fmt.Errorf("service %s: %s: restore the same images first", s.Service, bad)
		}
		if def, ok := s.Definitions[s.Back]; ok && !def.Active {
			return fmt.Errorf("service %s: revision %s is inactive", s.Service, short(s.Back))
		}
	}
	p.p.Warnings = append(p.p.Warnings, "the old code returns: make sure that it fits the schema")
	p.freeze()
	for _, s := range p.b.Services {
		p.redeploy(s, s.Back, nil)
	}
	p.unlock(nil)
	return nil
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
			Risk: RiskReversible, Actions: []string{"ecr:DescribeImages", "ecr:GetLifecyclePolicy", "ecr:PutLifecyclePolicy", "ecr:DeleteLifecyclePolicy"}, Command: command,
			Before: "the policy is as it was when the plan was made", After: "the policy no longer has these rules",
			Undo: put(f.Old), Takes: time.Minute, Freeze: step,
		})
	}
}

// redeploy gets a service running on a revision, after the migration that it
// waits for was recorded.
func (p *planner) redeploy(s ServiceFacts, target string, m *Migration) {
	def := s.Definitions[target]
	served := s.Running >= s.Desired && s.State != "FAILED"
	if served && s.Current == target {
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
		Kind: KindRedeploy, Subject: "service " + s.Service.String(), Why: Users{s.Service, s.Desired, s.Running, served}.String(),
		Risk: RiskService, Actions: []string{"ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:UpdateService", "ecs:DescribeServiceDeployments", "ecs:ListTasks", "ecs:DescribeTasks", "ecr:DescribeImages", "iam:PassRole"},
		Command: fmt.Sprintf("aws ecs update-service --cluster %s --service %s --task-definition <clone of %s> --force-new-deployment", s.Service.Cluster, s.Service.Name, short(target)),
		Before:  "every image of " + short(target) + " exists", After: "the service is steady on a revision that no stack owns",
		Undo: fmt.Sprintf("aws ecs update-service --cluster %s --service %s --task-definition %s", s.Service.Cluster, s.Service.Name, short(s.Current)), Takes: 20 * time.Minute,
		Redeploy: &RedeployStep{Service: s.Service, From: target, Images: images},
	})
}

// migration gets the database to where the new code needs it.
func (p *planner) migration(s ServiceFacts, target, container string, m *Migration) {
	spec := ecsx.TaskSpec{
		Cluster: s.Service.Cluster, TaskDefinition: target, Network: s.Network,
		LaunchType: s.LaunchType, CapacityProviders: s.CapacityProviders, StartedBy: "stackrescue",
	}
	like := func(command []string) string {
		return fmt.Sprintf("aws ecs run-task --cluster %s --task-definition %s --overrides '…%s'", s.Service.Cluster, short(target), strings.Join(command, " "))
	}
	if len(m.Run) > 0 {
		p.add(Step{
			Kind: KindMigrate, Subject: "migration in container " + container, Why: "replicas wait for a migration that has not run",
			Risk: RiskDatabase, Actions: []string{"ecs:RunTask", "ecs:DescribeTasks", "ecs:DescribeTaskDefinition", "logs:FilterLogEvents", "iam:PassRole"},
			Command: like(m.Run), Before: "every image of " + short(target) + " exists", After: "the database is verified to be where the image needs it",
			Undo: "restore a snapshot of the database", Takes: time.Hour,
			Migrate: &MigrateStep{Task: spec, Container: container, Run: m.Run},
		})
		return
	}
	p.add(Step{
		Kind: KindStamp, Subject: m.Tool.Name + " in container " + container, Why: "replicas wait for a migration that was applied and not recorded",
		Risk: RiskDatabase, Actions: []string{"ecs:RunTask", "ecs:DescribeTasks", "ecs:ListTasks", "ecs:DescribeTaskDefinition", "logs:FilterLogEvents", "iam:PassRole"},
		Command: like(m.Tool.Stamp),
		Before:  "the checks prove that the migration was applied", After: "the tool's table holds the revision that the image brings",
		Undo: "stamp the earlier revision, which the result names", Takes: 10 * time.Minute,
		Stamp: &StampStep{Task: spec, Container: container, Tool: m.Tool.Name},
	})
}

// unlock continues the rollback, with the skips that the direction needs.
func (p *planner) unlock(skips []cfnx.Skip) {
	if p.d.Situation != Stuck {
		return
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
		Kind: KindUnlock, Subject: "stack " + p.d.Stack, Why: reason, Risk: RiskIrreversible,
		Actions: []string{"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:GetTemplate", "cloudformation:ContinueUpdateRollback"},
		Command: command, Before: "stack " + p.d.Stack + " is UPDATE_ROLLBACK_FAILED", After: "stack " + p.d.Stack + " is UPDATE_ROLLBACK_COMPLETE",
		Takes: 3 * time.Hour, Unlock: u,
	})
}

func (p *planner) savepoint() {
	images := map[string]string{}
	for _, s := range p.b.Services {
		to := map[string]string{}
		for _, c := range s.Definitions[p.target(s)].Containers {
			to[c.Name] = c.Image
		}
		for _, c := range s.Definitions[s.Back].Containers {
			if t := to[c.Name]; t != "" && t != c.Image {
				images[c.Image] = t
			}
		}
	}
	p.add(Step{
		Kind: KindSavepoint, Subject: "stack " + p.d.Stack, Why: "the next rollback would return to images that are gone, and lost outputs break the next update",
		Risk: RiskService, Actions: []string{"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:GetTemplate", "cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DeleteChangeSet", "s3:GetObject", "s3:PutObject", "ecs:DescribeServices", "ecr:DescribeImages", "secretsmanager:DescribeSecret"},
		Command: "aws cloudformation create-change-set --include-nested-stacks …, then execute-change-set",
		Before:  "stack " + p.d.Stack + " is UPDATE_ROLLBACK_COMPLETE", After: "stack " + p.d.Stack + " is UPDATE_COMPLETE with images that exist and all its outputs",
		Undo: "the update rolls itself back when it fails", Takes: time.Hour,
		Savepoint: &SavepointStep{Images: images, Outputs: p.d.Lost},
	})
}

func (p *planner) verify() {
	p.add(Step{
		Kind: KindVerify, Subject: "stack " + p.d.Stack, Why: "what users see, the stacks, and whether a rollback from here would succeed",
		Risk: RiskNone, Actions: ReadActions(), After: "every check holds", Takes: 5 * time.Minute,
	})
}
