package ecsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// ForceDeployAPI is DescribeServices, DescribeTaskDefinition,
// ListTaskDefinitions, RegisterTaskDefinition and UpdateService of
// *ecs.Client.
type ForceDeployAPI interface {
	ecs.DescribeServicesAPIClient
	ecs.ListTaskDefinitionsAPIClient
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	RegisterTaskDefinition(context.Context, *ecs.RegisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error)
	UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
}

// ForceDeployOptions change [ForceDeployLatest]. The zero value is the
// default.
type ForceDeployOptions struct {
	// From is the task definition to clone, as ARN, "family:revision" or
	// "family". Defaults to the service's current one.
	From string
	// Family is the family of the new revision. Defaults to that of From.
	Family string
	// Edit changes the new revision after its images were set, such as its
	// secrets. nil changes nothing.
	Edit func(*ecs.RegisterTaskDefinitionInput) error
	// Tags are added to the new revision, beside those of From.
	Tags map[string]string
	// Interval is the time between two tries of a call that failed for a passing
	// reason. Defaults to 2 s.
	Interval time.Duration
	// Observe is told what was done, after it was done.
	Observe func(DeployEvent)
}

// DeployEvent is one thing that [ForceDeployLatest] did.
type DeployEvent struct {
	Service Service
	Text    string
}

// String is one line.
func (e DeployEvent) String() string { return "service " + e.Service.String() + ": " + e.Text }

// Deployment is a deployment that was started.
type Deployment struct {
	Service Service `json:"service"`
	// ID is such as "ecs-svc/1234567890123456789".
	ID string `json:"id"`
	// Record is the ARN of the service deployment; "" where ECS gave none.
	Record string `json:"record,omitempty"`
	// TaskDefinition is the ARN of the revision it deploys.
	TaskDefinition string `json:"taskDefinition"`
	// Previous is the deployment that was PRIMARY before, and
	// PreviousTaskDefinition its revision.
	Previous               string `json:"previous,omitempty"`
	PreviousTaskDefinition string `json:"previousTaskDefinition,omitempty"`
	// Registered is true when the revision is new, false when an equal one that
	// this package had registered was used again.
	Registered bool `json:"registered"`
	// Images are the containers' images, changed or not.
	Images []ImageChange `json:"images"`
}

// ImageChange is what became of one container's image.
type ImageChange struct {
	Container string `json:"container"`
	From      string `json:"from"`
	To        string `json:"to"`
}

// ForceDeployLatest registers a clone of the service's task definition in which
// every container, sidecars and init containers too, has an image that exists,
// and starts one forced deployment of it. It returns without waiting; see
// [WaitRollout].
//
// resolver says which image stands for a reference: the same reference, another
// one, "" when there is none (the deploy is refused with [ErrImageNotFound]
// before anything is changed), or an error when that is not known (the deploy
// stops).
//
// The new revision carries [TagOwner]; an equal ACTIVE revision that has the
// tag is used again instead of registering another. A revision that something
// else registered, such as a stack, is never deployed. A service whose
// deployments ECS does not own is refused with [ErrUnsupportedController]
// before anything is registered.
//
// Calls ecs:DescribeServices, ecs:DescribeTaskDefinition,
// ecs:ListTaskDefinitions, ecs:RegisterTaskDefinition, ecs:UpdateService.
// Needs iam:PassRole on the task's roles and ecs:TagResource.
//
// Each call starts one deployment; a response that gets lost on the way does
// not start a second one.
func ForceDeployLatest(ctx context.Context, api ForceDeployAPI, svc Service, resolver func(ctx context.Context, ref string) (string, error), optFns ...func(*ForceDeployOptions)) (*Deployment, error) {
	d := deployer{api: api, svc: svc}
	for _, fn := range optFns {
		fn(&d.opts)
	}
	d.opts.Interval = cmp.Or(d.opts.Interval, 2*time.Second)
	s, err := describe(ctx, api, svc)
	if err != nil {
		return nil, err
	}
	if err := supported(svc, s); err != nil {
		return nil, err
	}
	out := &Deployment{Service: svc, PreviousTaskDefinition: aws.ToString(s.TaskDefinition)}
	if p := primary(s); p != nil {
		out.Previous = aws.ToString(p.Id)
	}
	in, err := d.render(ctx, cmp.Or(d.opts.From, out.PreviousTaskDefinition), resolver, out)
	if err != nil {
		return nil, err
	}
	if out.TaskDefinition, out.Registered, err = d.register(ctx, in); err != nil {
		return nil, err
	}
	if err := d.update(ctx, out); err != nil {
		return nil, err
	}
	return out, nil
}

