package clients

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const flatTemplate = `Resources:
  Cluster:
    Type: AWS::ECS::Cluster
    Properties: {ClusterName: flat}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /flat}
  TaskDefinition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: web
      Cpu: "256"
      Memory: "512"
      NetworkMode: awsvpc
      RequiresCompatibilities: [FARGATE]
      ContainerDefinitions:
        - Name: web
          Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/web:TAG"
          HealthCheck: {Command: [CMD, /healthy], Interval: 10, Retries: 2}
          LogConfiguration:
            LogDriver: awslogs
            Options: {awslogs-group: !Ref Logs, awslogs-region: !Ref "AWS::Region", awslogs-stream-prefix: web}
  Service:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: web
      Cluster: !Ref Cluster
      LaunchType: FARGATE
      TaskDefinition: !Ref TaskDefinition
      DesiredCount: 1
      DeploymentConfiguration:
        MinimumHealthyPercent: 0
        DeploymentCircuitBreaker: {Enable: true, Rollback: true}
      NetworkConfiguration:
        AwsvpcConfiguration: {Subnets: [subnet-1]}
Outputs:
  Service: {Value: !GetAtt Service.Name}
  Release: {Value: !Sub "${Service.Name} TAG"}
  Cluster: {Value: !Ref Cluster}
`

// flat is the incident without nested stacks: a stack "prod" with a service
// whose new image fails and whose old one has expired.
func flat(ctx context.Context, sw simtype.Switches, speed float64) (*rescuetest.Cloud, error) {
	const past = 9 * 24 * time.Hour
	c := rescuetest.New(func(o *rescuetest.Options) {
		o.Start, o.Speed, o.Switches = time.Now().Add(-past), speed, sw
	})
	images, stacks := ecr.NewFromConfig(c.Config()), cloudformation.NewFromConfig(c.Config())
	if _, err := images.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("web")}); err != nil {
		return nil, err
	}
	if _, err := images.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("web"), LifecyclePolicyText: aws.String(strings.ReplaceAll(policy7, `\"`, `"`))}); err != nil {
		return nil, err
	}
	rest := func(want types.StackStatus) error {
		for range 2000 {
			c.Advance(10 * time.Second)
			out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("prod")})
			if err != nil || out.Stacks[0].StackStatus == want {
				return err
			}
		}
		return fmt.Errorf("stack did not reach %s", want)
	}
	if _, err := c.PushImage("web", "v1", rescuetest.Runs("serving"), "v1"); err != nil {
		return nil, err
	}
	body := func(tag string) *string { return aws.String(strings.ReplaceAll(flatTemplate, "TAG", tag)) }
	if _, err := stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("prod"), TemplateBody: body("v1")}); err != nil {
		return nil, err
	}
	if err := rest(types.StackStatusCreateComplete); err != nil {
		return nil, err
	}
	c.Advance(8 * 24 * time.Hour)
	if _, err := c.PushImage("web", "v2", rescuetest.NeverHealthy("waiting for the database"), "v2"); err != nil {
		return nil, err
	}
	if _, err := stacks.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: aws.String("prod"), TemplateBody: body("v2")}); err != nil {
		return nil, err
	}
	if err := rest(types.StackStatusUpdateRollbackFailed); err != nil {
		return c, err
	}
	if ahead := time.Until(c.Now()); ahead > 0 {
		return c, nil
	}
	// Clients drop events that are older than their own clock.
	c.Advance(time.Since(c.Now()))
	return c, nil
}
