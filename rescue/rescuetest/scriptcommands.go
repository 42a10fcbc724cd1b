package rescuetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func (s *script) repository(ctx context.Context, a args, _ string) (string, error) {
	_, err := s.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String(a.at(0))})
	if days := a.value("expire", ""); err == nil && days != "" {
		policy := `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":` + days + `},"action":{"type":"expire"}}]}`
		_, err = s.ecr.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String(a.at(0)), LifecyclePolicyText: &policy})
	}
	return "", err
}

// ParseProgram reads a program as scripts and command lines name it: runs, which
// "" means too, exits:CODE:AFTER, slow:AFTER for one that is healthy after a
// time, or sick.
func ParseProgram(text string) (simtype.Program, error) {
	f := strings.Split(text, ":")
	switch {
	case text == "" || text == "runs":
		return Runs("up"), nil
	case text == "sick":
		return NeverHealthy("sick"), nil
	case f[0] == "slow" && len(f) == 2:
		d, err := time.ParseDuration(f[1])
		return RunsAfter(d, "slow"), err
	case f[0] == "exits" && len(f) == 3:
		code, err := strconv.Atoi(f[1])
		d, err2 := time.ParseDuration(f[2])
		return Exits(code, d, "ERROR exits with "+f[1]), errors.Join(err, err2)
	}
	return nil, fmt.Errorf("no program %q: there are runs, exits:CODE:AFTER, slow:AFTER and sick", text)
}

func (s *script) push(_ context.Context, a args, _ string) (string, error) {
	run, err := ParseProgram(a.at(2))
	if err == nil {
		_, err = s.c.PushImage(a.at(0), a.at(0)+a.at(1)+s.c.Now().String(), run, a.at(1))
	}
	return "", err
}

func (s *script) expire(ctx context.Context, a args, _ string) (string, error) {
	repository, tag, _ := strings.Cut(a.at(0), ":")
	out, err := s.ecr.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: &repository, ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: &tag}}})
	if err == nil && len(out.Failures) > 0 {
		err = errors.New(aws.ToString(out.Failures[0].FailureReason))
	}
	return "", err
}

func (s *script) image(_ context.Context, a args, _ string) (string, error) {
	run, err := ParseProgram(a.at(1))
	if err == nil {
		s.c.AddImage(a.at(0), run)
	}
	return "", err
}

func (s *script) noImage(_ context.Context, a args, _ string) (string, error) {
	s.c.RemoveImage(a.at(0))
	return "", nil
}

func (s *script) capacity(_ context.Context, a args, _ string) (string, error) {
	n, err := strconv.Atoi(a.at(0))
	if err == nil {
		s.c.SetCapacity(n)
	}
	return "", err
}

func (s *script) secret(ctx context.Context, a args, _ string) (string, error) {
	_, err := s.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(a.at(0)), SecretString: aws.String(a.at(1))})
	return "", err
}

func (s *script) deleteSecret(ctx context.Context, a args, _ string) (string, error) {
	_, err := s.secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String(a.at(0)), ForceDeleteWithoutRecovery: aws.Bool(true)})
	return "", err
}

func (s *script) parameter(ctx context.Context, a args, _ string) (string, error) {
	_, err := s.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(a.at(0)), Value: aws.String(a.at(1)), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)})
	return "", err
}

// template keeps a template; $REGISTRY in it is the account's registry.
func (s *script) template(_ context.Context, a args, body string) (string, error) {
	s.templates[a.at(0)] = strings.ReplaceAll(body, "$REGISTRY", s.c.Registry())
	return "", nil
}

func (s *script) body(name string) (*string, error) {
	body, ok := s.templates[name]
	if !ok {
		return nil, fmt.Errorf("no template %q", name)
	}
	return &body, nil
}

func (s *script) upload(ctx context.Context, a args, _ string) (string, error) {
	bucket, key, _ := strings.Cut(a.at(0), "/")
	body, err := s.body(a.at(1))
	if err != nil {
		return "", err
	}
	if _, err := s.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket}); err != nil {
		if _, err := s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			return "", err
		}
	}
	_, err = s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: io.NopCloser(strings.NewReader(*body))})
	return "", err
}

