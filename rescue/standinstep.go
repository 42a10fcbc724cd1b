package rescue

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// kindStandIn gives the image that is kept the missing tag of the recorded revision,
// and deploys that revision, so that the rollback can be continued without a skip.
const kindStandIn Kind = "stand-in"

// standInMark is the prefix of the tag that marks an image which stands in.
const standInMark = "stackrescue-stand-in"

// standInStep makes tags that are missing name an image that is there.
type standInStep struct {
	Service ecsx.Service `json:"service"`
	// Revision is the recorded one, Found the deployment that the service had when
	// the plan was made.
	Revision string `json:"revision"`
	Found    string `json:"found,omitempty"`
	// Tags are the images, each with the tag that is missing and the digest that it
	// is to name.
	Tags []ecrx.Image `json:"tags"`
}

// standIn is the step for a service whose recorded revision differs from the one
// to keep in nothing but tags that are missing; nil where that is not so.
//
// The recorded revision is deployed by force before the rollback is continued: that
// resolves tags again (docs/aws/ecs.md 1.4), whatever a deployment by CloudFormation
// does, and leaves nothing to deploy for it.
func (p *planner) standIn(s *ServiceFacts, kept string) *standInStep {
	back, ok := s.Definitions[s.Back]
	keep, known := s.Definitions[kept]
	differences, compared := s.Differences[kept]
	if !ok || !known || !back.Active || kept == s.Back || !compared || len(differences) > 0 || !sameButImages(back, keep) || len(back.Containers) != len(keep.Containers) ||
		s.Primary == "" || s.Controller != "" && s.Controller != "ECS" || p.b.lacks(back) != "" {
		return nil
	}
	out := &standInStep{Service: s.Service, Revision: s.Back, Found: s.Primary}
	for _, c := range back.Containers {
		i := slices.IndexFunc(keep.Containers, func(x Container) bool { return x.Name == c.Name })
		if i < 0 {
			return nil
		}
		is, facts := keep.Containers[i].Image, p.b.Images[keep.Containers[i].Image]
		switch {
		case !facts.State.Usable():
			return nil
		case is == c.Image:
			continue
		}
		missing, err := ecrx.Parse(c.Image)
		from, err2 := ecrx.Parse(is)
		if err != nil || err2 != nil || !missing.Private() || missing.Repo() != from.Repo() || missing.Tag == "" || missing.Digest != "" || facts.Digest == "" || p.b.Images[c.Image].State != "missing" {
			return nil
		}
		missing.Digest = facts.Digest
		if !slices.Contains(out.Tags, missing) {
			out.Tags = append(out.Tags, missing)
		}
	}
	if len(out.Tags) == 0 || p.tagged(out) {
		return nil
	}
	return out
}

// sameButImages reports whether two revisions are known to differ in nothing but
// their images.
func sameButImages(a, b Definition) bool {
	settings := func(d Definition) map[string]any {
		var out map[string]any
		if json.Unmarshal(d.Document, &out) != nil {
			return nil
		}
		for _, own := range []string{"TaskDefinitionArn", "Revision", "Status", "RequiresAttributes", "Compatibilities", "RegisteredAt", "RegisteredBy", "DeregisteredAt"} {
			delete(out, own)
		}
		containers, _ := out["ContainerDefinitions"].([]any)
		for _, c := range containers {
			if m, ok := c.(map[string]any); ok {
				delete(m, "Image")
			}
		}
		return out
	}
	x := settings(a)
	return x != nil && x["ContainerDefinitions"] != nil && reflect.DeepEqual(x, settings(b))
}

// tagged reports whether one of the step's tags is to name another image already.
func (p *planner) tagged(s *standInStep) bool {
	seen := map[string]string{}
	for _, t := range s.Tags {
		if d := seen[tagOf(t)]; d != "" && d != t.Digest {
			return true
		}
		seen[tagOf(t)] = t.Digest
	}
	for _, other := range p.standIns {
		for _, t := range other.Tags {
			if d := seen[tagOf(t)]; d != "" && d != t.Digest {
				return true
			}
		}
	}
	return false
}

