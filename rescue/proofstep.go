package rescue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// kindProof runs what the savepoint would render before the unlock: as one further
// task, or as a deployment that ECS takes back where it fails.
const kindProof Kind = "proof"

// Ways to prove a revision.
const (
	byCanary     = "canary"
	byDeployment = "deployment"
	byRedeploy   = "redeploy"
)

// proofMark is on the tasks that prove a revision.
const proofMark = "stackrescue-proof"

// proofStep proves the revision that the savepoint renders for a service.
type proofStep struct {
	Service  ecsx.Service     `json:"service"`
	Rendered renderedRevision `json:"rendered"`
	// By is "canary" or "deployment".
	By string `json:"by"`
	// Task is the canary's: its revision is registered first.
	Task ecsx.TaskSpec `json:"task,omitzero"`
	// Found is the deployment that the service had when the plan was made; "" where the
	// plan deploys it before.
	Found string `json:"found,omitempty"`
	// Raise has the service keep as many tasks as it wants, before it is deployed.
	Raise bool `json:"raise,omitempty"`
}

// reading are what the proof is rendered by.
var reading = []string{"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:GetTemplate", "cloudformation:DescribeChangeSet", "s3:GetObject", "logs:FilterLogEvents"}

// actions are those of its way.
func (s *proofStep) actions() []string {
	if s.By == byCanary {
		return append([]string{"ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:TagResource", "ecs:RunTask", "ecs:StopTask", "ecs:ListTasks", "ecs:DescribeTasks", "ecr:DescribeImages", "iam:PassRole"}, reading...)
	}
	return append(actionsOf(kindRedeploy), reading...)
}

func (s *proofStep) complete() bool {
	return s != nil && s.Service.Name != "" && s.Rendered.complete() && (s.By == byDeployment || s.By == byCanary && s.Task.StartedBy == proofMark)
}

// proof is how the revision of a service is proven, as far as a plan has decided that.
type proof struct {
	renderedRevision
	by string
}

// proving reports whether what the savepoint renders for a service may be proven: it
// is named, or looked whether it could be.
func (p *planner) proving(s *ServiceFacts) bool {
	return slices.Contains(p.provable, s.Service.String())
}

// proves decides how what the savepoint renders for a service is proven before the
// unlock. The error is why it cannot be.
func (p *planner) proves(d *cfnx.Draft, stack *cfnx.Stack, s *ServiceFacts, kept string, document map[string]any, lost []cfnx.Difference, recorded any) error {
	x := &proof{renderedRevision: renderedRevision{StackID: s.StackID, LogicalID: s.LogicalID, From: kept, Lost: lost, Again: p.mended(s)}}
	if err := p.startable(s, document); err != nil {
		return err
	}
	if err := p.failedBefore(d, stack, s, x, recorded); err != nil {
		return err
	}
	by, err := p.way(s, kept, document)
	if err != nil {
		return err
	}
	x.by = by
	if p.proofs == nil {
		p.proofs = map[string]*proof{}
	}
	p.proofs[s.Service.String()] = x
	return nil
}

// startable refuses a revision with an image that is not known to be there.
func (p *planner) startable(s *ServiceFacts, document map[string]any) error {
	in, err := registration(document)
	if err != nil {
		return refuse("give a template of your own (Choices.Templates)", "service %s: what the savepoint renders cannot be registered: %s", s.Service, err)
	}
	for _, c := range in.ContainerDefinitions {
		if i := p.b.Images[*c.Image]; !i.State.Usable() && i.State != "external" {
			return refuse("push or restore it", "service %s: container %s of what the savepoint renders has the image %s, of which it is not known that it is there", s.Service, *c.Name, *c.Image)
		}
	}
	return nil
}