var allCapabilities = []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam, cfntypes.CapabilityCapabilityAutoExpand}

func (s *script) deploy(ctx context.Context, a args, _ string) (string, error) {
	stack := aws.String(a.at(0))
	body, err := s.body(a.at(1))
	if err != nil {
		return "", err
	}
	params := stackParameters(a)
	disable, retain := aws.Bool(a.has("disable-rollback")), aws.Bool(a.has("retain-except-on-create"))
	if _, err := s.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: stack}); err != nil {
		_, err = s.cfn.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: stack, TemplateBody: body, Parameters: params, Capabilities: allCapabilities, DisableRollback: disable, RetainExceptOnCreate: retain})
		if err != nil {
			return "", err
		}
	} else if _, err := s.cfn.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: stack, TemplateBody: body, Parameters: params, Capabilities: allCapabilities, DisableRollback: disable, RetainExceptOnCreate: retain}); err != nil {
		return "", err
	}
	return s.rest(ctx, a)
}

// rest waits until the stack that the first word names rests, and prints its
// status.
func (s *script) rest(ctx context.Context, a args) (string, error) {
	for range 80 * 60 {
		out, err := s.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(a.at(0))})
		if err != nil {
			return a.at(0) + " is gone", nil //nolint:nilerr // a deleted stack has no name any more
		}
		status := string(out.Stacks[0].StackStatus)
		if a.has("no-wait") || !strings.HasSuffix(status, "_IN_PROGRESS") {
			return a.at(0) + " " + status, nil
		}
		s.c.Advance(time.Minute)
	}
	return "", fmt.Errorf("%s does not come to rest", a.at(0))
}

func (s *script) resume(ctx context.Context, a args, _ string) (string, error) {
	in := &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String(a.at(0))}
	if skip := a.value("skip", ""); skip != "" {
		for e := range strings.SplitSeq(skip, ",") {
			physical, err := s.physical(ctx, a.at(0), e)
			if err != nil {
				return "", err
			}
			in.ResourcesToSkip = append(in.ResourcesToSkip, physical)
		}
	}
	if a.has("force") {
		in.ForceRollback = aws.Bool(true)
	}
	if _, err := s.cfn.ContinueUpdateRollback(ctx, in); err != nil {
		return "", err
	}
	return s.rest(ctx, a)
}

// physical turns CHILD.RESOURCE, by the logical id of a nested stack, into the
// form that ContinueUpdateRollback takes.
func (s *script) physical(ctx context.Context, stack, entry string) (string, error) {
	child, id, nested := strings.Cut(entry, ".")
	if !nested {
		return entry, nil
	}
	out, err := s.cfn.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{StackName: &stack, LogicalResourceId: &child})
	if err != nil {
		return "", err
	}
	return strings.Split(*out.StackResourceDetail.PhysicalResourceId, "/")[1] + "." + id, nil
}

func (s *script) cancel(ctx context.Context, a args, _ string) (string, error) {
	if _, err := s.cfn.CancelUpdateStack(ctx, &cloudformation.CancelUpdateStackInput{StackName: aws.String(a.at(0))}); err != nil {
		return "", err
	}
	return s.rest(ctx, a)
}

func (s *script) rollBack(ctx context.Context, a args, _ string) (string, error) {
	if _, err := s.cfn.RollbackStack(ctx, &cloudformation.RollbackStackInput{StackName: aws.String(a.at(0))}); err != nil {
		return "", err
	}
	return s.rest(ctx, a)
}

func (s *script) deleteStack(ctx context.Context, a args, _ string) (string, error) {
	if _, err := s.cfn.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String(a.at(0))}); err != nil {
		return "", err
	}
	return s.rest(ctx, a)
}

