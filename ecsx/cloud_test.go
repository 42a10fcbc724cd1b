package ecsx_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// fixture is a cluster with a repository, a log group and real SDK clients.
type fixture struct {
	t     *testing.T
	cloud *rescuetest.Cloud
	ecs   *ecs.Client
	logs  *cloudwatchlogs.Client
	web   ecsx.Service
}

func newFixture(t *testing.T, optFns ...func(*rescuetest.Options)) *fixture {
	cloud := rescuetest.New(optFns...)
	f := &fixture{t: t, cloud: cloud, ecs: ecs.NewFromConfig(cloud.Config()), logs: cloudwatchlogs.NewFromConfig(cloud.Config()), web: ecsx.Service{Cluster: "prod", Name: "web"}}
	_, err := f.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")})
	require.NoError(t, err)
	_, err = f.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/app")})
	require.NoError(t, err)
	for _, repo := range []string{"app", "proxy"} {
		_, err = ecr.NewFromConfig(cloud.Config()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String(repo)})
		require.NoError(t, err)
	}
	f.push("proxy", "1", rescuetest.Runs("proxy up"))
	return f
}

func (f *fixture) push(repo, tag string, run simtype.Program) string {
	_, err := f.cloud.PushImage(repo, repo+" "+tag, run, tag)
	require.NoError(f.t, err)
	return f.ref(repo, tag)
}

func (f *fixture) ref(repo, tag string) string { return f.cloud.Registry() + "/" + repo + ":" + tag }

func (f *fixture) container(name, image string) types.ContainerDefinition {
	return types.ContainerDefinition{
		Name: &name, Image: &image,
		LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/app", "awslogs-stream-prefix": "web", "awslogs-region": "us-east-1"}},
		HealthCheck:      &types.HealthCheck{Command: []string{"CMD", "true"}, Interval: aws.Int32(10), Retries: aws.Int32(3)},
	}
}

func (f *fixture) register(family, image string) string {
	out, err := f.ecs.RegisterTaskDefinition(f.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &family, ContainerDefinitions: []types.ContainerDefinition{f.container("app", image), f.container("proxy", f.ref("proxy", "1"))}})
	require.NoError(f.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

var breaker = &types.DeploymentConfiguration{
	MinimumHealthyPercent: aws.Int32(0), MaximumPercent: aws.Int32(100),
	DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
}

func (f *fixture) serve(td string, desired int32) {
	_, err := f.ecs.CreateService(f.t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web"), TaskDefinition: &td, DesiredCount: &desired, DeploymentConfiguration: breaker})
	require.NoError(f.t, err)
	time.Sleep(2 * time.Minute)
}

func (f *fixture) update(td string) string {
	out, err := f.ecs.UpdateService(f.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &td})
	require.NoError(f.t, err)
	return *out.Service.Deployments[0].Id
}

func (f *fixture) counts(action string) (n int) {
	for _, c := range f.cloud.Calls() {
		if c.Action == action {
			n++
		}
	}
	return n
}

type ecsContainer = types.ContainerDefinition

// deletedService answers ListTasks as AWS does for a service that does not
// exist any more.
type deletedService struct{ ecsx.StoppedTasksAPI }

func (d deletedService) ListTasks(ctx context.Context, in *ecs.ListTasksInput, optFns ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	if in.ServiceName != nil {
		return nil, &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
	}
	return d.StoppedTasksAPI.ListTasks(ctx, in, optFns...)
}
