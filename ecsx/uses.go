package ecsx

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/clock"
)

// UsesAPI is ListTasks, DescribeTasks, ListServices, DescribeServices,
// ListServiceDeployments, DescribeServiceRevisions, ListTaskDefinitions and
// DescribeTaskDefinition of *ecs.Client.
type UsesAPI interface {
	ecs.ListTasksAPIClient
	ecs.DescribeTasksAPIClient
	ecs.ListServicesAPIClient
	ecs.DescribeServicesAPIClient
	ecs.ListTaskDefinitionsAPIClient
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
}

// taskDefinitionAPI is DescribeTaskDefinition of *ecs.Client.
type taskDefinitionAPI interface {
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// UsesOptions change [Uses]. The zero value is the default.
type UsesOptions struct {
	// Services are the names of the services to look at, with their tasks.
	// Defaults to everything in the cluster.
	Services []string
	// Revisions is how many of the newest ACTIVE revisions count as needed in
	// each family that the cluster uses. Defaults to 3; a negative value means
	// none.
	Revisions int
	// Deployments is how many of the newest deployments of each service count:
	// what a rollback goes back to. Defaults to 10, at most 100.
	Deployments int
}

// Uses yields every image that a cluster needs, with who needs it, such as
// "task prod/0123": those of its tasks, of its services' deployments and task
// sets, of the service revisions that a rollback would go back to, and of the
// newest revisions of their task definitions. Ref is the image as the task
// definition has it, with "@" and the digest where ECS recorded one: that is
// what a rollback pulls. The same image may come more than once.
//
// An error is yielded at most once, last: what was yielded then is not all. The
// sequence can be ranged over once. Its type is also that of package ecrx.
//
// It makes one ecs:ListServiceDeployments for each service,
// one ecs:DescribeServiceRevisions for each 20 service revisions, and one
// ecs:DescribeTaskDefinition for each distinct task definition that no service
// revision describes, ten at a time.
//
// Calls ecs:ListTasks, ecs:DescribeTasks, ecs:ListServices,
// ecs:DescribeServices, ecs:ListServiceDeployments,
// ecs:DescribeServiceRevisions, ecs:ListTaskDefinitions and
// ecs:DescribeTaskDefinition. Safe to repeat.
func Uses(ctx context.Context, api UsesAPI, cluster string, optFns ...func(*UsesOptions)) iter.Seq2[struct{ Ref, By string }, error] {
	var opts UsesOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&opts)
		}
	}
	opts.Revisions, opts.Deployments = cmp.Or(opts.Revisions, 3), min(cmp.Or(opts.Deployments, 10), 100)
	return func(yield func(struct{ Ref, By string }, error) bool) {
		u := uses{api: api, cluster: cmp.Or(cluster, "default"), opts: opts}
		err := u.read(ctx)
		for _, x := range u.found {
			if !yield(x, nil) {
				return
			}
		}
		if err != nil {
			yield(struct{ Ref, By string }{}, fmt.Errorf("cluster %s: %w", afterSlash(u.cluster), err))
		}
	}
}

type uses struct {
	api     UsesAPI
	cluster string
	opts    UsesOptions
	found   []struct{ Ref, By string }
	// defs are the ARNs of task definitions in use, and known those whose images
	// are found already.
	defs, known map[string]bool
	rolling     []types.Service // whose deployments are ECS's own
}

// read finds what is in use: tasks and services at the same time, then what the
// services' deployments and the families name.
func (u *uses) read(ctx context.Context) error {
	u.defs, u.known = map[string]bool{}, map[string]bool{}
	tasks, services := []types.Task(nil), []types.Service(nil)
	err := concurrently(ctx, 2, func(ctx context.Context, i int) (err error) {
		if i == 0 {
			tasks, err = u.tasks(ctx)
		} else {
			services, err = u.services(ctx)
		}
		return err
	})
	for _, t := range tasks {
		u.define(t.TaskDefinitionArn)
		for _, c := range t.Containers {
			u.use(aws.ToString(c.Image), aws.ToString(c.ImageDigest), "task "+afterSlash(u.cluster)+"/"+afterSlash(aws.ToString(t.TaskArn)))
		}
	}
	for _, s := range services {
		u.service(s)
	}
	for _, part := range []func(context.Context) error{u.deployments, u.families, u.definitions} {
		if err == nil {
			err = part(ctx)
		}
	}
	return err
}

