package rescuetest_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// The service of the stuck stack is deleted by hand: the cloud goes on, and the
// stack stays as it was.
func TestServiceOfTheStuckStackIsDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		in, err := rescuetest.ExpiredRollbackImage(ctx)
		require.NoError(t, err)
		e := ecs.NewFromConfig(in.Cloud.Config())
		_, err = e.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: &in.Cluster, Service: &in.Service, Force: aws.Bool(true)})
		require.NoError(t, err)
		in.Cloud.Advance(time.Hour)
		out, err := e.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &in.Cluster, Services: []string{in.Service}})
		require.NoError(t, err)
		assert.Equal(t, "INACTIVE", *out.Services[0].Status)
		assert.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, stackStatus(t, in.Cloud, in.Stack))
	})
}

func TestServiceIsDeletedOverTheWire(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	in, err := rescuetest.ExpiredRollbackImage(ctx)
	require.NoError(t, err)
	srv := httptest.NewServer(in.Cloud.Handler())
	defer srv.Close()
	cfg := aws.Config{Region: in.Cloud.Region(), BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), RetryMaxAttempts: 1}
	_, err = ecs.NewFromConfig(cfg).DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: &in.Cluster, Service: &in.Service, Force: aws.Bool(true)})
	require.NoError(t, err)
	in.Cloud.Advance(time.Minute)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = cfn.NewFromConfig(cfg).DescribeStacks(ctx, &cfn.DescribeStacksInput{})
	require.NoError(t, err)
}

const firstDeployment = `
Resources:
  Cluster: {Type: AWS::ECS::Cluster}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: f, NetworkMode: awsvpc, RequiresCompatibilities: [FARGATE], Cpu: "256", Memory: "512", ContainerDefinitions: [{Name: app, Image: public.ecr.aws/x/y:1}]}
  Service:
    Type: AWS::ECS::Service
    Properties:
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DesiredCount: 1
      LaunchType: FARGATE
      NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-1]}}
      DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}
`

// The first deployment of a service whose image is gone: the creation rolls
// back, which deletes the service while its tasks still fail.
func TestFirstDeploymentRollsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := rescuetest.New()
		cloud.RemoveImage("public.ecr.aws/x/y:1")
		c := cfn.NewFromConfig(cloud.Config())
		template := firstDeployment
		_, err := c.CreateStack(t.Context(), &cfn.CreateStackInput{StackName: aws.String("s"), TemplateBody: &template})
		require.NoError(t, err)
		cloud.Advance(4 * time.Hour)
		assert.Equal(t, cfntypes.StackStatusRollbackComplete, stackStatus(t, cloud, "s"))
	})
}

const secretTemplate = `
Parameters:
  Value: {Type: String}
  Topic: {Type: String, Default: fine}
Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: app/db, Description: !Sub "holds ${Value}", SecretString: !Ref Value}
  Generated:
    Type: AWS::SecretsManager::Secret
    Properties: {GenerateSecretString: {SecretStringTemplate: '{"username":"app"}', GenerateStringKey: password}}
  Last:
    Type: AWS::SNS::Topic
    DependsOn: [Secret, Generated]
    Properties: {DisplayName: !Ref Topic}
`

// A stack creates a secret, updates it in place, and takes it back.
func TestStackWithSecrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		cloud := rescuetest.New()
		c, s := cfn.NewFromConfig(cloud.Config()), secretsmanager.NewFromConfig(cloud.Config())
		template := secretTemplate
		args := func(value, topic string) []cfntypes.Parameter {
			return []cfntypes.Parameter{{ParameterKey: aws.String("Value"), ParameterValue: &value}, {ParameterKey: aws.String("Topic"), ParameterValue: &topic}}
		}
		holds := func(value string) string {
			t.Helper()
			v, err := s.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app/db")})
			require.NoError(t, err)
			assert.Equal(t, value, *v.SecretString)
			d, err := s.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("app/db")})
			require.NoError(t, err)
			assert.Equal(t, "holds "+value, *d.Description)
			return *v.ARN
		}
		_, err := c.CreateStack(ctx, &cfn.CreateStackInput{StackName: aws.String("s"), TemplateBody: &template, Parameters: args("one", "a")})
		require.NoError(t, err)
		cloud.Advance(10 * time.Minute)
		require.Equal(t, cfntypes.StackStatusCreateComplete, stackStatus(t, cloud, "s"))
		arn := holds("one")

		_, err = c.UpdateStack(ctx, &cfn.UpdateStackInput{StackName: aws.String("s"), UsePreviousTemplate: aws.Bool(true), Parameters: args("two", "b")})
		require.NoError(t, err)
		cloud.Advance(10 * time.Minute)
		require.Equal(t, cfntypes.StackStatusUpdateComplete, stackStatus(t, cloud, "s"))
		assert.Equal(t, arn, holds("two"))

		cloud.FailResource("s", "Last", simtype.OnUpdate, "no more topics")
		_, err = c.UpdateStack(ctx, &cfn.UpdateStackInput{StackName: aws.String("s"), UsePreviousTemplate: aws.Bool(true), Parameters: args("three", "c")})
		require.NoError(t, err)
		cloud.Advance(10 * time.Minute)
		require.Equal(t, cfntypes.StackStatusUpdateRollbackComplete, stackStatus(t, cloud, "s"))
		assert.Equal(t, arn, holds("two"))

		_, err = c.DeleteStack(ctx, &cfn.DeleteStackInput{StackName: aws.String("s")})
		require.NoError(t, err)
		cloud.Advance(10 * time.Minute)
		l, err := s.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
		require.NoError(t, err)
		assert.Empty(t, l.SecretList)
	})
}

func stackStatus(t *testing.T, cloud *rescuetest.Cloud, stack string) cfntypes.StackStatus {
	t.Helper()
	out, err := cfn.NewFromConfig(cloud.Config()).DescribeStacks(t.Context(), &cfn.DescribeStacksInput{StackName: &stack})
	require.NoError(t, err)
	return out.Stacks[0].StackStatus
}
