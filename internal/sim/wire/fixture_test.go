package wire_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/sim/ecrsim"
	"github.com/stackrescue/stackrescue/internal/sim/logssim"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/s3sim"
	"github.com/stackrescue/stackrescue/internal/sim/secretssim"
	"github.com/stackrescue/stackrescue/internal/sim/simtest"
	"github.com/stackrescue/stackrescue/internal/sim/ssmsim"
	"github.com/stackrescue/stackrescue/internal/sim/stssim"
	"github.com/stackrescue/stackrescue/internal/sim/wire"
)

// A fixture is the simple services, and handlers for ECS and CloudFormation
// that keep what they were given.
type fixture struct {
	*simtest.Sim
	ecr  *ecrsim.Service
	logs *logssim.Service

	update *ecs.UpdateServiceInput
	resume *cloudformation.ContinueUpdateRollbackInput
	change *cloudformation.CreateChangeSetInput
	region string
}

func newFixture() *fixture {
	f := &fixture{Sim: simtest.New(nil)}
	f.ecr, f.logs = ecrsim.New(f.World), logssim.New(f.World)
	f.ecr.Register(&f.Table)
	f.logs.Register(&f.Table)
	secretssim.New(f.World).Register(&f.Table)
	ssmsim.New(f.World).Register(&f.Table)
	s3sim.New(f.World).Register(&f.Table)
	stssim.New(f.World).Register(&f.Table)
	op.On(&f.Table, f.updateService)
	op.On(&f.Table, f.describeServices)
	op.On(&f.Table, f.describeStacks)
	op.On(&f.Table, f.describeStackEvents)
	op.On(&f.Table, f.continueUpdateRollback)
	op.On(&f.Table, f.createChangeSet)
	op.On(&f.Table, f.deleteStack)
	return f
}

func (f *fixture) handler() *wire.Handler {
	return wire.New(&f.Table, func(ctx context.Context, region string, in any) (any, string, error) {
		f.region = region
		return f.Call(ctx, region, in)
	}, wire.Options{Region: simtest.Region, Account: simtest.Account})
}

// config is for clients that speak the wire protocols.
func config(h http.Handler) aws.Config {
	return aws.Config{
		Region:      simtest.Region,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		HTTPClient:  &http.Client{Transport: wire.Direct(h)},
	}
}

var born = time.Date(2000, 1, 1, 0, 0, 0, 123e6, time.UTC)

func (f *fixture) updateService(_ context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	f.update = in
	if aws.ToString(in.Service) == "gone" {
		return nil, &ecstypes.ServiceNotFoundException{Message: aws.String("Service not found.")}
	}
	return &ecs.UpdateServiceOutput{Service: &ecstypes.Service{ServiceName: in.Service, CreatedAt: &born, Events: []ecstypes.ServiceEvent{},
		DesiredCount: aws.ToInt32(in.DesiredCount), LaunchType: ecstypes.LaunchTypeFargate, NetworkConfiguration: in.NetworkConfiguration}}, nil
}

func (f *fixture) describeServices(_ context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	out := &ecs.DescribeServicesOutput{Failures: []ecstypes.Failure{}}
	for _, name := range in.Services {
		out.Services = append(out.Services, ecstypes.Service{ServiceName: aws.String(name), CreatedAt: &born, Status: aws.String("ACTIVE"),
			Deployments: []ecstypes.Deployment{{Id: aws.String("ecs-svc/1"), CreatedAt: &born}}})
	}
	return out, nil
}

func (f *fixture) describeStacks(_ context.Context, in *cloudformation.DescribeStacksInput) (*cloudformation.DescribeStacksOutput, error) {
	if aws.ToString(in.StackName) == "missing" {
		return nil, op.Error("ValidationError", "Stack with id missing does not exist")
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []cfntypes.Stack{{StackName: aws.String("app"), StackId: aws.String("arn:aws:cloudformation:us-east-1:111111111111:stack/app/1"),
		StackStatus: cfntypes.StackStatusUpdateRollbackFailed, CreationTime: &born, Outputs: []cfntypes.Output{{OutputKey: aws.String("K"), OutputValue: aws.String("a<b>&\"'\r\n]]>é")}},
		Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam}, Parameters: []cfntypes.Parameter{}, DisableRollback: aws.Bool(false)}}}, nil
}

func (f *fixture) describeStackEvents(_ context.Context, in *cloudformation.DescribeStackEventsInput) (*cloudformation.DescribeStackEventsOutput, error) {
	out := &cloudformation.DescribeStackEventsOutput{StackEvents: []cfntypes.StackEvent{{EventId: aws.String("e" + aws.ToString(in.NextToken)), StackId: aws.String("x"),
		StackName: in.StackName, Timestamp: &born, ResourceStatus: cfntypes.ResourceStatusUpdateFailed}}}
	if in.NextToken == nil {
		out.NextToken = aws.String("2")
	}
	return out, nil
}

func (f *fixture) continueUpdateRollback(_ context.Context, in *cloudformation.ContinueUpdateRollbackInput) (*cloudformation.ContinueUpdateRollbackOutput, error) {
	f.resume = in
	if aws.ToString(in.ClientRequestToken) == "used" {
		return nil, &cfntypes.TokenAlreadyExistsException{Message: aws.String("again")}
	}
	return &cloudformation.ContinueUpdateRollbackOutput{}, nil
}

func (f *fixture) createChangeSet(_ context.Context, in *cloudformation.CreateChangeSetInput) (*cloudformation.CreateChangeSetOutput, error) {
	f.change = in
	return &cloudformation.CreateChangeSetOutput{Id: aws.String("arn:change")}, nil
}

func (f *fixture) deleteStack(context.Context, *cloudformation.DeleteStackInput) (*cloudformation.DeleteStackOutput, error) {
	return &cloudformation.DeleteStackOutput{}, nil
}

func bubble(t *testing.T, fn func(t *testing.T, f *fixture, cfg aws.Config)) {
	t.Helper()
	simtest.Bubble(t, func(t *testing.T) {
		f := newFixture()
		fn(t, f, config(f.handler()))
	})
}
