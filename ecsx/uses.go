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
	TaskDefinitionAPI
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
}

// TaskDefinitionAPI is DescribeTaskDefinition of *ecs.Client.
type TaskDefinitionAPI interface {
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
// Calls ecs:ListTasks, ecs:DescribeTasks, ecs:ListServices,
// ecs:DescribeServices, ecs:ListServiceDeployments,
// ecs:DescribeServiceRevisions, ecs:ListTaskDefinitions and, once for each
// distinct revision, ecs:DescribeTaskDefinition. Safe to repeat.
func Uses(ctx context.Context, api UsesAPI, cluster string, optFns ...func(*UsesOptions)) iter.Seq2[struct{ Ref, By string }, error] {
	var opts UsesOptions
	for _, fn := range optFns {
		fn(&opts)
	}
	opts.Revisions, opts.Deployments = cmp.Or(opts.Revisions, 3), min(cmp.Or(opts.Deployments, 10), 100)
	return func(yield func(struct{ Ref, By string }, error) bool) {
		u := uses{api: api, cluster: cmp.Or(cluster, "default"), opts: opts, defs: map[string]bool{}, yield: yield}
		for _, part := range []func(context.Context) error{u.tasks, u.services, u.families, u.definitions} {
			if err := part(ctx); err != nil && !u.stopped {
				yield(struct{ Ref, By string }{}, fmt.Errorf("cluster %s: %w", afterSlash(u.cluster), err))
				return
			}
			if u.stopped {
				return
			}
		}
	}
}

type uses struct {
	api     UsesAPI
	cluster string
	opts    UsesOptions
	defs    map[string]bool // ARNs of task definitions in use
	yield   func(struct{ Ref, By string }, error) bool
	stopped bool
}

func (u *uses) use(ref, digest, by string) {
	if ref == "" || u.stopped {
		return
	}
	if digest != "" && !strings.Contains(ref, "@") {
		ref += "@" + digest
	}
	u.stopped = !u.yield(struct{ Ref, By string }{ref, by}, nil)
}

func (u *uses) define(arn *string) {
	if aws.ToString(arn) != "" {
		u.defs[*arn] = true
	}
}

func (u *uses) tasks(ctx context.Context) error {
	if len(u.opts.Services) == 0 {
		return u.tasksOf(ctx, nil)
	}
	for _, name := range u.opts.Services {
		if err := u.tasksOf(ctx, &name); err != nil {
			return fmt.Errorf("service %s: %w", name, err)
		}
	}
	return nil
}

func (u *uses) tasksOf(ctx context.Context, service *string) error {
	for p := ecs.NewListTasksPaginator(u.api, &ecs.ListTasksInput{Cluster: &u.cluster, ServiceName: service}); p.HasMorePages() && !u.stopped; {
		page, err := p.NextPage(ctx)
		if err != nil || len(page.TaskArns) == 0 {
			return err
		}
		out, err := u.api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &u.cluster, Tasks: page.TaskArns})
		if err != nil {
			return err
		}
		for _, t := range out.Tasks {
			u.define(t.TaskDefinitionArn)
			for _, c := range t.Containers {
				u.use(aws.ToString(c.Image), aws.ToString(c.ImageDigest), "task "+afterSlash(u.cluster)+"/"+afterSlash(aws.ToString(t.TaskArn)))
			}
		}
	}
	return nil
}

func (u *uses) services(ctx context.Context) error {
	if len(u.opts.Services) > 0 {
		return u.describe(ctx, u.opts.Services)
	}
	for p := ecs.NewListServicesPaginator(u.api, &ecs.ListServicesInput{Cluster: &u.cluster, MaxResults: aws.Int32(100)}); p.HasMorePages() && !u.stopped; {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := u.describe(ctx, page.ServiceArns); err != nil {
			return err
		}
	}
	return nil
}