func (u *uses) use(ref, digest, by string) {
	if ref == "" {
		return
	}
	u.found = append(u.found, struct{ Ref, By string }{pinned(ref, digest), by})
}

// pinned is a reference with the digest that ECS recorded for it, if any.
func pinned(ref, digest string) string {
	if digest != "" && !strings.Contains(ref, "@") {
		ref += "@" + digest
	}
	return ref
}

func (u *uses) define(arn *string) {
	if aws.ToString(arn) != "" {
		u.defs[*arn] = true
	}
}

func (u *uses) tasks(ctx context.Context) ([]types.Task, error) {
	if len(u.opts.Services) == 0 {
		return u.tasksOf(ctx, nil)
	}
	found := make([][]types.Task, len(u.opts.Services))
	err := concurrently(ctx, len(found), func(ctx context.Context, i int) (err error) {
		if found[i], err = u.tasksOf(ctx, &u.opts.Services[i]); err != nil {
			err = fmt.Errorf("service %s: %w", u.opts.Services[i], err)
		}
		return err
	})
	return slices.Concat(found...), err
}

func (u *uses) tasksOf(ctx context.Context, service *string) (found []types.Task, err error) {
	for p := ecs.NewListTasksPaginator(u.api, &ecs.ListTasksInput{Cluster: &u.cluster, ServiceName: service}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil || len(page.TaskArns) == 0 {
			return found, err
		}
		out, err := u.api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &u.cluster, Tasks: page.TaskArns})
		if err != nil {
			return found, err
		}
		found = append(found, out.Tasks...)
	}
	return found, nil
}

func (u *uses) services(ctx context.Context) ([]types.Service, error) {
	names := u.opts.Services
	if len(names) == 0 {
		for p := ecs.NewListServicesPaginator(u.api, &ecs.ListServicesInput{Cluster: &u.cluster, MaxResults: aws.Int32(100)}); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			names = append(names, page.ServiceArns...)
		}
	}
	chunks := slices.Collect(slices.Chunk(names, 10))
	found := make([][]types.Service, len(chunks))
	err := concurrently(ctx, len(chunks), func(ctx context.Context, i int) error {
		out, err := u.api.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &u.cluster, Services: chunks[i]})
		if err != nil {
			return err
		}
		if len(out.Failures) > 0 {
			f := out.Failures[0]
			return fmt.Errorf("service %s: %w: %s", afterSlash(aws.ToString(f.Arn)), ErrNotFound, aws.ToString(f.Reason))
		}
		found[i] = out.Services
		return nil
	})
	return slices.Concat(found...), err
}

// service notes what one says itself, and keeps it for its deployments.
func (u *uses) service(s types.Service) {
	u.define(s.TaskDefinition)
	for _, d := range s.Deployments {
		u.define(d.TaskDefinition)
	}
	for _, t := range s.TaskSets {
		u.define(t.TaskDefinition)
	}
	if c := s.DeploymentController; c == nil || c.Type == "" || c.Type == types.DeploymentControllerTypeEcs {
		u.rolling = append(u.rolling, s) // for others, task sets are all there is
	}
}

// maxRevisions is how many service revisions one call describes.
//
// Source:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceRevisions.html
const maxRevisions = 20

// parallelReads is how many calls are under way at once, each for another
// service, family or revision.
const parallelReads = 10

// concurrently runs fn for 0..n-1, some at a time.
func concurrently(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	g, ctx := clock.NewGroup(ctx, parallelReads)
	for i := range n {
		g.Go(func() error { return fn(ctx, i) })
	}
	return g.Wait()
}

