package rescue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// serviceType is the resource type of an ECS service.
const serviceType = "AWS::ECS::Service"

// reads is how many calls a capture has under way at once.
const reads = 16

// capturer reads the evidence: first what is forgotten within the hour.
type capturer struct {
	c    clients
	o    Options
	b    *Bundle
	tell func(string)

	mu sync.Mutex
	// defined are the revisions that were read, by ARN: they never change.
	defined map[string]*definitionRead
}

// capture reads everything a diagnosis needs. What cannot be read, but for the
// stacks themselves, is noted in Problems. Where it ends early, by a deadline,
// what it has read so far is true, and the rest is said to be unread.
func (c *capturer) capture(ctx context.Context, stack string) error {
	err := c.read(ctx, stack)
	if err == nil || c.b.Tree == nil {
		return err
	}
	why := "the capture ended early: " + redact.Text(err.Error())
	for i := range c.b.Services {
		if f := &c.b.Services[i]; f.Status == "" && f.Unread == "" {
			f.Unread = why
		}
	}
	c.b.Problems, c.b.Partial = append(c.b.Problems, why), true
	return err
}

func (c *capturer) read(ctx context.Context, stack string) error {
	tree, err := c.snapshot(ctx, stack)
	if tree != nil {
		c.b.Tree = tree
	}
	if err != nil {
		return err
	}
	c.b.Tree, c.defined = tree, map[string]*definitionRead{}
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
	// What ECS forgets first, and then at once what does not depend on each other.
	err = inOrder(ctx, c.tasks, c.early, c.services, c.forgotten, c.attempted, c.stackPolicies)
	if err != nil {
		return err
	}
	rest := [][]func(context.Context) error{{c.imageUsers, c.recorded, c.needed, c.digests, c.images, c.frozen, c.importers}, {c.outputs}, {c.operators}}
	err = c.each(ctx, len(rest), func(ctx context.Context, i int) error { return inOrder(ctx, rest[i]...) })
	slices.Sort(c.b.Problems)
	return err
}

