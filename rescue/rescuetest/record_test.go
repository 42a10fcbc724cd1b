package rescuetest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

const recordedTemplate = `
Parameters:
  Tag: {Type: String}
  Registry: {Type: String}
Conditions:
  New: !Equals [!Ref Tag, v2]
Resources:
  Queue: {Type: AWS::SQS::Queue, Condition: New}
  Config: {Type: AWS::SSM::Parameter, Condition: New, Properties: {Name: /app/config, Type: String, Value: x}}
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: prod}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: app, ContainerDefinitions: [{Name: app, Image: !Sub "${Registry}/app:${Tag}"}]}
  Service:
    Type: AWS::ECS::Service
    Properties: {ServiceName: app, Cluster: !Ref Cluster, TaskDefinition: !Ref Task, DesiredCount: 2, DeploymentConfiguration: {MinimumHealthyPercent: 0, MaximumPercent: 100, DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}
`

// The record tells what a rescue's own view cannot: which images ran, for how
// long users were not served, who deleted what and who changed what.
func TestRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		cloud := rescuetest.New()
		c, r := cfn.NewFromConfig(cloud.Config()), ecr.NewFromConfig(cloud.Config())
		_, err := r.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
		require.NoError(t, err)
		old, err := cloud.PushImage("app", "1", rescuetest.Runs("up"), "v1")
		require.NoError(t, err)
		bad, err := cloud.PushImage("app", "2", rescuetest.Exits(1, 5*time.Second, "no such column"), "v2")
		require.NoError(t, err)
		body := recordedTemplate
		args := func(tag string) []cfntypes.Parameter {
			return []cfntypes.Parameter{{ParameterKey: aws.String("Tag"), ParameterValue: &tag}, {ParameterKey: aws.String("Registry"), ParameterValue: aws.String(cloud.Registry())}}
		}
		_, err = c.CreateStack(ctx, &cfn.CreateStackInput{StackName: aws.String("s"), TemplateBody: &body, Parameters: args("v1")})
		require.NoError(t, err)
		cloud.Advance(time.Hour)
		require.Equal(t, cfntypes.StackStatusCreateComplete, stackStatus(t, cloud, "s"))
		cloud.ForgetCalls()

		_, err = c.UpdateStack(ctx, &cfn.UpdateStackInput{StackName: aws.String("s"), UsePreviousTemplate: aws.Bool(true), Parameters: args("v2")})
		require.NoError(t, err)
		cloud.Advance(time.Hour)
		require.Equal(t, cfntypes.StackStatusUpdateRollbackComplete, stackStatus(t, cloud, "s"))
		_, err = r.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app"), Force: true})
		require.NoError(t, err)

		rec := cloud.Record()
		starts := map[string]int{}
		for _, s := range rec.Starts {
			assert.Equal(t, "app", s.Service)
			starts[s.Digest]++
		}
		assert.GreaterOrEqual(t, starts[bad], 3, "the breaker's threshold")
		assert.Equal(t, 2, starts[old], "ECS's own rollback")

		down := rec.Short("app", 0, cloud.Now())
		assert.Greater(t, down, time.Minute)
		assert.Less(t, down, 15*time.Minute)
		for _, s := range rec.Shortages {
			assert.False(t, s.To.IsZero(), "the service is whole again: %v", s)
		}

		deleted := map[string]string{}
		for _, d := range rec.Deletions {
			deleted[d.Kind] = d.Cause
		}
		assert.Equal(t, map[string]string{
			"AWS::SQS::Queue":          "cloudformation s.Queue delete (clean-up of a rollback)",
			"AWS::SSM::Parameter":      "cloudformation s.Config delete (clean-up of a rollback)",
			"AWS::ECS::TaskDefinition": "cloudformation s.Task delete (clean-up of a rollback)",
			"AWS::ECR::Repository":     "customer",
		}, deleted)

		var calls []string
		for _, m := range rec.Mutations {
			assert.Empty(t, m.Err)
			calls = append(calls, fmt.Sprint(m.Action, " by ", m.Caller))
		}
		assert.Equal(t, strings.Split(`cloudformation:UpdateStack by customer
ssm:PutParameter by cloudformation s.Config create
ecs:RegisterTaskDefinition by cloudformation s.Task create
ecs:UpdateService by cloudformation s.Service update
ecs:UpdateService by cloudformation s.Service rollback
ecs:DeregisterTaskDefinition by cloudformation s.Task delete (clean-up of a rollback)
ssm:DeleteParameter by cloudformation s.Config delete (clean-up of a rollback)
ecr:DeleteRepository by customer`, "\n"), calls)
	})
}