// tagOf is the image's reference by its tag alone.
func tagOf(i ecrx.Image) string {
	i.Digest = ""
	return i.String()
}

// standsIn decides which services of the skips are not skipped because a tag stands
// in for their missing image, as far as the operator accepts each tag by name; the
// others are offered.
func (p *planner) standsIn(keep map[string]string) {
	p.standIns = map[string]*standInStep{}
	if p.d.Situation != situationStuck {
		return
	}
	for _, k := range cfnx.SkipMinimal(p.b.Tree) {
		s := p.d.service(cfnx.Failure{StackID: k.StackID, LogicalID: k.LogicalID})
		if s == nil {
			continue
		}
		step := p.standIn(s, keep[s.Service.String()])
		if step == nil {
			continue
		}
		var names []string
		for _, t := range step.Tags {
			names = append(names, tagOf(t))
		}
		if !all(names, func(name string) bool { return slices.Contains(p.c.Accept, name) }) {
			p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("service %s need not be skipped: the missing tag could stand for the image that is kept, which %s differs from in nothing else, and is deployed once more by that; accept it by name: %s", s.Service, short(s.Back), strings.Join(names, ", ")))
			continue
		}
		p.standIns[s.Service.String()] = step
	}
}

// addStandIn adds the step of a service, once.
func (p *planner) addStandIn(s *ServiceFacts) {
	step := p.standIns[s.Service.String()]
	if slices.ContainsFunc(p.p.Steps, func(x Step) bool { return x.StandIn == step }) {
		return
	}
	var commands, undo, names []string
	for _, t := range step.Tags {
		commands = append(commands, fmt.Sprintf("aws ecr put-image --registry-id %s --region %s --repository-name %s --image-tag %s --image-manifest \"$(aws ecr batch-get-image --registry-id %[1]s --region %[2]s --repository-name %[3]s --image-ids imageDigest=%[5]s --query 'images[0].imageManifest' --output text)\"", t.Account, t.Region, t.Repository, t.Tag, t.Digest))
		undo = append(undo, untagCommand(t))
		names = append(names, tagOf(t))
		p.p.Debt = append(p.p.Debt, fmt.Sprintf("tag %s stands for %s, which is not what it was: it is to stay until the service's own next deployment, and goes with finish", tagOf(t), t.Digest))
	}
	commands = append(commands, fmt.Sprintf("aws ecs update-service --cluster %s --service %s --task-definition %s --force-new-deployment", s.Service.Cluster, s.Service.Name, short(s.Back)))
	p.add(Step{
		Kind: kindStandIn, Subject: "service " + s.Service.String(), Why: short(s.Back) + " differs from what is kept in nothing but tags that are missing: " + strings.Join(names, ", "),
		Command: strings.Join(commands, " && "), Before: "the tags are missing, and are moved from nothing", After: "the service runs the image that is kept on the stack's own revision",
		Undo: strings.Join(undo, " && "), Takes: 20 * time.Minute, StandIn: step,
	})
}

// untagCommand takes a tag away from its image.
func untagCommand(t ecrx.Image) string {
	return fmt.Sprintf("aws ecr batch-delete-image --registry-id %s --region %s --repository-name %s --image-ids imageTag=%s", t.Account, t.Region, t.Repository, t.Tag)
}

