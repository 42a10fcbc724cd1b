package ecsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// PreflightAPI is DescribeServices, DescribeServiceRevisions and
// DescribeTaskDefinition of *ecs.Client.
type PreflightAPI interface {
	ecs.DescribeServicesAPIClient
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// PreflightOptions are what other services know, for [Service.Preflight]. Each function
// returns nil if the thing is there and can be used, an error that matches
// [ErrNotFound] or [ErrImageNotFound] if it is not there, and any other error if
// that is not known. What has no function is a [Finding] with Unknown set. They are
// called for several things at once, once for each.
type PreflightOptions struct {
	// Image is called with an image as the task definition or the service revision
	// has it, and the platform it must have, such as "linux/arm64"; "" where the
	// task definition leaves it to the instances.
	Image func(ctx context.Context, ref, platform string) error
	// Secret is called with the valueFrom of a secret, an ARN of Secrets Manager or
	// Systems Manager or the name of a parameter, and the execution role that is to
	// read it.
	Secret func(ctx context.Context, valueFrom, executionRole string) error
	// LogGroup is called with each log group of awslogs that ECS does not create.
	LogGroup func(ctx context.Context, region, group string) error
	// Role is called with the ARN of the task role and of the execution role.
	Role func(ctx context.Context, arn string) error
}

// Finding is one reason for which a task definition cannot run, or may not.
type Finding struct {
	// Subject is what it is about, such as "container web: image nginx:1".
	Subject string `json:"subject"`
	// Problem is what is wrong with it, and Next what an operator does about it.
	Problem string `json:"problem"`
	Next    string `json:"next,omitempty"`
	// Unknown means that nobody could say whether it is there.
	Unknown bool `json:"unknown,omitempty"`
	// Rollback means that it is about the revision that ECS would go back to.
	Rollback bool `json:"rollback,omitempty"`
}

// String is one line.
func (f Finding) String() string {
	s := f.Subject + ": " + f.Problem
	if f.Rollback {
		s = "rollback: " + s
	}
	if f.Next != "" {
		s += ": " + f.Next
	}
	return s
}

// Preflight says, before anything is registered or deployed, for what reasons
// tasks of in would not start in svc, and for what reasons ECS could not
// go back to the revision that serves now: images and their platform, secrets and
// parameters, log groups, roles, the deployment controller. A nil in leaves out the
// first part, a service that does not exist the second. What cannot be read is a
// finding with Unknown set; the error is that of the service alone, and what was found
// without it is returned beside it.
//
// Calls ecs:DescribeServices, ecs:DescribeServiceRevisions,
// ecs:DescribeTaskDefinition. Safe to repeat.
func (svc Service) Preflight(ctx context.Context, api PreflightAPI, in *ecs.RegisterTaskDefinitionInput, optFns ...func(*PreflightOptions)) ([]Finding, error) {
	p := preflight{asked: map[string]int{}}
	for _, fn := range optFns {
		if fn != nil {
			fn(&p.opts)
		}
	}
	if in != nil {
		p.definition(in, nil, false)
	}
	s, unread := describe(ctx, api, svc)
	switch {
	case errors.Is(unread, ErrNotFound):
		unread = nil
	case unread != nil:
	default:
		if err := supported(svc, s); err != nil {
			p.add(Finding{Subject: "service " + svc.String(), Problem: err.Error()})
		}
		p.rollback(ctx, api, s)
	}
	if err := p.ask(ctx); err != nil {
		return nil, fmt.Errorf("service %s: %w", svc, err)
	}
	var out []Finding
	for _, q := range p.questions {
		out = append(out, q.findings...)
	}
	return out, unread
}

// question is a thing somebody else knows; several findings may come of it.
type question struct {
	ask      func(context.Context) error
	subjects []Finding
	findings []Finding
}

type preflight struct {
	opts      PreflightOptions
	questions []*question
	asked     map[string]int // index of the question, by its text
}

// add notes what is known to be wrong.
func (p *preflight) add(f Finding) {
	p.questions = append(p.questions, &question{findings: []Finding{f}})
}

// about notes a thing that somebody else knows; about the same thing one asks
// once. A nil ask is nobody.
func (p *preflight) about(key string, f Finding, ask func(context.Context) error) {
	if i, ok := p.asked[key]; ok {
		p.questions[i].subjects = append(p.questions[i].subjects, f)
		return
	}
	p.asked[key] = len(p.questions)
	p.questions = append(p.questions, &question{ask: ask, subjects: []Finding{f}})
}

// ask asks all questions, some at a time.
func (p *preflight) ask(ctx context.Context) error {
	err := concurrently(ctx, len(p.questions), func(ctx context.Context, i int) error {
		q := p.questions[i]
		if len(q.subjects) == 0 {
			return nil
		}
		err := errNobody
		if q.ask != nil {
			err = q.ask(ctx)
		}
		if err == nil {
			return nil
		}
		for _, f := range q.subjects {
			switch {
			case errors.Is(err, ErrNotFound), errors.Is(err, ErrImageNotFound):
				f.Problem = err.Error()
			default:
				f.Problem, f.Unknown, f.Next = err.Error(), true, ""
			}
			q.findings = append(q.findings, f)
		}
		return ctx.Err()
	})
	return err
}

var errNobody = errors.New("not checked: nothing was given that knows it")

// definition notes what a task definition needs. pinned are the images of a
// service revision, by container.
func (p *preflight) definition(in *ecs.RegisterTaskDefinitionInput, images map[string]string, rollback bool) {
	platform := platformOf(in)
	role := aws.ToString(in.ExecutionRoleArn)
	for _, arn := range []*string{in.ExecutionRoleArn, in.TaskRoleArn} {
		if arn := aws.ToString(arn); arn != "" {
			p.about("role "+arn, Finding{Subject: "role " + arn, Next: "create the role or name another", Rollback: rollback}, bind(p.opts.Role, arn))
		}
	}
	for _, c := range in.ContainerDefinitions {
		subject := "container " + aws.ToString(c.Name) + ": "
		ref := cmp.Or(images[aws.ToString(c.Name)], aws.ToString(c.Image))
		var ask func(context.Context) error
		if p.opts.Image != nil {
			ask = func(ctx context.Context) error { return p.opts.Image(ctx, ref, platform) }
		}
		p.about("image "+ref+" "+platform, Finding{Subject: subject + "image " + ref, Next: classImageMissing.NextStep(), Rollback: rollback}, ask)
		secrets := slices.Clone(c.Secrets)
		if l := c.LogConfiguration; l != nil {
			secrets = append(secrets, l.SecretOptions...)
			p.logGroup(subject, l, in, rollback)
		}
		if r := c.RepositoryCredentials; r != nil {
			secrets = append(secrets, types.Secret{Name: aws.String("repositoryCredentials"), ValueFrom: r.CredentialsParameter})
		}
		for _, s := range secrets {
			from := aws.ToString(s.ValueFrom)
			f := Finding{Subject: subject + "secret " + aws.ToString(s.Name), Rollback: rollback}
			if role == "" {
				f.Problem, f.Next = "the task definition has no execution role that could read it", "set the execution role"
				p.add(f)
				continue
			}
			var ask func(context.Context) error
			if p.opts.Secret != nil {
				ask = func(ctx context.Context) error { return p.opts.Secret(ctx, from, role) }
			}
			f.Next = classSecretMissing.NextStep()
			p.about("secret "+from+" "+role, f, ask)
		}
	}
}

func bind(fn func(context.Context, string) error, arg string) func(context.Context) error {
	if fn == nil {
		return nil
	}
	return func(ctx context.Context) error { return fn(ctx, arg) }
}

// logGroup notes what awslogs needs (docs/aws/ecs.md 1.6).
func (p *preflight) logGroup(subject string, l *types.LogConfiguration, in *ecs.RegisterTaskDefinitionInput, rollback bool) {
	if l.LogDriver != types.LogDriverAwslogs {
		return
	}
	name, region := l.Options["awslogs-group"], l.Options["awslogs-region"]
	f := Finding{Subject: subject + "log group " + name, Next: classLogGroupMissing.NextStep(), Rollback: rollback}
	fargate := slices.Contains(in.RequiresCompatibilities, types.CompatibilityFargate)
	switch {
	case name == "":
		f.Problem, f.Next = "awslogs-group is not set", "set it"
		p.add(f)
	case fargate && region == "":
		f.Problem, f.Next = "awslogs-region is not set", "set it: Fargate needs it"
		p.add(f)
	case fargate && l.Options["awslogs-stream-prefix"] == "":
		f.Problem, f.Next = "awslogs-stream-prefix is not set", "set it: Fargate needs it"
		p.add(f)
	case fargate && aws.ToString(in.ExecutionRoleArn) == "":
		f.Problem, f.Next = "the task definition has no execution role that could write to it", "set the execution role"
		p.add(f)
	case l.Options["awslogs-create-group"] == "true":
	default:
		var ask func(context.Context) error
		if p.opts.LogGroup != nil {
			ask = func(ctx context.Context) error { return p.opts.LogGroup(ctx, region, name) }
		}
		p.about("log group "+region+" "+name, f, ask)
	}
}

// rollback notes what the revisions need that serve now.
func (p *preflight) rollback(ctx context.Context, api PreflightAPI, s *types.Service) {
	var arns []string
	for _, r := range s.CurrentServiceRevisions {
		arns = append(arns, aws.ToString(r.Arn))
	}
	unknown := func(subject string, err error) {
		p.add(Finding{Subject: subject, Problem: err.Error(), Unknown: true, Rollback: true})
	}
	if len(arns) == 0 {
		unknown("service revision", errors.New("ECS names none that serves"))
		return
	}
	out, err := api.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: arns[:min(len(arns), maxRevisions)]})
	if err != nil {
		unknown("service revision", err)
		return
	}
	for _, r := range out.ServiceRevisions {
		images := map[string]string{}
		for _, c := range r.ContainerImages {
			images[aws.ToString(c.ContainerName)] = pinned(aws.ToString(c.Image), aws.ToString(c.ImageDigest))
		}
		td, err := api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: r.TaskDefinition})
		if err != nil {
			unknown("task definition "+afterSlash(aws.ToString(r.TaskDefinition)), err)
			continue
		}
		p.definition(clone(td.TaskDefinition, nil), images, true)
	}
}

// platformOf is the platform of which images must be, as registries name it.
func platformOf(in *ecs.RegisterTaskDefinitionInput) string {
	r := in.RuntimePlatform
	if r == nil || r.CpuArchitecture == "" && r.OperatingSystemFamily == "" {
		if slices.Contains(in.RequiresCompatibilities, types.CompatibilityFargate) {
			return "linux/amd64" // the default of Fargate (docs/aws/ecs.md 1.5)
		}
		return ""
	}
	system, arch := "linux", "amd64"
	if strings.HasPrefix(string(r.OperatingSystemFamily), "WINDOWS") {
		system = "windows"
	}
	if r.CpuArchitecture == types.CPUArchitectureArm64 {
		arch = "arm64"
	}
	return system + "/" + arch
}