func (u *uses) describe(ctx context.Context, services []string) error {
	for chunk := range slices.Chunk(services, 10) {
		out, err := u.api.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &u.cluster, Services: chunk})
		if err != nil {
			return err
		}
		for _, f := range out.Failures {
			return fmt.Errorf("service %s: %w: %s", afterSlash(aws.ToString(f.Arn)), ErrNotFound, aws.ToString(f.Reason))
		}
		for _, s := range out.Services {
			if err := u.service(ctx, s); err != nil {
				return fmt.Errorf("service %s: %w", aws.ToString(s.ServiceName), err)
			}
		}
	}
	return nil
}

func (u *uses) service(ctx context.Context, s types.Service) error {
	u.define(s.TaskDefinition)
	for _, d := range s.Deployments {
		u.define(d.TaskDefinition)
	}
	for _, t := range s.TaskSets {
		u.define(t.TaskDefinition)
	}
	if c := s.DeploymentController; c != nil && c.Type != "" && c.Type != types.DeploymentControllerTypeEcs {
		return nil // task sets are all there is
	}
	revisions := map[string]bool{}
	for _, r := range s.CurrentServiceRevisions {
		revisions[aws.ToString(r.Arn)] = true
	}
	list, err := u.api.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: &u.cluster, Service: s.ServiceArn, MaxResults: aws.Int32(int32(u.opts.Deployments))})
	if err != nil {
		return err
	}
	for _, d := range list.ServiceDeployments {
		revisions[aws.ToString(d.TargetServiceRevisionArn)] = true
	}
	delete(revisions, "")
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(revisions)), 20) {
		out, err := u.api.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: chunk})
		if err != nil {
			return err
		}
		for _, r := range out.ServiceRevisions {
			u.define(r.TaskDefinition)
			for _, c := range r.ContainerImages {
				u.use(aws.ToString(c.Image), aws.ToString(c.ImageDigest), fmt.Sprintf("service %s/%s revision %s", afterSlash(u.cluster), aws.ToString(s.ServiceName), afterSlash(aws.ToString(r.ServiceRevisionArn))))
			}
		}
	}
	return nil
}

// families adds the newest revisions of every family in use.
func (u *uses) families(ctx context.Context) error {
	if u.opts.Revisions < 0 {
		return nil
	}
	seen := map[string]bool{}
	for _, arn := range slices.Sorted(maps.Keys(u.defs)) {
		family, _, _ := strings.Cut(afterSlash(arn), ":")
		if seen[family] {
			continue
		}
		seen[family] = true
		list, err := u.api.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &family, Sort: types.SortOrderDesc, MaxResults: aws.Int32(int32(min(u.opts.Revisions, 100)))})
		if err != nil {
			return err
		}
		for _, arn := range list.TaskDefinitionArns {
			u.defs[arn] = true
		}
	}
	return nil
}

func (u *uses) definitions(ctx context.Context) error {
	for _, arn := range slices.Sorted(maps.Keys(u.defs)) {
		refs, err := taskDefinitionImages(ctx, u.api, arn)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			u.use(ref, "", "task definition "+afterSlash(arn))
		}
	}
	return nil
}

// TaskDefinitionImages returns a function that says which images a resource of
// a stack needs: those of a task definition, none of anything else. It fits
// package cfnx.
//
// Calls ecs:DescribeTaskDefinition. Safe to repeat.
func TaskDefinitionImages(api TaskDefinitionAPI) func(ctx context.Context, resourceType, physicalID string) ([]string, error) {
	return func(ctx context.Context, resourceType, physicalID string) ([]string, error) {
		if resourceType != "AWS::ECS::TaskDefinition" || physicalID == "" {
			return nil, nil
		}
		return taskDefinitionImages(ctx, api, physicalID)
	}
}

func taskDefinitionImages(ctx context.Context, api TaskDefinitionAPI, arn string) ([]string, error) {
	out, err := api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	if err != nil {
		return nil, fmt.Errorf("task definition %s: %w", afterSlash(arn), err)
	}
	var refs []string
	for _, c := range out.TaskDefinition.ContainerDefinitions {
		refs = append(refs, aws.ToString(c.Image))
	}
	return refs, nil
}