func (s *script) fail(_ context.Context, a args, _ string) (string, error) {
	place, phase, ok := strings.Cut(a.at(0), "=")
	stack, id, ok2 := strings.Cut(place, ".")
	if !ok || !ok2 || !slices.Contains([]simtype.Phase{simtype.OnCreate, simtype.OnUpdate, simtype.OnRollback, simtype.OnDelete}, simtype.Phase(phase)) {
		return "", fmt.Errorf("%q is not STACK.RESOURCE=create|update|rollback|delete", a.at(0))
	}
	times, err := strconv.Atoi(a.value("times", "1"))
	var reason []string
	for _, w := range a[1:] {
		if w != "after" && w != "hang" && !strings.HasPrefix(w, "times=") {
			reason = append(reason, w)
		}
	}
	if len(reason) == 0 {
		reason = []string{"scripted"}
	}
	s.c.FailResource(stack, id, simtype.Phase(phase), strings.Join(reason, " "), func(o *FailOptions) { o.AfterActing, o.Hang, o.Times = a.has("after"), a.has("hang"), times })
	return "", err
}

func (s *script) fault(kind simtype.FaultKind) func(context.Context, args, string) (string, error) {
	return func(_ context.Context, a args, _ string) (string, error) {
		nth, err := strconv.Atoi(a.value("nth", "0"))
		if err == nil {
			s.c.Inject(simtype.Fault{Action: a.at(0), Kind: kind, Nth: nth})
		}
		return "", err
	}
}

func (s *script) allow(context.Context, args, string) (string, error) {
	s.c.ClearFaults()
	return "", nil
}

func (s *script) updateService(ctx context.Context, a args, _ string) (string, error) {
	cluster, service, _ := strings.Cut(a.at(0), "/")
	in := &ecs.UpdateServiceInput{Cluster: &cluster, Service: &service, ForceNewDeployment: a.has("force")}
	if r := a.value("revision", ""); r != "" {
		in.TaskDefinition = &r
	}
	if d := a.value("desired", ""); d != "" {
		n, err := strconv.ParseInt(d, 10, 32)
		if err != nil {
			return "", err
		}
		in.DesiredCount = aws.Int32(int32(n))
	}
	_, err := s.ecs.UpdateService(ctx, in)
	return "", err
}

func (s *script) deleteService(ctx context.Context, a args, _ string) (string, error) {
	cluster, service, _ := strings.Cut(a.at(0), "/")
	_, err := s.ecs.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: &cluster, Service: &service, Force: aws.Bool(true)})
	return "", err
}

func stackParameters(a args) (params []cfntypes.Parameter) {
	for _, w := range a[min(2, len(a)):] {
		if k, v, ok := strings.Cut(w, "="); ok {
			params = append(params, cfntypes.Parameter{ParameterKey: &k, ParameterValue: &v})
		}
	}
	return params
}

func (s *script) updateChild(ctx context.Context, a args, _ string) (string, error) {
	st, err := s.describe(ctx, a.at(0))
	if err != nil {
		return "", err
	}
	body, err := s.body(a.at(1))
	if err != nil {
		return "", err
	}
	if _, err := s.cfn.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: st.StackId, TemplateBody: body, Parameters: stackParameters(a), Capabilities: allCapabilities}); err != nil {
		return "", err
	}
	return s.childRests(ctx, a.at(0), *st.StackId)
}

func (s *script) continueChild(ctx context.Context, a args, _ string) (string, error) {
	st, err := s.describe(ctx, a.at(0))
	if err != nil {
		return "", err
	}
	in := &cloudformation.ContinueUpdateRollbackInput{StackName: st.StackId}
	if skip := a.value("skip", ""); skip != "" {
		in.ResourcesToSkip = strings.Split(skip, ",")
	}
	if _, err := s.cfn.ContinueUpdateRollback(ctx, in); err != nil {
		return "", err
	}
	return s.childRests(ctx, a.at(0), *st.StackId)
}

func (s *script) childRests(ctx context.Context, name, id string) (string, error) {
	text, err := s.rest(ctx, args{id})
	return strings.Replace(text, id, name, 1), err
}

func (s *script) getParameter(ctx context.Context, a args, _ string) (string, error) {
	out, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(a.at(0))})
	if err != nil {
		return "", err
	}
	return *out.Parameter.Value, nil
}
