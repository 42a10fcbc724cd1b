package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

func TestExplain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const arn = "arn:aws:ecs:us-east-1:123456789012:task/prod/0123456789abcdef"
		stub := awsstub.New()
		awsstub.On(stub, func(context.Context, *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
			return &ecs.ListTasksOutput{TaskArns: []string{arn}}, nil
		})
		awsstub.On(stub, func(context.Context, *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
			return &ecs.DescribeTasksOutput{Tasks: []types.Task{{
				TaskArn: aws.String(arn), Group: aws.String("service:web"), TaskDefinitionArn: aws.String("web:7"), LastStatus: aws.String("STOPPED"), StoppedAt: aws.Time(time.Now()),
				StopCode: types.TaskStopCodeEssentialContainerExited, Containers: []types.Container{{Name: aws.String("app"), ExitCode: aws.Int32(1)}},
			}}}, nil
		})
		awsstub.On(stub, func(context.Context, *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
			return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{{
				Name: aws.String("app"), LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/web", "awslogs-stream-prefix": "web"}},
			}}}}, nil
		})
		awsstub.On(stub, func(_ context.Context, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
			return &cloudwatchlogs.FilterLogEventsOutput{Events: []logstypes.FilteredLogEvent{{LogStreamName: &in.LogStreamNames[0], Timestamp: aws.Int64(time.Now().UnixMilli()), Message: aws.String("FATAL: DATABASE_URL is not set")}}}, nil
		})
		var out bytes.Buffer
		if err := explain(t.Context(), stub.Config(), &out, "prod", "web"); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "container app exited with 1: FATAL: DATABASE_URL is not set\n  next: read the container's log") {
			t.Error(out.String())
		}
	})
}
