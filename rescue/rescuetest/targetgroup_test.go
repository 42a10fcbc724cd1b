package rescuetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const balanced = `
Parameters:
  Tag: {Type: String}
  Registry: {Type: String}
  Path: {Type: String, Default: /health}
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: prod}}
  Group: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Port: 80, Protocol: HTTP, VpcId: vpc-1, TargetType: ip, HealthCheckPath: !Ref Path, HealthCheckIntervalSeconds: 10, UnhealthyThresholdCount: 3}}
  Task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: app, ContainerDefinitions: [{Name: app, Image: !Sub "${Registry}/app:${Tag}", PortMappings: [{ContainerPort: 80}]}]}}
  Service:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: app
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DesiredCount: 2
      HealthCheckGracePeriodSeconds: 60
      LoadBalancers: [{TargetGroupArn: !Ref Group, ContainerName: app, ContainerPort: 80}]
      DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}
Outputs:
  Group: {Value: !Ref Group}
`

// A target group's check is answered by the programs. Changed in the same update
// as the code, it judges the old tasks too, which answer the new path with 404.
func TestTargetGroupJudgesOldCode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		cloud := rescuetest.New()
		for door, cfg := range map[string]aws.Config{"typed": cloud.Config(), "wire": cloud.WireConfig()} {
			_, err := elb.NewFromConfig(cfg).DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String("arn:none")})
			var missing *elbtypes.TargetGroupNotFoundException
			require.ErrorAs(t, err, &missing, door)
		}
		c, l := cfn.NewFromConfig(cloud.Config()), elb.NewFromConfig(cloud.WireConfig())
		_, err := ecr.NewFromConfig(cloud.Config()).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
		require.NoError(t, err)
		answers := func(path string) simtype.Program {
			return func(c *simtype.Container) {
				for _, p := range []string{"/health", "/ready"} {
					c.Answer(p, map[bool]int{true: 200, false: 404}[p == path])
				}
			}
		}
		_, err = cloud.PushImage("app", "1", answers("/health"), "v1")
		require.NoError(t, err)
		_, err = cloud.PushImage("app", "2", answers("/ready"), "v2")
		require.NoError(t, err)
		body := balanced
		args := func(tag, path string) []cfntypes.Parameter {
			return []cfntypes.Parameter{{ParameterKey: aws.String("Tag"), ParameterValue: &tag}, {ParameterKey: aws.String("Path"), ParameterValue: &path}, {ParameterKey: aws.String("Registry"), ParameterValue: aws.String(cloud.Registry())}}
		}
		_, err = c.CreateStack(ctx, &cfn.CreateStackInput{StackName: aws.String("s"), TemplateBody: &body, Parameters: args("v1", "/health")})
		require.NoError(t, err)
		cloud.Advance(20 * time.Minute)
		out, err := c.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: aws.String("s")})
		require.NoError(t, err)
		require.Equal(t, cfntypes.StackStatusCreateComplete, out.Stacks[0].StackStatus)
		group := out.Stacks[0].Outputs[0].OutputValue
		health := func() (states []elbtypes.TargetHealthStateEnum) {
			t.Helper()
			h, err := l.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: group})
			require.NoError(t, err)
			for _, d := range h.TargetHealthDescriptions {
				states = append(states, d.TargetHealth.State)
			}
			return states
		}
		assert.Equal(t, []elbtypes.TargetHealthStateEnum{"healthy", "healthy"}, health())
		cloud.ForgetCalls()

		_, err = c.UpdateStack(ctx, &cfn.UpdateStackInput{StackName: aws.String("s"), UsePreviousTemplate: aws.Bool(true), Parameters: args("v2", "/ready")})
		require.NoError(t, err)
		cloud.Advance(30 * time.Minute)
		assert.Equal(t, cfntypes.StackStatusUpdateComplete, stackStatus(t, cloud, "s"))
		assert.Equal(t, []elbtypes.TargetHealthStateEnum{"healthy", "healthy"}, health())
		rec := cloud.Record()
		assert.Greater(t, rec.Short("app", 0, cloud.Now()), 10*time.Second, "the new check stopped the old tasks before the new ones were healthy")
	})
}