func inOrder(ctx context.Context, parts ...func(context.Context) error) error {
	for _, part := range parts {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// attempted reads what the update that went back wanted, which tells what its
// clean-up keeps. Without it everything counts as deleted.
func (c *capturer) attempted(ctx context.Context) error {
	if !goesBack(c.b.Tree.Root.Status) {
		return nil
	}
	return c.b.Tree.ReadAttempted(ctx, c.c.cfn, c.c.s3)
}

// stackPolicies reads what may not be updated.
func (c *capturer) stackPolicies(ctx context.Context) error {
	if c.o.recordedToo || !goesBack(c.b.Tree.Root.Status) {
		return nil // no update is planned but after one that failed
	}
	return c.b.Tree.ReadPolicies(ctx, c.c.cfn)
}

// each reads n things at once, as far as the limit allows.
func (c *capturer) each(ctx context.Context, n int, read func(context.Context, int) error) error {
	g, gctx := clock.NewGroup(ctx, reads)
	for i := range n {
		g.Go(func() error { return read(gctx, i) })
	}
	return g.Wait()
}

// problem notes what could not be read; the end of ctx ends the capture.
func (c *capturer) problem(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.b.Problems = append(c.b.Problems, what+": "+redact.Text(err.Error()))
	return nil
}

// tasks reads the stopped tasks of the services, and of none else in their
// clusters.
func (c *capturer) tasks(ctx context.Context) error {
	var of []ecsx.Service
	for _, s := range c.b.Services {
		of = append(of, s.Service)
	}
	of = append(of, c.gone()...)
	found := make([][]ecsx.StoppedTask, len(of))
	err := c.each(ctx, len(of), func(ctx context.Context, i int) error {
		err := c.stopped(ctx, ecsx.Query{Cluster: of[i].Cluster, Service: of[i].Name}, c.o.Settle, func(t ecsx.StoppedTask) {
			found[i] = append(found[i], redacted(t))
		})
		if clusterGone(err) {
			return nil // and its tasks with it
		}
		if err != nil {
			if i < len(c.b.Services) {
				c.b.Services[i].TasksUnread = redact.Text(err.Error())
			}
			return c.problem(ctx, "stopped tasks of service "+of[i].String(), err)
		}
		return nil
	})
	for _, tasks := range found {
		c.b.Tasks = append(c.b.Tasks, tasks...)
	}
	c.tell(fmt.Sprintf("evidence: %d stopped tasks with their logs", len(c.b.Tasks)))
	return err
}

// patience is how long stopped tasks and their logs are read for. A call that is
// throttled is tried again for as long as that: whoever wants to know whether users are
// served is not to wait for logs all night.
const patience = 3 * time.Minute

// stopped reads stopped tasks with their logs; settle is how long logs are given to
// arrive.
func (c *capturer) stopped(ctx context.Context, q ecsx.Query, settle time.Duration, found func(ecsx.StoppedTask)) error {
	ctx, cancel := clock.WithTimeoutCause(ctx, patience, fmt.Errorf("%s: not read within %s", q, patience))
	defer cancel()
	err := ecsx.WaitStoppedTaskLogs(ctx, c.c.ecs, c.c.logs, q, func(t ecsx.StoppedTask) error {
		found(t)
		return nil
	}, func(o *ecsx.StoppedOptions) {
		o.AtLeast, o.Interval, o.Settle, o.TailLines = -1, c.o.Interval, settle, 200
	})
	if err != nil && ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// clusterGone reports whether ECS does not know the cluster that was asked for.
func clusterGone(err error) bool {
	_, gone := errors.AsType[*ecstypes.ClusterNotFoundException](err)
	return gone
}

func redacted(t ecsx.StoppedTask) ecsx.StoppedTask { return t.Redacted() }

// images reads the state of every image that the services refer to, and which
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
	for _, ref := range slices.Concat(templateImages(ctx, c.b), c.o.images, c.b.sourceImages(), c.b.recordedRefs()) {
		refs[ref] = true
	}
	for _, u := range c.b.ImageUsers {
		for _, ref := range u.Images {
			refs[ref] = true
		}
	}
	statuses, err := ecrx.Check(ctx, c.c.ecr, slices.Sorted(maps.Keys(refs)))
	if err != nil {
		return err
	}
	c.b.Images, c.b.Policies = map[string]ImageFacts{}, map[string]string{}
	for _, s := range statuses {
		f := ImageFacts{State: s.State, Digest: s.Digest, Tags: s.Tags, PushedAt: s.PushedAt}
		if err := s.Err(); err != nil {
			f.Error = redact.Text(err.Error())
			if err := c.problem(ctx, "image "+s.Ref, err); err != nil {
				return err
			}
		}
		c.b.Images[s.Ref] = f
	}
	if err := c.replicas(ctx); err != nil {
		return err
	}
	if err := c.freezes(ctx); err != nil {
		return err
	}
	return c.policies(ctx, statuses)
}

// policies reads the lifecycle policies that freezes has not read.
func (c *capturer) policies(ctx context.Context, statuses []ecrx.Status) error {
	of := map[string]ecrx.Image{}
	for _, s := range statuses {
		if _, known := c.b.Policies[s.Image.Name()]; !known && s.Image.Private() {
			of[s.Image.Name()] = s.Image
		}
	}
	names := slices.Sorted(maps.Keys(of))
	return c.each(ctx, len(names), func(ctx context.Context, i int) error {
		text, err := lifecyclePolicy(ctx, c.c.ecr, of[names[i]])
		if err != nil {
			return c.problem(ctx, "lifecycle policy of "+of[names[i]].Repository, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.b.Policies[names[i]] = text
		return nil
	})
}

// freezeTime is for how long the images of the way forward must stay: long
// enough for a team to put its lifecycle policy right.
const freezeTime = 14 * 24 * time.Hour

// needs are the revisions whose images must stay: those in use or on the way.
func (c *capturer) needs(s *ServiceFacts) []string {
	out := []string{s.Forward, s.Current, s.Serving()}
	if c.o.recordedToo {
		out = append(out, s.Back)
	}
	return out
}

// freezes asks which lifecycle rules would take images away that the revisions
// in use or on the way need.
func (c *capturer) freezes(ctx context.Context) error {
	needed := map[string][]ecrx.Image{}
	need := func(ref string) {
		i, err := ecrx.Parse(ref)
		if err == nil && i.Private() && c.b.Images[ref].State.Usable() && !slices.Contains(needed[i.Name()], i) {
			needed[i.Name()] = append(needed[i.Name()], i)
		}
	}
	for _, s := range c.b.Services {
		for _, rev := range c.needs(&s) {
			for _, x := range s.Definitions[rev].Containers {
				need(x.Image)
			}
		}
	}
	for _, ref := range c.o.images {
		need(ref)
	}
	c.b.Freezes = map[string]*ecrx.Frozen{}
	names := slices.Sorted(maps.Keys(needed))
	return c.each(ctx, len(names), func(ctx context.Context, i int) error {
		image := needed[names[i]][0]
		f, err := repositoryOf(image).Freeze(ctx, c.c.ecr, needed[names[i]], c.o.headroom, func(o *ecrx.FreezeOptions) { o.DryRun, o.Now, o.Interval = true, c.o.Now, c.o.Interval })
		if err != nil {
			return c.problem(ctx, "lifecycle policy of "+image.Repository, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.b.Freezes[names[i]], c.b.Policies[names[i]] = f, f.Old
		return nil
	})
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

// importers records what the stacks have, and who imports it.
func (c *capturer) importers(ctx context.Context) error {
	ledger, err := c.b.Tree.Record(ctx, c.c.cfn)
	if err != nil {
		if err := c.problem(ctx, "importers of exports", err); err != nil {
			return err
		}
	}
	c.b.Ledger = withoutSecrets(ledger)
	return nil
}

// outputs finds those that the stacks have lost.
func (c *capturer) outputs(ctx context.Context) error {
	d, err := c.b.Tree.NewDraft(ctx, c.c.s3)
	if err != nil {
		c.b.LostUnread = redact.Text(err.Error())
		return c.problem(ctx, "templates", err)
	}
	for s := range c.b.Tree.All() {
		if d.Stored(s) {
			c.b.Stored = append(c.b.Stored, s.ID)
		}
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
