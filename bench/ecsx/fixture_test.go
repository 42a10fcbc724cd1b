package ecsx_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
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

var trials = flag.Int("trials", 2, "deployments of each kind")

// site is a cluster with a repository and a log group.
type site struct {
	t     *testing.T
	cloud *rescuetest.Cloud
	ecs   *ecs.Client
	logs  *cloudwatchlogs.Client
}

func newSite(t *testing.T) *site {
	c := rescuetest.New(func(o *rescuetest.Options) { o.Latency = 100 * time.Millisecond })
	s := &site{t, c, ecs.NewFromConfig(c.Config()), cloudwatchlogs.NewFromConfig(c.Config())}
	_, err := s.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")})
	require.NoError(t, err)
	_, err = ecr.NewFromConfig(c.Config()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	require.NoError(t, err)
	s.group("/app")
	return s
}

func (s *site) group(name string) {
	_, err := s.logs.CreateLogGroup(s.t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
	require.NoError(s.t, err)
}

func (s *site) push(tag string, run simtype.Program) string {
	_, err := s.cloud.PushImage("app", tag, run, tag)
	require.NoError(s.t, err)
	return s.ref(tag)
}

func (s *site) ref(tag string) string { return s.cloud.Registry() + "/app:" + tag }

// define registers a revision with one container for each image.
func (s *site) define(family, group string, images ...string) string {
	in := &ecs.RegisterTaskDefinitionInput{Family: &family}
	for i, image := range images {
		in.ContainerDefinitions = append(in.ContainerDefinitions, types.ContainerDefinition{
			Name: aws.String(fmt.Sprint("c", i)), Image: &image,
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": group, "awslogs-stream-prefix": "p", "awslogs-region": "us-east-1"}},
		})
	}
	out, err := s.ecs.RegisterTaskDefinition(s.t.Context(), in)
	require.NoError(s.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func (s *site) serve(name, td string, desired int32) { s.serveWith(name, td, desired, true) }

// serveWith is serve, with or without a circuit breaker.
func (s *site) serveWith(name, td string, desired int32, breaker bool) {
	_, err := s.ecs.CreateService(s.t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("prod"), ServiceName: &name, TaskDefinition: &td, DesiredCount: &desired,
		DeploymentConfiguration: &types.DeploymentConfiguration{
			MinimumHealthyPercent: aws.Int32(0), MaximumPercent: aws.Int32(100),
			DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: breaker, Rollback: breaker},
		},
	})
	require.NoError(s.t, err)
	time.Sleep(10 * time.Minute)
}

func (s *site) deploy(name, td string) ecsx.Deployment {
	out, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: &name, TaskDefinition: &td})
	require.NoError(s.t, err)
	return ecsx.Deployment{Service: ecsx.Service{Cluster: "prod", Name: name}, ID: *out.Service.Deployments[0].Id, Record: aws.ToString(out.Service.CurrentServiceDeployment)}
}

func (s *site) run(td string, n int) {
	for ; n > 0; n -= 10 {
		_, err := s.ecs.RunTask(s.t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td, Count: aws.Int32(int32(min(n, 10)))})
		require.NoError(s.t, err)
	}
}

// finished is when ECS ended the deployment.
func (s *site) finished(record string) time.Time {
	out, err := s.ecs.DescribeServiceDeployments(context.Background(), &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{record}})
	require.NoError(s.t, err)
	return aws.ToTime(out.ServiceDeployments[0].FinishedAt)
}

func (s *site) count(action string) (n int) {
	for _, c := range s.cloud.Calls() {
		if c.Action == action {
			n++
		}
	}
	return n
}

// stats are mean, 95th percentile and maximum.
func stats(x []float64) (mean float64, text string) {
	slices.Sort(x)
	for _, v := range x {
		mean += v / float64(len(x))
	}
	return mean, fmt.Sprintf("mean %.2f, p95 %.2f, max %.2f (n=%d)", mean, x[len(x)*95/100], x[len(x)-1], len(x))
}