// standIn marks the image, makes the tags, and deploys the recorded revision. A tag
// that names another image by now is never moved.
func (r *runner) standIn(ctx context.Context, c clients, s Step, res *StepResult) error {
	for _, t := range s.StandIn.Tags {
		if err := r.o.journal(StepResult{
			Version: 1, Plan: r.p.Hash, ID: s.ID, Kind: s.Kind, Subject: "image " + tagOf(t), Outcome: outcomeBegun, Text: "undo with: " + untagCommand(t),
			Began: r.o.Now().UTC(), To: t.Digest,
		}); err != nil {
			return err
		}
		say := func(o *ecrx.TagOptions) {
			o.Interval, o.Prefix = r.o.Interval, standInMark
			o.Observe = func(e ecrx.TagEvent) { r.o.tell(s.ID, e.String()) }
		}
		if _, err := t.Pin(ctx, c.ecr, say); err != nil {
			return err
		}
		if _, err := t.RestoreTag(ctx, c.ecr, say); err != nil {
			return err
		}
	}
	d, err := r.deployRecorded(ctx, c, s.StandIn)
	if err != nil {
		return err
	}
	if _, err := d.WaitRollout(ctx, c.ecs, func(o *ecsx.RolloutOptions) {
		o.Interval = r.o.Interval
		o.Observe = func(x ecsx.Rollout) { r.o.tell(s.ID, x.String()) }
	}); err != nil {
		return err
	}
	res.Outcome, res.From, res.To = outcomeDone, short(d.PreviousTaskDefinition), short(d.TaskDefinition)
	res.Text = fmt.Sprintf("service %s runs %s with the image that is kept; undo the tag, once nothing names it, with: %s", s.StandIn.Service, short(d.TaskDefinition), s.Undo)
	return nil
}

// deployRecorded forces a deployment of the recorded revision. One that is newer
// than the plan is an earlier run's.
func (r *runner) deployRecorded(ctx context.Context, c clients, s *standInStep) (*ecsx.Deployment, error) {
	look := func(ctx context.Context) (*ecsx.Deployment, error) {
		out, err := awsretry.Read(ctx, r.o.Interval, awsretry.Tries, func(ctx context.Context) (*ecs.DescribeServicesOutput, error) {
			return c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &s.Service.Cluster, Services: []string{s.Service.Name}})
		})
		if err != nil || len(out.Services) == 0 {
			return nil, err
		}
		return primaryOf(s.Service, &out.Services[0]), nil
	}
	ours := func(d *ecsx.Deployment) bool {
		return d != nil && d.TaskDefinition == s.Revision && d.ID != s.Found
	}
	before, err := look(ctx)
	if err != nil || ours(before) {
		return before, err
	}
	now := before
	err = awsretry.Mutation{
		Do: func(ctx context.Context) error {
			out, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &s.Service.Cluster, Service: &s.Service.Name, TaskDefinition: &s.Revision, ForceNewDeployment: true}, func(o *ecs.Options) { o.RetryMaxAttempts = 1 })
			if err == nil {
				now = primaryOf(s.Service, out.Service)
			}
			return err
		},
		Happened: func(ctx context.Context) (bool, error) {
			d, err := look(ctx)
			if err == nil && ours(d) {
				now = d
			}
			return err == nil && ours(d), err
		},
		Interval: r.o.Interval,
	}.Run(ctx)
	if err != nil {
		return nil, err
	}
	if !ours(now) {
		return nil, &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: service %s has no deployment of %s", ErrChanged, s.Service, short(s.Revision)), Next: "diagnose and plan again"}
	}
	if before != nil {
		now.Previous, now.PreviousTaskDefinition = before.ID, before.TaskDefinition
	}
	return now, nil
}

// primaryOf is the deployment that ECS brings a service to; nil where there is none.
func primaryOf(service ecsx.Service, svc *ecstypes.Service) *ecsx.Deployment {
	if svc == nil {
		return nil
	}
	i := slices.IndexFunc(svc.Deployments, func(d ecstypes.Deployment) bool { return aws.ToString(d.Status) == "PRIMARY" })
	if i < 0 {
		return nil
	}
	return &ecsx.Deployment{
		Service: service, ID: aws.ToString(svc.Deployments[i].Id), Record: aws.ToString(svc.CurrentServiceDeployment), TaskDefinition: aws.ToString(svc.Deployments[i].TaskDefinition),
	}
}
