package rescue_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// flatTemplate is one stack with the image's tag in a parameter.
const flatTemplate = `
Parameters:
  Tag: {Type: String}
  Secret: {Type: String, NoEcho: true}
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: flat}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /flat}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: flat
      ContainerDefinitions:
        - Name: app
          Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:${Tag}"
          HealthCheck: {Command: [CMD, "true"], Interval: 10, Retries: 3}
          LogConfiguration:
            LogDriver: awslogs
            Options: {awslogs-group: !Ref Logs, awslogs-region: !Ref AWS::Region, awslogs-stream-prefix: app}
  Service:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: web
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DesiredCount: 2
      DeploymentConfiguration:
        MinimumHealthyPercent: 0
        MaximumPercent: 100
        DeploymentCircuitBreaker: {Enable: true, Rollback: true}
Outputs:
  Service: {Value: !GetAtt Service.Name}
`

// TestFlatStackWithTheTagInAParameter is another shape of the same trouble: no
// nested stack, no migration, an image that comes from a parameter.
func TestFlatStackWithTheTagInAParameter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := rescuetest.New(func(o *rescuetest.Options) { o.Switches.OutputsAfterSkip = "dropped" })
		cfn := cloudformation.NewFromConfig(cloud.Config())
		registry := ecr.NewFromConfig(cloud.Config())
		_, err := registry.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
		require.NoError(t, err)
		old, err := cloud.PushImage("app", "one", rescuetest.Runs(), "v1")
		require.NoError(t, err)
		parameters := func(tag string) []types.Parameter {
			return []types.Parameter{{ParameterKey: aws.String("Tag"), ParameterValue: &tag}, {ParameterKey: aws.String("Secret"), ParameterValue: aws.String("hush")}}
		}
		_, err = cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("web"), TemplateBody: aws.String(flatTemplate), Parameters: parameters("v1")})
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		_, err = registry.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &old}}})
		require.NoError(t, err)
		ready := false
		_, err = cloud.PushImage("app", "two", func(c *simtype.Container) {
			if !ready {
				c.Print("FATAL: feature flag service unreachable")
				c.After(5*time.Second, func() { c.Exit(1) })
				return
			}
			c.SetHealthy(true)
		}, "v2")
		require.NoError(t, err)
		_, err = cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("web"), UsePreviousTemplate: aws.Bool(true), Parameters: parameters("v2")})
		require.NoError(t, err)
		time.Sleep(40 * time.Minute)

		d, err := rescue.Diagnose(t.Context(), cloud.Config(), "web")
		require.NoError(t, err)
		require.Equal(t, rescue.Situation("stuck"), d.Situation, d.String())
		require.Contains(t, d.Causes.Update[0].Text, "FATAL: feature flag service unreachable")
		require.NotContains(t, d.String(), "hush")
		ready = true // somebody mended the other service
		p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		r, err := rescue.Run(t.Context(), cloud.Config(), p, confirmed)
		require.NoError(t, err, r)
		require.NotContains(t, r.String(), "hush")
		out, err := cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("web")})
		require.NoError(t, err)
		require.Equal(t, types.StackStatusUpdateComplete, out.Stacks[0].StackStatus)
		for _, x := range out.Stacks[0].Parameters {
			if *x.ParameterKey == "Tag" {
				require.Equal(t, "v2", *x.ParameterValue)
			}
		}
		require.Len(t, out.Stacks[0].Outputs, 1)
		body, err := cfn.GetTemplate(t.Context(), &cloudformation.GetTemplateInput{StackName: aws.String("web")})
		require.NoError(t, err)
		require.Equal(t, strings.TrimSpace(flatTemplate), strings.TrimSpace(*body.TemplateBody), "only the parameter changed")
	})
}