// failedBefore refuses to start once more what has failed, unless the operator says
// that the cause has been mended.
func (p *planner) failedBefore(d *cfnx.Draft, stack *cfnx.Stack, s *ServiceFacts, x *proof, recorded any) error {
	for _, f := range s.Proofs {
		if x.Again {
			continue
		}
		left, err := d.ServiceDifferences(stack, s.LogicalID, f.Document, recorded)
		if err == nil && !slices.ContainsFunc(left, func(y cfnx.Difference) bool {
			return slices.ContainsFunc(x.Lost, func(l cfnx.Difference) bool { return l.Container == y.Container && l.Property == y.Property })
		}) {
			return refuse(fmt.Sprintf("mend it and say so (Choices.Mended, -mended %s)", s.Service), "service %s: what the savepoint renders was started as %s and has failed: %s", s.Service, short(f.Revision), f.Why)
		}
	}
	return nil
}

// way is by what a service is proven: the deployment that the plan makes anyway, a
// canary where a further task is only a further copy, else a deployment of its own.
func (p *planner) way(s *ServiceFacts, kept string, document map[string]any) (string, error) {
	name := s.Service.String()
	deploys := slices.ContainsFunc(p.p.Steps, func(x Step) bool { return x.Redeploy != nil && x.Redeploy.Service == s.Service })
	users := p.usersOf(s)
	switch {
	case s.Unread != "" || s.Attached == nil:
		return "", unknown("allow ecs:DescribeServices and diagnose again", "service %s: what hangs on its tasks is not known", name)
	case s.Desired == 0:
		return "", refuse("scale it to one task first, and diagnose again", "service %s is scaled to 0: nothing of it is started", name)
	case deploys && (!s.BreakerRollback || s.Back == kept || p.d.missing(*s, s.Back) != ""):
		return byRedeploy, nil
	case !deploys && !users.ok():
		return "", refuse("name the revision for it to deploy it, and diagnose again", "%s, and the plan does not deploy it", users)
	case s.Attached.String() == "" && fixedPort(document) == "" && s.Scheduling != "DAEMON" && !s.single():
		return byCanary, nil
	}
	return byDeployment, p.canDeploy(s, kept, deploys)
}

// canDeploy refuses a proof deployment that ECS would not take back to what serves, or
// that takes users every task.
func (p *planner) canDeploy(s *ServiceFacts, kept string, deploys bool) error {
	switch {
	case s.Strategy != "" && s.Strategy != "ROLLING":
		return refuse("deploy it with the strategy's own means first, and diagnose again", "service %s is deployed by %s, which is not proven by a deployment of this plan", s.Service, s.Strategy)
	case !s.BreakerRollback:
		return refuse("give it a circuit breaker that rolls back, and diagnose again: "+configure(s, value(s.MinimumHealthy, 100), value(s.Maximum, 200)), "service %s has no circuit breaker that takes a deployment back which fails", s.Service)
	case s.MinimumHealthy == nil:
		return unknown("allow ecs:DescribeServices and diagnose again", "service %s: how many of its tasks a deployment leaves running is not known", s.Service)
	case s.leftRunning() == 0 && p.raised(s):
	case s.leftRunning() == 0 && s.Scheduling == "DAEMON": // which never runs two of its tasks on a host
		return refuse("raise it, and diagnose again: "+configure(s, 50, 100), "service %s: a deployment stops the tasks of every host at once (minimumHealthyPercent is %d)", s.Service, *s.MinimumHealthy)
	case s.leftRunning() == 0:
		return refuse("allow it to be raised (RaiseMinimum, -raise-minimum), or raise it, and diagnose again: "+configure(s, 100, 200), "service %s: a deployment stops every task before a new one is healthy (minimumHealthyPercent is %d)", s.Service, *s.MinimumHealthy)
	}
	switch {
	case deploys:
		return nil
	case s.State != "COMPLETED" || s.Current != kept || s.Serving() != kept:
		return refuse("wait until its deployment has ended, and diagnose again", "service %s: a deployment that fails would not go back to %s, which is not its latest that was completed", s.Service, short(kept))
	case !s.Definitions[kept].Active:
		return refuse("register the same definition again, and deploy that", "service %s: %s, to which a deployment that fails would go back, is inactive", s.Service, short(kept))
	}
	return p.runs(s, kept)
}

