package diagnose

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	pipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

func options(stub *awsstub.Stub, pipelines ...string) (o rescue.Options) {
	With(stub.Config(), pipelines...)(&o)
	return o
}

func TestMinimum(t *testing.T) {
	stub := awsstub.New()
	var targets []scaling.ScalableTarget
	awsstub.On(stub, func(_ context.Context, in *applicationautoscaling.DescribeScalableTargetsInput) (*applicationautoscaling.DescribeScalableTargetsOutput, error) {
		require.Equal(t, []string{"service/prod/web"}, in.ResourceIds)
		return &applicationautoscaling.DescribeScalableTargetsOutput{ScalableTargets: targets}, nil
	})
	ask := options(stub).Minimum
	_, known, err := ask(t.Context(), ecsx.Service{Cluster: "prod", Name: "web"})
	require.NoError(t, err)
	require.False(t, known)
	targets = []scaling.ScalableTarget{{MinCapacity: aws.Int32(3)}}
	n, known, err := ask(t.Context(), ecsx.Service{Cluster: "prod", Name: "web"})
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, 3, n)
}

func TestFunction(t *testing.T) {
	stub := awsstub.New()
	status := functions.LastUpdateStatusSuccessful
	awsstub.On(stub, func(context.Context, *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
		return &lambda.GetFunctionOutput{Code: &functions.FunctionCodeLocation{ImageUri: aws.String("r/app:v1")},
			Configuration: &functions.FunctionConfiguration{State: functions.StateActive, LastUpdateStatus: status, LastUpdateStatusReason: aws.String("no image")}}, nil
	})
	u, err := options(stub).Function(t.Context(), "fn")
	require.NoError(t, err)
	require.Equal(t, rescue.ImageUser{Images: []string{"r/app:v1"}, State: "Active"}, u)
	status = functions.LastUpdateStatusFailed
	u, err = options(stub).Function(t.Context(), "fn")
	require.NoError(t, err)
	require.Equal(t, rescue.ImageUser{Images: []string{"r/app:v1"}, State: "Active, and its last update failed", Reason: "no image"}, u)
}

func TestOperators(t *testing.T) {
	const id = "arn:aws:cloudformation:eu-west-1:123456789012:stack/prod/1a2b"
	at := time.Date(2026, 11, 26, 22, 0, 0, 0, time.UTC)
	stub := awsstub.New()
	var denied error
	awsstub.On(stub, func(_ context.Context, in *cloudtrail.LookupEventsInput) (*cloudtrail.LookupEventsOutput, error) {
		return &cloudtrail.LookupEventsOutput{Events: []trail.Event{
			{EventName: aws.String("UpdateStack"), Username: aws.String("dana"), EventTime: &at, ReadOnly: aws.String("false"), CloudTrailEvent: aws.String(`{"requestParameters":{"stackName":"prod"}}`)},
			{EventName: aws.String("DescribeStacks"), Username: aws.String("ci"), EventTime: &at, ReadOnly: aws.String("true"), CloudTrailEvent: aws.String(`{"requestParameters":{"stackName":"prod"}}`)},
			{EventName: aws.String("UpdateStack"), Username: aws.String("eve"), EventTime: &at, ReadOnly: aws.String("false"), CloudTrailEvent: aws.String(`{"requestParameters":{"stackName":"other"}}`)},
		}}, denied
	})
	awsstub.On(stub, func(context.Context, *codepipeline.GetPipelineStateInput) (*codepipeline.GetPipelineStateOutput, error) {
		return &codepipeline.GetPipelineStateOutput{StageStates: []pipeline.StageState{{StageName: aws.String("Deploy"), LatestExecution: &pipeline.StageExecution{Status: pipeline.StageExecutionStatusInProgress}, InboundTransitionState: &pipeline.TransitionState{}}}}, nil
	})
	step := rescue.Other{Who: "pipeline shop", What: "stage Deploy InProgress, its transition is disabled", Source: "CodePipeline"}
	found, err := options(stub, "shop").Operators(t.Context(), id, at.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, []rescue.Other{{At: at, Who: "dana", What: "UpdateStack of stack prod", Source: "CloudTrail"}, step}, found)
	denied = errors.New("AccessDenied")
	found, err = options(stub, "shop").Operators(t.Context(), id, at)
	require.ErrorIs(t, err, denied)
	require.Equal(t, []rescue.Other{step}, found, "what could be read is kept")
}