type deployer struct {
	api  ForceDeployAPI
	svc  Service
	opts ForceDeployOptions
}

func (d *deployer) observe(format string, a ...any) {
	if d.opts.Observe != nil {
		d.opts.Observe(DeployEvent{Service: d.svc, Text: fmt.Sprintf(format, a...)})
	}
}

func supported(svc Service, s *types.Service) error {
	if s.DeploymentController == nil || s.DeploymentController.Type == "" || s.DeploymentController.Type == types.DeploymentControllerTypeEcs {
		return nil
	}
	next := "create a task set"
	if s.DeploymentController.Type == types.DeploymentControllerTypeCodeDeploy {
		next = "use aws deploy create-deployment"
	}
	return fmt.Errorf("service %s: %s: %w: %s", svc, s.DeploymentController.Type, ErrUnsupportedController, next)
}

// render is the input that registers the revision to deploy.
func (d *deployer) render(ctx context.Context, from string, resolver func(context.Context, string) (string, error), out *Deployment) (*ecs.RegisterTaskDefinitionInput, error) {
	td, err := d.api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &from, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
	if err != nil {
		return nil, fmt.Errorf("service %s: task definition %s: %w", d.svc, afterSlash(from), err)
	}
	in := Clone(td.TaskDefinition, td.Tags)
	if d.opts.Family != "" {
		in.Family = &d.opts.Family
	}
	var missing []error
	for i := range in.ContainerDefinitions {
		c := &in.ContainerDefinitions[i]
		ref := aws.ToString(c.Image)
		to, err := resolver(ctx, ref)
		if err != nil {
			return nil, fmt.Errorf("service %s: container %s: image %s: %w", d.svc, aws.ToString(c.Name), ref, err)
		}
		if to == "" {
			missing = append(missing, fmt.Errorf("service %s: container %s: image %s: %w", d.svc, aws.ToString(c.Name), ref, ErrImageNotFound))
			continue
		}
		out.Images = append(out.Images, ImageChange{Container: aws.ToString(c.Name), From: ref, To: to})
		c.Image = &to
	}
	if len(missing) > 0 {
		return nil, errors.Join(missing...)
	}
	setTag(in, TagOwner, OwnerValue)
	setTag(in, TagSource, aws.ToString(td.TaskDefinition.TaskDefinitionArn))
	for k, v := range d.opts.Tags {
		setTag(in, k, v)
	}
	if d.opts.Edit != nil {
		if err := d.opts.Edit(in); err != nil {
			return nil, fmt.Errorf("service %s: %w", d.svc, err)
		}
	}
	return in, nil
}

func setTag(in *ecs.RegisterTaskDefinitionInput, key, value string) {
	in.Tags = slices.DeleteFunc(in.Tags, func(t types.Tag) bool { return aws.ToString(t.Key) == key })
	in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
}

// once keeps the SDK from repeating a call whose answer was lost: repeating it
// would do it twice.
func once(o *ecs.Options) { o.RetryMaxAttempts = 1 }

// tries is how often a mutation is tried in all.
const tries = 8

