package rescue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// serviceType is the resource type of an ECS service.
const serviceType = "AWS::ECS::Service"

// capturer reads the evidence: first what is forgotten within the hour.
type capturer struct {
	c    clients
	o    Options
	b    *Bundle
	tell func(string)
}

// capture reads everything a diagnosis needs. What cannot be read, but for the
// stacks themselves, is noted in Problems.
func (c *capturer) capture(ctx context.Context, stack string) error {
	tree, err := cfnx.Snapshot(ctx, c.c.cfn, stack)
	if err != nil {
		return err
	}
	c.b.Tree = tree
	for s := range tree.All() {
		for _, part := range slices.Sorted(maps.Keys(s.Unread)) {
			c.b.Problems = append(c.b.Problems, part+" of stack "+s.Name+": "+redact.Text(s.Unread[part]))
		}
		for _, r := range s.Resources {
			if r.Type == serviceType && r.PhysicalID != "" && r.Status != cfntypes.ResourceStatusDeleteComplete {
				c.b.Services = append(c.b.Services, ServiceFacts{StackID: s.ID, LogicalID: r.LogicalID, Service: ecsx.ParseService(r.PhysicalID)})
			}
		}
	}
	if err := c.tasks(ctx); err != nil {
		return err
	}
	for i := range c.b.Services {
		if err := c.service(ctx, &c.b.Services[i]); err != nil {
			return err
		}
	}
	if err := c.recorded(ctx); err != nil {
		return err
	}
	if err := c.images(ctx); err != nil {
		return err
	}
	return c.outputs(ctx)
}

// problem notes what could not be read; the end of ctx ends the capture.
func (c *capturer) problem(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	c.b.Problems = append(c.b.Problems, what+": "+redact.Text(err.Error()))
	return nil
}

func (c *capturer) tasks(ctx context.Context) error {
	clusters := map[string]bool{}
	for _, s := range c.b.Services {
		clusters[s.Service.Cluster] = true
	}
	for _, cluster := range slices.Sorted(maps.Keys(clusters)) {
		err := ecsx.WaitStoppedTaskLogs(ctx, c.c.ecs, c.c.logs, ecsx.Query{Cluster: cluster}, func(t ecsx.StoppedTask) error {
			c.b.Tasks = append(c.b.Tasks, redacted(t))
			return nil
		}, func(o *ecsx.StoppedOptions) {
			o.AtLeast, o.Interval, o.Settle, o.TailLines = -1, c.o.Interval, c.o.Settle, 200
		})
		if err != nil {
			if err := c.problem(ctx, "stopped tasks of cluster "+cluster, err); err != nil {
				return err
			}
		}
	}
	c.tell(fmt.Sprintf("evidence: %d stopped tasks with their logs", len(c.b.Tasks)))
	return nil
}

func redacted(t ecsx.StoppedTask) ecsx.StoppedTask {
	t.Reason, t.Cause.Summary, t.Cause.Excerpt = redact.Text(t.Reason), redact.Text(t.Cause.Summary), redact.Text(t.Cause.Excerpt)
	t.Problem = redact.Text(t.Problem)
	for i := range t.Containers {
		x := &t.Containers[i]
		x.Reason, x.Log.Problem = redact.Text(x.Reason), redact.Text(x.Log.Problem)
		var stream redact.Stream // keys whose lines are events of their own
		for j := range x.Log.Lines {
			x.Log.Lines[j].Message = stream.Event(x.Log.Lines[j].Message)
		}
	}
	return t
}

