package rescue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// redeployStep starts a service on a revision that no stack owns.
type redeployStep struct {
	Service ecsx.Service `json:"service"`
	// From is the revision that is cloned, Found the one that the service was set
	// to when the plan was made.
	From  string `json:"from"`
	Found string `json:"found,omitempty"`
	// Images are its images, by container.
	Images map[string]string `json:"images"`
	// Rendered is what the savepoint renders for it, where that goes first; nil deploys
	// From.
	Rendered *renderedRevision `json:"rendered,omitempty"`
}

// redeploys gets users served, those first who have least. The migration comes
// before all of them: it is one, whoever waits for it.
func (p *planner) redeploys(keep map[string]string) error {
	var todo []*ServiceFacts
	for i := range p.b.Services {
		s := &p.b.Services[i]
		target := keep[s.Service.String()]
		if target == "" || p.runsAlready(s, target) {
			continue
		}
		if p.c.Direction == Serve && p.leaves(s, target) {
			p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("service %s is set to %s, whose deployment failed, and as many tasks as are wanted run %s: it is left alone: name %s for it to deploy that once more", s.Service, short(s.Current), short(target), short(target)))
			continue
		}
		if p.restarts(s, target) {
			p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("%s: it runs %s already, which is to stay, and is left alone: name %s for it to start its tasks again", p.usersOf(s), short(target), short(target)))
			continue
		}
		if p.goingBackFine(s) && p.d.missing(*s, s.Back) == "" && target != s.Back {
			p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("service %s: ECS is bringing it back to %s, and nothing of that has failed: this plan deploys %s over it; to let ECS end, wait and diagnose again", s.Service, short(s.Back), short(target)))
		}
		todo = append(todo, s)
	}
	slices.SortStableFunc(todo, func(a, b *ServiceFacts) int { return cmp.Compare(p.need(b), p.need(a)) })
	if m := p.c.Migration; m != nil && len(todo) > 0 {
		owner, container, err := p.owner(todo, keep)
		if err != nil {
			return err
		}
		p.migration(owner, keep[owner.Service.String()], container, m)
		if p.until(kindStamp) || p.until(kindMigrate) {
			return nil
		}
	}
	for _, s := range todo {
		if p.standIns[s.Service.String()] != nil {
			p.addresses(s, keep[s.Service.String()])
			p.addStandIn(s)
			continue
		}
		p.addresses(s, keep[s.Service.String()])
		p.redeploy(s, keep[s.Service.String()])
	}
	return nil
}

// need is how badly the users of a service are off.
func (p *planner) need(s *ServiceFacts) int {
	switch p.usersOf(s).State {
	case usersNotServed:
		return 2
	case usersPartlyServed:
		return 1
	}
	return 0
}

// restarts reports whether a deployment would only start again what runs, for users
// who have some of it: as many tasks as are wanted, all of the revision.
func (p *planner) restarts(s *ServiceFacts, target string) bool {
	return p.c.Revisions[s.Service.String()] == "" && p.c.Migration == nil && (p.usersOf(s).State == usersPartlyServed || s.starting()) &&
		s.State != "FAILED" && s.Current == target && s.Serving() == target && s.Running >= s.Desired
}

// runsAlready reports whether a service serves on the revision.
func (p *planner) runsAlready(s *ServiceFacts, target string) bool {
	return p.usersOf(s).ok() && (s.Serving() == target || s.Serving() == "" && s.Current == target)
}

// addresses warns where the revision is known to have failed and nothing in the
// plan does anything about it.
func (p *planner) addresses(s *ServiceFacts, target string) {
	if p.c.Migration != nil || p.mended(s) {
		return
	}
	if c, ok := ecsx.RootCause(p.d.tasks(*s, target)); ok {
		p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("service %s: the tasks of %s have failed before, and no step of this plan does anything about it: %s: %s", s.Service, short(target), c.Summary, cmp.Or(c.Next, "make sure that it has been mended")))
	}
}

// redeploy gets a service running on a revision.
func (p *planner) redeploy(s *ServiceFacts, target string) {
	if p.runsAlready(s, target) {
		return
	}
	def := s.Definitions[target]
	images := map[string]string{}
	for _, c := range def.Containers {
		images[c.Name] = c.Image
	}
	deploy := func(revision string) string {
		return fmt.Sprintf("aws ecs update-service --cluster %s --service %s --task-definition %s --force-new-deployment", s.Service.Cluster, s.Service.Name, short(revision))
	}
	p.add(Step{
		Kind: kindRedeploy, Subject: "service " + s.Service.String(), Why: p.usersOf(s).String(),
		Command: deploy(target),
		Before:  "every image of " + short(target) + " exists", After: "the service is steady on a revision that no stack owns",
		Undo: deploy(s.Current), Takes: 20 * time.Minute,
		Redeploy: &redeployStep{Service: s.Service, From: target, Found: s.Current, Images: images},
	})
}

// resolver hands references on that can be pulled, refuses missing ones, and
// stops where that is not known.
func resolver(api ecr.DescribeImagesAPIClient, to map[string]string) func(context.Context, string) (string, error) {
	return func(ctx context.Context, ref string) (string, error) {
		if t := to[ref]; t != "" {
			ref = t
		}
		out, err := ecrx.Check(ctx, api, []string{ref})
		if err != nil {
			return "", err
		}
		switch s := out[0]; {
		case s.State.Usable(), s.State == "external":
			return ref, nil
		case s.State == "unknown":
			return "", s.Err()
		}
		return "", nil
	}
}