// register finds or makes the revision.
func (d *deployer) register(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (arn string, registered bool, err error) {
	for n := 1; ; n++ {
		if arn, err = d.reusable(ctx, in); err != nil {
			return "", false, err
		}
		if arn != "" {
			d.observe("uses revision %s again", afterSlash(arn))
			return arn, n > 1, nil
		}
		out, err := d.api.RegisterTaskDefinition(ctx, in, once)
		if err == nil {
			arn = aws.ToString(out.TaskDefinition.TaskDefinitionArn)
			d.observe("registered revision %s", afterSlash(arn))
			return arn, true, nil
		}
		if n == tries || !awsretry.Transient(err) && !concurrent(err) {
			return "", false, fmt.Errorf("service %s: register family %s: %w", d.svc, aws.ToString(in.Family), err)
		}
		if err := poll.Sleep(ctx, d.opts.Interval); err != nil {
			return "", false, err
		}
	}
}

// concurrent is an error that ECS gives when revisions of one family are
// registered at the same moment; the SDK does not retry it (docs/aws/ecs.md
// 1.5).
func concurrent(err error) bool {
	e, ok := errors.AsType[*types.ClientException](err)
	return ok && strings.Contains(e.ErrorMessage(), "Too many concurrent attempts")
}

// reusable is the newest ACTIVE revision that this package registered and that
// is what in would register, or "".
func (d *deployer) reusable(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (string, error) {
	const looked = 5 // revisions, newest first: an older one is not worth the calls
	list, err := d.api.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{FamilyPrefix: in.Family, Sort: types.SortOrderDesc, MaxResults: aws.Int32(looked)})
	if err != nil {
		return "", fmt.Errorf("service %s: family %s: %w", d.svc, aws.ToString(in.Family), err)
	}
	for _, arn := range list.TaskDefinitionArns {
		td, err := d.api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
		if err != nil {
			return "", fmt.Errorf("service %s: task definition %s: %w", d.svc, afterSlash(arn), err)
		}
		if td.TaskDefinition.Status == types.TaskDefinitionStatusActive && hasTag(td.Tags, TagOwner, OwnerValue) && same(Clone(td.TaskDefinition, td.Tags), in) {
			return arn, nil
		}
	}
	return "", nil
}

// same compares what two inputs would register; tags do not matter, nor does
// the difference between a list that is empty and one that is left out.
func same(a, b *ecs.RegisterTaskDefinitionInput) bool {
	strip := func(in *ecs.RegisterTaskDefinitionInput) any {
		c := *in
		c.Tags = nil
		c.ContainerDefinitions = slices.Clone(c.ContainerDefinitions)
		for i := range c.ContainerDefinitions {
			if e := c.ContainerDefinitions[i].Essential; e == nil {
				c.ContainerDefinitions[i].Essential = aws.Bool(true) // the documented default
			}
		}
		return deepCopy(reflect.ValueOf(c)).Interface()
	}
	return reflect.DeepEqual(strip(a), strip(b))
}

// update starts the deployment. UpdateService has no idempotency token: when
// its answer is lost, the service is read again before another try.
func (d *deployer) update(ctx context.Context, dep *Deployment) error {
	for n := 1; ; n++ {
		out, err := d.api.UpdateService(ctx, &ecs.UpdateServiceInput{
			Cluster: aws.String(d.svc.cluster()), Service: aws.String(d.svc.Name), TaskDefinition: &dep.TaskDefinition, ForceNewDeployment: true,
		}, once)
		if err == nil && out.Service != nil {
			return d.started(dep, out.Service)
		}
		if n == tries || !awsretry.Transient(err) {
			return fmt.Errorf("service %s: %w", d.svc, err)
		}
		if err := poll.Sleep(ctx, d.opts.Interval); err != nil {
			return err
		}
		s, err := describe(ctx, d.api, d.svc)
		if err != nil {
			return err
		}
		if p := primary(s); p != nil && aws.ToString(p.Id) != dep.Previous && aws.ToString(p.TaskDefinition) == dep.TaskDefinition {
			return d.started(dep, s)
		}
	}
}

func (d *deployer) started(dep *Deployment, s *types.Service) error {
	p := primary(s)
	if p == nil {
		return fmt.Errorf("service %s: no PRIMARY deployment after the update", d.svc)
	}
	dep.ID, dep.Record = aws.ToString(p.Id), aws.ToString(s.CurrentServiceDeployment)
	d.observe("started deployment %s of %s", dep.ID, afterSlash(dep.TaskDefinition))
	return nil
}