// images says how every image stands that the services refer to, and which
// lifecycle policy rules over it.
func (c *capturer) images(ctx context.Context) error {
	refs := map[string]bool{}
	for _, s := range c.b.Services {
		for _, d := range s.Definitions {
			for _, x := range d.Containers {
				refs[x.Image] = true
			}
		}
	}
	for _, ref := range templateImages(ctx, c.b) {
		refs[ref] = true
	}
	statuses, err := ecrx.Check(ctx, c.c.ecr, slices.Sorted(maps.Keys(refs)))
	if err != nil {
		return err
	}
	c.b.Images, c.b.Policies = map[string]ImageFacts{}, map[string]string{}
	for _, s := range statuses {
		f := ImageFacts{State: s.State, Digest: s.Digest, Tags: s.Tags}
		if err := s.Err(); err != nil {
			f.Error = redact.Text(err.Error())
			if err := c.problem(ctx, "image "+s.Ref, err); err != nil {
				return err
			}
		}
		c.b.Images[s.Ref] = f
		if _, known := c.b.Policies[s.Image.Name()]; known || !s.Image.Private() {
			continue
		}
		text, err := lifecyclePolicy(ctx, c.c.ecr, s.Image)
		if err != nil {
			if err := c.problem(ctx, "lifecycle policy of "+s.Image.Repository, err); err != nil {
				return err
			}
			continue
		}
		c.b.Policies[s.Image.Name()] = text
	}
	return c.freezes(ctx)
}

// freezeTime is for how long the images of the way forward must stay: long
// enough for a team to put its lifecycle policy right.
const freezeTime = 14 * 24 * time.Hour

// freezes asks which lifecycle rules would take images away that the revisions
// in use or on the way need.
func (c *capturer) freezes(ctx context.Context) error {
	needed := map[string][]ecrx.Image{}
	for _, s := range c.b.Services {
		for _, rev := range []string{s.Forward, s.Current, s.Serving()} {
			for _, x := range s.Definitions[rev].Containers {
				i, err := ecrx.Parse(x.Image)
				if err == nil && i.Private() && c.b.Images[x.Image].State.Usable() && !slices.Contains(needed[i.Name()], i) {
					needed[i.Name()] = append(needed[i.Name()], i)
				}
			}
		}
	}
	c.b.Freezes = map[string]*ecrx.Frozen{}
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		i := needed[name][0]
		f, err := ecrx.Freeze(ctx, c.c.ecr, repositoryOf(i), needed[name], freezeTime, func(o *ecrx.FreezeOptions) { o.DryRun, o.Now, o.Interval = true, c.o.Now, c.o.Interval })
		if err != nil {
			if err := c.problem(ctx, "lifecycle policy of "+i.Repository, err); err != nil {
				return err
			}
			continue
		}
		c.b.Freezes[name] = f
	}
	return nil
}

func repositoryOf(i ecrx.Image) ecrx.Repository {
	return ecrx.Repository{Account: i.Account, Region: i.Region, Name: i.Repository}
}

// lifecyclePolicy reads a repository's policy, "" when it has none.
func lifecyclePolicy(ctx context.Context, api *ecr.Client, i ecrx.Image) (string, error) {
	out, err := api.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RegistryId: &i.Account, RepositoryName: &i.Repository}, func(o *ecr.Options) { o.Region = i.Region })
	if _, none := errors.AsType[*ecrtypes.LifecyclePolicyNotFoundException](err); none {
		return "", nil
	}
	if _, none := errors.AsType[*ecrtypes.RepositoryNotFoundException](err); none {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(out.LifecyclePolicyText), nil
}

// outputs records what the stacks have, and what they have lost.
func (c *capturer) outputs(ctx context.Context) error {
	ledger, err := cfnx.RecordTree(ctx, c.c.cfn, c.b.Tree)
	if err != nil {
		if err := c.problem(ctx, "importers of exports", err); err != nil {
			return err
		}
	}
	c.b.Ledger = withoutSecrets(ledger)
	d, err := cfnx.NewDraft(ctx, c.c.s3, c.b.Tree)
	if err != nil {
		return c.problem(ctx, "templates", err)
	}
	c.b.Lost = d.LostOutputs(c.o.Ledger)
	for i := range c.b.Lost {
		c.b.Lost[i].Known = redact.Value(c.b.Lost[i].Key, c.b.Lost[i].Known)
	}
	return nil
}

// whoami is the account the credentials belong to.
func whoami(ctx context.Context, api *sts.Client) (string, error) {
	out, err := api.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Account), nil
}