// configure is the command that gives a service these percentages, and a circuit breaker
// that rolls back.
func configure(s *ServiceFacts, minimum, maximum int) string {
	return fmt.Sprintf("aws ecs update-service --cluster %s --service %s --deployment-configuration 'deploymentCircuitBreaker={enable=true,rollback=true},minimumHealthyPercent=%d,maximumPercent=%d'", s.Service.Cluster, s.Service.Name, minimum, maximum)
}

// value is a number that is known, else ECS's default.
func value(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

// raised reports whether the proof's deployment, as the savepoint's, keeps as many tasks
// as the service wants, where its minimum would let it stop all of them.
func (p *planner) raised(s *ServiceFacts) bool {
	return p.c.RaiseMinimum && s.MinimumHealthy != nil && *s.MinimumHealthy == 0 && s.Scheduling != "DAEMON"
}

// keepsServing is how many tasks the proof's deployment leaves running.
func (p *planner) keepsServing(s *ServiceFacts) int {
	if p.raised(s) {
		return s.Desired
	}
	return s.leftRunning()
}

// tells says what a proof does, for whoever has to choose.
func (p *planner) tells(s *ServiceFacts, x *proof) string {
	switch x.by {
	case byCanary:
		return fmt.Sprintf("a canary: 1 task beside the %d of service %s, stopped when it has stayed up", s.Desired, s.Service)
	case byDeployment:
		return fmt.Sprintf("a deployment of the %d tasks of service %s, of which at least %d go on serving", s.Desired, s.Service, p.keepsServing(s))
	}
	return fmt.Sprintf("the deployment of service %s, which the plan makes anyway: %d tasks", s.Service, s.Desired)
}

// offers says what could be proven, after a try that has.
func (p *planner) offers() string {
	var names, what []string
	for i := range p.b.Services {
		s := &p.b.Services[i]
		if x := p.proofs[s.Service.String()]; x != nil {
			names, what = append(names, "-prove "+s.Service.String()), append(what, p.tells(s, x))
		}
	}
	return "; or let the plan prove first what the savepoint would render (Choices.Prove, " + strings.Join(names, " ") + "): " + strings.Join(what, "; ")
}

// addProofs adds the steps before the unlock, or makes the deployments of the plan the
// proof, and states what is given up.
func (p *planner) addProofs() {
	for i := range p.b.Services {
		s := &p.b.Services[i]
		x := p.proofs[s.Service.String()]
		if x == nil {
			continue
		}
		for _, l := range x.Lost {
			p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("service %s: %s", s.Service, decided(x.From, "has", l)))
		}
		if x.by == byRedeploy {
			p.redeploysRendered(s, x)
			continue
		}
		step := &proofStep{Service: s.Service, Rendered: x.renderedRevision, By: x.by}
		out := Step{
			Kind: kindProof, Subject: "service " + s.Service.String(), Why: "the savepoint cannot render " + short(x.From) + ": what it renders is started before the unlock, as " + p.tells(s, x),
			Takes: 30 * time.Minute, Proof: step,
		}
		if x.by == byCanary {
			step.Task = ecsx.TaskSpec{Cluster: s.Service.Cluster, Placement: s.Placement, StartedBy: proofMark}
			out.Before, out.After = "every image of it exists", "one task of what the savepoint renders has run, healthy where it has a health check, and is stopped; the service is as it was"
			out.Undo = stopCanaries(s.Service.Cluster)
		} else {
			if !slices.ContainsFunc(p.p.Steps, func(y Step) bool { return y.Redeploy != nil && y.Redeploy.Service == s.Service }) {
				step.Found = s.Primary
			}
			out.Before, out.After = fmt.Sprintf("the service runs %s, to which its circuit breaker takes it back", short(x.From)), fmt.Sprintf("the service runs what the savepoint renders; at least %d of %d tasks have served meanwhile", p.keepsServing(s), s.Desired)
			step.Raise = p.raised(s)
			out.Undo = fmt.Sprintf("aws ecs update-service --cluster %s --service %s --task-definition %s --force-new-deployment", s.Service.Cluster, s.Service.Name, short(x.From))
			if step.Raise {
				out.Undo += "; " + configure(s, *s.MinimumHealthy, value(s.Maximum, 200))
			}
		}
		p.add(out)
	}
}