// deployments reads the revisions of all services, as many at a time as one call
// takes, whosever they are.
func (u *uses) deployments(ctx context.Context) error {
	found := make([]map[string]bool, len(u.rolling))
	err := concurrently(ctx, len(u.rolling), func(ctx context.Context, i int) error {
		s := u.rolling[i]
		found[i] = map[string]bool{}
		for _, r := range s.CurrentServiceRevisions {
			found[i][aws.ToString(r.Arn)] = true
		}
		list, err := u.api.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: &u.cluster, Service: s.ServiceArn, MaxResults: aws.Int32(int32(u.opts.Deployments))})
		if err != nil {
			return fmt.Errorf("service %s: %w", aws.ToString(s.ServiceName), err)
		}
		for _, d := range list.ServiceDeployments {
			found[i][aws.ToString(d.TargetServiceRevisionArn)] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	owner := map[string]string{}
	for i, revisions := range found {
		delete(revisions, "")
		for arn := range revisions {
			owner[arn] = aws.ToString(u.rolling[i].ServiceName)
		}
	}
	chunks := slices.Collect(slices.Chunk(slices.Sorted(maps.Keys(owner)), maxRevisions))
	pages := make([]*ecs.DescribeServiceRevisionsOutput, len(chunks))
	err = concurrently(ctx, len(chunks), func(ctx context.Context, i int) (err error) {
		pages[i], err = u.api.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: chunks[i]})
		return err
	})
	if err != nil {
		return err
	}
	for _, page := range pages {
		for _, r := range page.ServiceRevisions {
			u.define(r.TaskDefinition)
			by := fmt.Sprintf("service %s/%s revision %s", afterSlash(u.cluster), owner[aws.ToString(r.ServiceRevisionArn)], afterSlash(aws.ToString(r.ServiceRevisionArn)))
			for _, c := range r.ContainerImages {
				u.use(aws.ToString(c.Image), aws.ToString(c.ImageDigest), by)
			}
			u.images(r)
		}
	}
	return nil
}

// images takes a task definition's images from a service revision, which names
// all of them, so that it need not be described for them.
//
// Source:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html
func (u *uses) images(r types.ServiceRevision) {
	arn := aws.ToString(r.TaskDefinition)
	if arn == "" || u.known[arn] || len(r.ContainerImages) == 0 || slices.ContainsFunc(r.ContainerImages, func(c types.ContainerImage) bool { return aws.ToString(c.Image) == "" }) {
		return
	}
	u.known[arn] = true
	for _, c := range r.ContainerImages {
		u.use(*c.Image, "", "task definition "+afterSlash(arn))
	}
}

// families adds the newest revisions of every family in use.
func (u *uses) families(ctx context.Context) error {
	if u.opts.Revisions < 0 {
		return nil
	}
	var families []string
	for arn := range u.defs {
		family, _, _ := strings.Cut(afterSlash(arn), ":")
		families = append(families, family)
	}
	slices.Sort(families)
	families = slices.Compact(families)
	newest, whole, err := u.allFamilies(ctx, len(families))
	if err != nil {
		return err
	}
	if whole {
		for _, family := range families {
			for _, arn := range newest[family] {
				u.defs[arn] = true
			}
		}
		return nil
	}
	each := make([][]string, len(families))
	err = concurrently(ctx, len(families), func(ctx context.Context, i int) error {
		list, err := u.api.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &families[i], Sort: types.SortOrderDesc, MaxResults: aws.Int32(int32(min(u.opts.Revisions, 100)))})
		if err == nil {
			each[i] = list.TaskDefinitionArns
		}
		return err
	})
	for _, arn := range slices.Concat(each...) {
		u.defs[arn] = true
	}
	return err
}

// allFamilies lists the revisions of all families of the account, if they fit
// into fewer pages than a quarter of the calls for one family each: whole says
// whether they did. The newest of each family come first.
func (u *uses) allFamilies(ctx context.Context, families int) (newest map[string][]string, whole bool, err error) {
	newest = map[string][]string{}
	in := &ecs.ListTaskDefinitionsInput{Sort: types.SortOrderDesc, MaxResults: aws.Int32(100)}
	for range families / 4 {
		page, err := u.api.ListTaskDefinitions(ctx, in)
		if err != nil {
			return nil, false, err
		}
		for _, arn := range page.TaskDefinitionArns {
			family, _, _ := strings.Cut(afterSlash(arn), ":")
			if len(newest[family]) < u.opts.Revisions {
				newest[family] = append(newest[family], arn)
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return newest, true, nil
		}
	}
	return nil, false, nil
}

func (u *uses) definitions(ctx context.Context) error {
	arns := slices.DeleteFunc(slices.Sorted(maps.Keys(u.defs)), func(arn string) bool { return u.known[arn] })
	images := make([][]string, len(arns))
	err := concurrently(ctx, len(arns), func(ctx context.Context, i int) (err error) {
		images[i], err = taskDefinitionImages(ctx, u.api, arns[i])
		return err
	})
	if err != nil {
		return err
	}
	for i, arn := range arns {
		for _, ref := range images[i] {
			u.use(ref, "", "task definition "+afterSlash(arn))
		}
	}
	return nil
}