// redeploy starts the service on a clone of the planned revision and watches
// that very deployment. One that an earlier run started is adopted.
func (r *runner) redeploy(ctx context.Context, c clients, s Step, res *StepResult) error {
	step := s.Redeploy
	if x := step.Rendered; x != nil {
		arn, err := r.provenBefore(ctx, c, s, x)
		if err != nil {
			return err
		}
		if arn == "" {
			return r.redeployRendered(ctx, c, s, res)
		}
		r.hold(x, arn)
	}
	d, err := r.adopt(ctx, c, s)
	if err != nil {
		return err
	}
	if d == nil {
		if err := r.mended(ctx, c, s); err != nil {
			return err
		}
		d, err = ecsx.ForceDeployLatest(ctx, c.ecs, step.Service, resolver(c.ecr, nil), func(o *ecsx.ForceDeployOptions) {
			o.From, o.Interval = step.From, r.o.Interval
			o.Observe = func(e ecsx.Event) { r.o.tell(s.ID, e.Text) }
		})
		if err != nil {
			return err
		}
	} else {
		r.o.tell(s.ID, "deployment "+d.ID+" is this plan's: waiting for it")
	}
	rollout, err := d.WaitRollout(ctx, c.ecs, func(o *ecsx.RolloutOptions) {
		o.Interval = r.o.Interval
		o.Observe = func(x ecsx.Rollout) { r.o.tell(s.ID, x.String()) }
	})
	if err != nil {
		return err
	}
	res.Outcome, res.From, res.To = outcomeDone, short(d.PreviousTaskDefinition), short(d.TaskDefinition)
	res.Text = fmt.Sprintf("%d of %d tasks run %s", rollout.Running, rollout.Desired, short(d.TaskDefinition))
	if rollout.Running < rollout.Desired { // listed a moment before
		res.Text = "the deployment of " + short(d.TaskDefinition) + " has succeeded"
	}
	return nil
}

// adopt finds a deployment that brings the service to where this step wants
// it: of a revision that this tool cloned from the planned one; or, when the
// step was done in an earlier run, any that has the same images, such as the
// savepoint's.
func (r *runner) adopt(ctx context.Context, c clients, s Step) (*ecsx.Deployment, error) {
	step := s.Redeploy
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(step.Service.Cluster), Services: []string{step.Service.Name}})
	if err != nil || len(out.Services) == 0 {
		return nil, err
	}
	svc := out.Services[0]
	i := slices.IndexFunc(svc.Deployments, func(d ecstypes.Deployment) bool { return aws.ToString(d.Status) == "PRIMARY" })
	if i < 0 || svc.Deployments[i].RolloutState == ecstypes.DeploymentRolloutStateFailed {
		return nil, nil
	}
	td, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: svc.Deployments[i].TaskDefinition, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
	if err != nil {
		return nil, err
	}
	from, ours := ecsx.ClonedFrom(td.Tags)
	ours = ours && from == step.From
	if !ours && !(r.doneBefore(s) && sameImages(td.TaskDefinition, step.Images)) {
		return nil, nil
	}
	return &ecsx.Deployment{Service: step.Service, ID: aws.ToString(svc.Deployments[i].Id), Record: aws.ToString(svc.CurrentServiceDeployment), TaskDefinition: aws.ToString(svc.Deployments[i].TaskDefinition)}, nil
}

// mended refuses to go on with a plan that was begun before where somebody has
// got the service running on another revision since.
func (r *runner) mended(ctx context.Context, c clients, s Step) error {
	step := s.Redeploy
	if len(r.o.Done) == 0 || step.Found == "" {
		return nil // the situation was compared with the plan's
	}
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(step.Service.Cluster), Services: []string{step.Service.Name}})
	if err != nil || len(out.Services) == 0 {
		return err
	}
	svc := out.Services[0]
	now := aws.ToString(svc.TaskDefinition)
	if now == step.Found || now == step.From || svc.DesiredCount == 0 || svc.RunningCount < svc.DesiredCount {
		return nil
	}
	td, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &now, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
	if err != nil {
		return err
	}
	if from, ok := ecsx.ClonedFrom(td.Tags); ok && from == step.From {
		return nil
	}
	return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: service %s runs %s now, which is not of this plan", ErrChanged, step.Service, short(now)), Next: "diagnose and plan again"}
}

// doneBefore reports whether an earlier run of the plan ended the step well.
func (r *runner) doneBefore(s Step) bool {
	return slices.ContainsFunc(r.o.Done, func(d StepResult) bool { return d.ID == s.ID && (d.Outcome == outcomeDone || d.Outcome == outcomeHeld) })
}

func sameImages(td *ecstypes.TaskDefinition, images map[string]string) bool {
	for _, c := range td.ContainerDefinitions {
		if images[aws.ToString(c.Name)] != aws.ToString(c.Image) {
			return false
		}
	}
	return len(td.ContainerDefinitions) == len(images)
}
