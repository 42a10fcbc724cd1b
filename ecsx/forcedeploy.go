package ecsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ForceDeployAPI is DescribeServices, DescribeTaskDefinition,
// ListTaskDefinitions, RegisterTaskDefinition, DeregisterTaskDefinition and
// UpdateService of *ecs.Client.
type ForceDeployAPI interface {
	ecs.DescribeServicesAPIClient
	ecs.ListTaskDefinitionsAPIClient
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	RegisterTaskDefinition(context.Context, *ecs.RegisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error)
	DeregisterTaskDefinition(context.Context, *ecs.DeregisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error)
	UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
}

// ForceDeployOptions change [ForceDeployLatest]. The zero value is the
// default.
type ForceDeployOptions struct {
	// From is the task definition to clone, as ARN, "family:revision" or
	// "family". Defaults to the one that serves: that of the running tasks, or the
	// service's own where none or tasks of two revisions run.
	From string
	// DryRun returns what would be deployed, without registering or deploying
	// anything: TaskDefinition and ID are empty then.
	DryRun bool
	// RegisterOnly registers the revision, or finds an equal one, and starts no
	// deployment: ID is empty then.
	RegisterOnly bool
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
	// Observe is called with each thing that was done, after it was done.
	Observe func(Event)
}

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
	// UnderWay says that another deployment or a rollback was under way when this
	// one was asked for, and which; "" where none was. A deployment that replaces a
	// rollback has nothing to go back to.
	UnderWay string `json:"underWay,omitempty"`
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
// [Deployment.WaitRollout].
//
// resolver returns the image to use for a reference: the same reference, another
// one, "" when there is none (the deploy is refused with [ErrImageNotFound]
// before anything is changed), or an error when that is not known (the deploy
// stops). A nil resolver keeps every reference; ECS resolves tags anew for the
// forced deployment.
//
// The new revision has the tag "stackrescue:owner"; an equal ACTIVE revision that has the
// tag is used again instead of registering another. A revision that something
// else registered, such as a stack, is never deployed. A service whose
// deployments ECS does not own is refused with [ErrUnsupportedController]
// before anything is registered.
//
// It returns [ErrChanged] if somebody else has started a deployment since the
// service was first read: theirs is left alone. A revision that was registered
// and then not deployed is deregistered again.
//
// Calls ecs:DescribeServices, ecs:DescribeTaskDefinition,
// ecs:ListTaskDefinitions, ecs:RegisterTaskDefinition,
// ecs:DeregisterTaskDefinition, ecs:UpdateService. Needs iam:PassRole on the
// task's roles and ecs:TagResource.
//
// Each call starts one deployment; a response that gets lost on the way does
// not start a second one.
func ForceDeployLatest(ctx context.Context, api ForceDeployAPI, svc Service, resolver func(ctx context.Context, ref string) (string, error), optFns ...func(*ForceDeployOptions)) (*Deployment, error) {
	d := deployer{api: api, svc: svc}
	for _, fn := range optFns {
		if fn != nil {
			fn(&d.opts)
		}
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
	if out.UnderWay = underWay(s); out.UnderWay != "" {
		d.observe("under-way", out.Previous, "%s", out.UnderWay)
	}
	in, err := d.render(ctx, cmp.Or(d.opts.From, serving(s), out.PreviousTaskDefinition), resolver, out)
	if err != nil {
		return nil, err
	}
	if d.opts.DryRun {
		return out, nil
	}
	if out.TaskDefinition, out.Registered, err = d.register(ctx, in); err != nil {
		return nil, err
	}
	if d.opts.RegisterOnly {
		return out, nil
	}
	if err := d.update(ctx, out); err != nil {
		if out.Registered && !errors.Is(err, errUncertain) {
			err = errors.Join(err, d.deregister(ctx, out.TaskDefinition))
		}
		return nil, err
	}
	return out, nil
}

// serving is the revision of the running tasks; "" where none or tasks of two
// run.
func serving(s *types.Service) string {
	arn := ""
	for _, d := range s.Deployments {
		if d.RunningCount == 0 {
			continue
		}
		if arn != "" && arn != aws.ToString(d.TaskDefinition) {
			return ""
		}
		arn = aws.ToString(d.TaskDefinition)
	}
	return arn
}

// underWay says which deployment or rollback of the service has not ended.
func underWay(s *types.Service) string {
	p := primary(s)
	if p == nil || p.RolloutState != types.DeploymentRolloutStateInProgress {
		return ""
	}
	if strings.Contains(aws.ToString(p.RolloutStateReason), "rolling back") {
		return "a rollback to " + afterSlash(aws.ToString(p.TaskDefinition)) + " is under way: a new deployment ends it"
	}
	return "deployment " + aws.ToString(p.Id) + " of " + afterSlash(aws.ToString(p.TaskDefinition)) + " is under way"
}

type deployer struct {
	api  ForceDeployAPI
	svc  Service
	opts ForceDeployOptions
}

func (d *deployer) observe(kind, subject, format string, a ...any) {
	if d.opts.Observe != nil {
		d.opts.Observe(Event{Kind: kind, Service: d.svc, Subject: subject, Text: fmt.Sprintf(format, a...)})
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
	in := clone(td.TaskDefinition, td.Tags)
	if d.opts.Family != "" {
		in.Family = &d.opts.Family
	}
	var missing []error
	for i := range in.ContainerDefinitions {
		c := &in.ContainerDefinitions[i]
		ref := aws.ToString(c.Image)
		if resolver == nil {
			out.Images = append(out.Images, ImageChange{Container: aws.ToString(c.Name), From: ref, To: ref})
			continue
		}
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
	setTag(in, tagOwner, ownerValue)
	setTag(in, tagSource, aws.ToString(td.TaskDefinition.TaskDefinitionArn))
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
