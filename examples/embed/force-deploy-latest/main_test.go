package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := types.Service{ServiceName: aws.String("web"), Status: aws.String("ACTIVE"), DesiredCount: 1, TaskDefinition: aws.String("web:7"), Deployments: []types.Deployment{
			{Id: aws.String("ecs-svc/1"), Status: aws.String("PRIMARY"), RolloutState: types.DeploymentRolloutStateCompleted, TaskDefinition: aws.String("web:7"), RunningCount: 1, DesiredCount: 1},
		}}
		stub := awsstub.New()
		awsstub.On(stub, func(context.Context, *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
			return &ecs.DescribeServicesOutput{Services: []types.Service{web}}, nil
		})
		awsstub.On(stub, func(_ context.Context, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
			return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &types.TaskDefinition{Family: aws.String("web"), TaskDefinitionArn: in.TaskDefinition, ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("web:stable")}}}}, nil
		})
		awsstub.On(stub, func(context.Context, *ecs.ListTaskDefinitionsInput) (*ecs.ListTaskDefinitionsOutput, error) {
			return &ecs.ListTaskDefinitionsOutput{}, nil
		})
		awsstub.On(stub, func(context.Context, *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
			return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: &types.TaskDefinition{TaskDefinitionArn: aws.String("web:8")}}, nil
		})
		updates := 0
		awsstub.On(stub, func(_ context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
			updates++
			web.Deployments[0].Id, web.Deployments[0].TaskDefinition = aws.String("ecs-svc/2"), in.TaskDefinition
			return &ecs.UpdateServiceOutput{Service: &web}, nil
		})
		var out bytes.Buffer
		if err := refresh(t.Context(), stub.Config(), &out, "prod/web"); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "prod/web runs web:8: succeeded, 1/1 running") || updates != 1 {
			t.Error(updates, out.String())
		}
	})
}
