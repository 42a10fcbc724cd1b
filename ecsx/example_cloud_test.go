package ecsx_test

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// exampleScript is an account with two tasks of app:v1 behind the service prod/web.
const exampleScript = `repository app
----

push app v1
----

template web
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: prod}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /app}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: app
      ContainerDefinitions:
        - Name: app
          Image: $REGISTRY/app:v1
          HealthCheck: {Command: [CMD, "true"], Interval: 10, Retries: 3}
          LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: !Ref Logs, awslogs-region: us-east-1, awslogs-stream-prefix: app}}
  Service:
    Type: AWS::ECS::Service
    Properties:
      {ServiceName: web, Cluster: !Ref Cluster, TaskDefinition: !Ref Task, DesiredCount: 2, DeploymentConfiguration: {MinimumHealthyPercent: 100, MaximumPercent: 200, DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}
----

deploy shop web
----
`

// exampleCloud is a simulated account that runs 20,000 times as fast as this one,
// and a client for it.
func exampleCloud() (*rescuetest.Cloud, *ecs.Client) {
	cloud := rescuetest.New(func(o *rescuetest.Options) { o.Speed, o.Latency, o.NoRateLimits = 20000, 50*time.Microsecond, true })
	if _, err := cloud.Script(context.Background(), exampleScript, nil); err != nil {
		panic(err)
	}
	return cloud, ecs.NewFromConfig(cloud.Config())
}

// exampleDeploy pushes app:v2 and starts a deployment of it.
func exampleDeploy(cloud *rescuetest.Cloud, api *ecs.Client, run simtype.Program) *ecsx.Deployment {
	if _, err := cloud.PushImage("app", "app v2", run, "v2"); err != nil {
		panic(err)
	}
	d, err := ecsx.ForceDeployLatest(context.Background(), api, ecsx.ParseService("prod/web"), toV2(cloud))
	if err != nil {
		panic(err)
	}
	return d
}

// toV2 is a resolver that wants app:v2 everywhere.
func toV2(cloud *rescuetest.Cloud) func(context.Context, string) (string, error) {
	return func(context.Context, string) (string, error) { return cloud.Registry() + "/app:v2", nil }
}

// oneOff registers a task definition whose task migrates and exits with 0.
func oneOff(cloud *rescuetest.Cloud) string {
	if _, err := cloud.PushImage("app", "job", rescuetest.Exits(0, 5*time.Second, "migrated to 0007"), "job"); err != nil {
		panic(err)
	}
	out, err := ecs.NewFromConfig(cloud.Config()).RegisterTaskDefinition(context.Background(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("job"), ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String(cloud.Registry() + "/app:job"),
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "job"}},
		}},
	})
	if err != nil {
		panic(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

// exampleWait polls as often, by the cloud's time, as the defaults do.
func exampleWait(cloud *rescuetest.Cloud) func(*ecsx.StoppedOptions) {
	return func(o *ecsx.StoppedOptions) {
		o.Interval, o.Settle = cloud.Wall(5*time.Second), cloud.Wall(10*time.Second)
	}
}