// stopCanaries is the command that stops what a run that died has left running.
func stopCanaries(cluster string) string {
	return fmt.Sprintf("for t in $(aws ecs list-tasks --cluster %s --started-by %s --query 'taskArns[]' --output text); do aws ecs stop-task --cluster %[1]s --task $t; done", cluster, proofMark)
}

// redeploysRendered makes the deployment that the plan makes anyway that of what the
// savepoint renders.
func (p *planner) redeploysRendered(s *ServiceFacts, x *proof) {
	for i := range p.p.Steps {
		y := &p.p.Steps[i]
		if y.Redeploy == nil || y.Redeploy.Service != s.Service {
			continue
		}
		y.Redeploy.Rendered = &x.renderedRevision
		y.Why += "; what the savepoint renders goes first: one deployment is rescue and proof"
		y.Command = "" // no revision has it yet
		y.After = "the service is steady on the revision that the savepoint renders; where that fails, on " + short(x.From) + ", and the run ends"
		y.Actions = y.actions()
	}
}

// unusedProofs warns of services that are named and need no proof.
func (p *planner) unusedProofs() {
	for _, name := range p.c.Prove {
		if p.proofs[name] == nil && p.stopped == nil {
			p.p.Warnings = append(p.p.Warnings, "service "+name+" is named to be proven, and nothing of the plan needs that: the savepoint renders what it runs, or there is none")
		}
	}
}

// raisable refuses a proof that raises on a service what the savepoint would set back.
func (p *planner) raisable(step *savepointStep) error {
	for i := range p.b.Services {
		s := &p.b.Services[i]
		if x := p.proofs[s.Service.String()]; x == nil || x.by != byDeployment || !p.raised(s) {
			continue
		}
		if !slices.Contains(step.Raise, raisedMinimum{s.StackID, s.LogicalID}) {
			return refuse("raise it in a template of your own (Choices.Templates)", "service %s: its minimumHealthyPercent of 0 cannot be raised in the template", s.Service)
		}
	}
	return nil
}

// provenSavepoint finds, after no savepoint could be rendered for the reason first, one of whose
// revisions are proven before the unlock what cannot be rendered otherwise: for the
// services that the operator names; else, and where more than those have to be, it is
// offered.
func (p *planner) provenSavepoint(keep map[string]string, targets []string, first error) (*savepointStep, error) {
	var why *refusal
	if len(p.c.Prove) > 0 {
		var step *savepointStep
		if step, why = p.provenFor(p.c.Prove, keep, targets); step != nil {
			return step, nil
		}
	}
	var all []string
	for i := range p.b.Services {
		all = append(all, p.b.Services[i].Service.String())
	}
	warned, owed := len(p.p.Warnings), len(p.p.Debt)
	step, _ := p.provenFor(all, keep, targets)
	p.p.Warnings, p.p.Debt = p.p.Warnings[:warned], p.p.Debt[:owed]
	switch {
	case step != nil:
		p.offer = p.offers()
	case why != nil && why.fact != first.Error():
		p.offer = "; it is not proven first: " + why.fact + ": " + why.next
	}
	p.proofs = nil
	return nil, first
}

// provenFor is a savepoint of which what some services render is proven; nil, with why
// not where that is known, if there is none.
func (p *planner) provenFor(names []string, keep map[string]string, targets []string) (*savepointStep, *refusal) {
	p.provable = names
	defer func() { p.provable = nil }()
	var why *refusal
	for _, target := range targets {
		p.proofs = nil
		warned, owed := len(p.p.Warnings), len(p.p.Debt)
		step, err := p.trySavepoint(keep, target)
		if err == nil {
			err = p.raisable(step)
		}
		if err == nil {
			return step, nil
		}
		p.p.Warnings, p.p.Debt = p.p.Warnings[:warned], p.p.Debt[:owed]
		if r, ok := errors.AsType[*refusal](err); ok && why == nil {
			why = r
		}
	}
	p.proofs = nil
	return nil, why
}
