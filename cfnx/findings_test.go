package cfnx_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// rested is a stub of one stack that rests after an operation.
func rested(status types.StackStatus) (*awsstub.Stub, *types.Stack) {
	const arn = "arn:aws:cloudformation:us-east-1:123456789012:stack/web/1"
	x := &types.Stack{StackId: aws.String(arn), StackName: aws.String("web"), StackStatus: status, CreationTime: aws.Time(time.Unix(0, 0))}
	stub := awsstub.New()
	awsstub.On(stub, func(context.Context, *cloudformation.DescribeStacksInput) (*cloudformation.DescribeStacksOutput, error) {
		return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{*x}}, nil
	})
	awsstub.On(stub, func(context.Context, *cloudformation.DescribeStackEventsInput) (*cloudformation.DescribeStackEventsOutput, error) {
		own := func(id string, status types.ResourceStatus) types.StackEvent {
			return types.StackEvent{EventId: &id, StackId: x.StackId, StackName: x.StackName, LogicalResourceId: x.StackName, PhysicalResourceId: x.StackId, ResourceType: aws.String("AWS::CloudFormation::Stack"), ResourceStatus: status, OperationId: aws.String("op-1"), Timestamp: aws.Time(time.Unix(1, 0))}
		}
		return &cloudformation.DescribeStackEventsOutput{StackEvents: []types.StackEvent{own("2", types.ResourceStatus(status)), own("1", "UPDATE_IN_PROGRESS")}}, nil
	})
	awsstub.On(stub, func(context.Context, *cloudformation.ListStackResourcesInput) (*cloudformation.ListStackResourcesOutput, error) {
		return &cloudformation.ListStackResourcesOutput{}, nil
	})
	awsstub.On(stub, func(context.Context, *cloudformation.GetTemplateInput) (*cloudformation.GetTemplateOutput, error) {
		return &cloudformation.GetTemplateOutput{TemplateBody: aws.String("Resources: {T: {Type: AWS::SNS::Topic}}")}, nil
	})
	return stub, x
}

// What only the newer calls of CloudFormation tell.
func TestDetailsOfAnOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub, x := rested(types.StackStatusUpdateComplete)
		x.DetailedStatus, x.DeploymentConfig = types.DetailedStatusConfigurationComplete, &types.DeploymentConfig{Mode: types.DeploymentConfigModeExpress}
		client := cloudformation.NewFromConfig(stub.Config())
		tree, err := cfnx.Snapshot(t.Context(), client, "web")
		require.NoError(t, err)
		assert.True(t, tree.Root.Express, "complete is not yet healthy")
		assert.Equal(t, "CONFIGURATION_COMPLETE", tree.Root.Detailed)

		var asked []*cloudformation.DescribeEventsInput
		awsstub.On(stub, func(_ context.Context, in *cloudformation.DescribeEventsInput) (*cloudformation.DescribeEventsOutput, error) {
			copied := *in
			asked = append(asked, &copied)
			if in.NextToken == nil {
				return &cloudformation.DescribeEventsOutput{NextToken: aws.String("more"), OperationEvents: []types.OperationEvent{
					{EventType: types.EventTypeHookInvocationError, HookType: aws.String("My::Hook"), HookStatusReason: aws.String("no tags"), HookFailureMode: types.HookFailureModeFail, LogicalResourceId: aws.String("T"), Timestamp: aws.Time(time.Unix(3, 0))},
					{EventType: types.EventTypeHookInvocationError, HookType: aws.String("My::Hint"), HookFailureMode: types.HookFailureModeWarn},
				}}, nil
			}
			return &cloudformation.DescribeEventsOutput{OperationEvents: []types.OperationEvent{
				{EventType: types.EventTypeProgressEvent},
				{EventType: types.EventTypeValidationError, ValidationName: aws.String("PROPERTY_VALIDATION"), ValidationPath: aws.String("/Resources/T/Properties"), ValidationStatusReason: aws.String("required key [X] not found"), ValidationFailureMode: types.HookFailureModeFail, LogicalResourceId: aws.String("T"), Timestamp: aws.Time(time.Unix(2, 0))},
			}}, nil
		})
		require.NoError(t, tree.ReadFindings(t.Context(), client))
		require.Len(t, asked, 2)
		assert.Equal(t, "op-1", *asked[0].OperationId)
		var reasons []string
		for _, f := range tree.Causes().Update {
			reasons = append(reasons, f.LogicalID+": "+f.Reason)
		}
		assert.Equal(t, []string{"T: check PROPERTY_VALIDATION failed at /Resources/T/Properties: required key [X] not found", "T: hook My::Hook failed: no tags"}, reasons)

		awsstub.On(stub, func(context.Context, *cloudformation.DescribeEventsInput) (*cloudformation.DescribeEventsOutput, error) {
			return nil, &types.InsufficientCapabilitiesException{Message: aws.String("denied")}
		})
		require.NoError(t, tree.ReadFindings(t.Context(), client))
		assert.Contains(t, tree.Root.Unread["findings"], "denied")
		assert.Empty(t, tree.Root.Findings)
	})
}

// What an earlier rollback left behind under its name is taken into the stack.
func TestImportExistingIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub, _ := rested(types.StackStatusUpdateComplete)
		client := cloudformation.NewFromConfig(stub.Config())
		var made []*cloudformation.CreateChangeSetInput
		awsstub.On(stub, func(_ context.Context, in *cloudformation.CreateChangeSetInput) (*cloudformation.CreateChangeSetOutput, error) {
			made = append(made, in)
			return &cloudformation.CreateChangeSetOutput{Id: aws.String("arn:cs")}, nil
		})
		awsstub.On(stub, func(_ context.Context, in *cloudformation.DescribeChangeSetInput) (*cloudformation.DescribeChangeSetOutput, error) {
			change := func(id string) types.Change {
				return types.Change{ResourceChange: &types.ResourceChange{Action: types.ChangeActionImport, LogicalResourceId: &id, ResourceType: aws.String("AWS::SNS::Topic")}}
			}
			return &cloudformation.DescribeChangeSetOutput{ChangeSetId: in.ChangeSetName, StackId: aws.String("arn:aws:cloudformation:us-east-1:123456789012:stack/web/1"), StackName: aws.String("web"), Status: types.ChangeSetStatusCreateComplete, Changes: []types.Change{change("Orphan"), change("Other")}}, nil
		})
		awsstub.On(stub, func(context.Context, *cloudformation.DeleteChangeSetInput) (*cloudformation.DeleteChangeSetOutput, error) {
			return &cloudformation.DeleteChangeSetOutput{}, nil
		})
		tree, err := cfnx.Snapshot(t.Context(), client, "web")
		require.NoError(t, err)
		d, err := tree.NewDraft(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, d.UseTemplate(t.Context(), nil, tree.Root, []byte("Resources: {T: {Type: AWS::SNS::Topic}, Orphan: {Type: AWS::SNS::Topic, Properties: {TopicName: o}}}"), nil))
		_, err = d.Apply(t.Context(), client, nil, func(o *cfnx.ApplyOptions) { o.ImportExisting = true })
		require.ErrorAs(t, err, new(*cfnx.RefusedError))
		assert.NotContains(t, err.Error(), "web.Orphan")
		assert.Contains(t, err.Error(), "web.Other (AWS::SNS::Topic): would be taken into the stack")
		require.Len(t, made, 1)
		assert.True(t, aws.ToBool(made[0].ImportExistingResources))
	})
}

// What a skip leaves behind is not what the stack says.
func TestDriftOfWhatWasSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("web", "v1", rescuetest.Runs())
		s.push("web", "v2", rescuetest.Runs())
		s.create("prod", ordered, "Tag", "v1", "Days", "7", "Label", "a")
		s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "no")
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, "Rate exceeded")
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("prod", ordered, "Tag", "v2", "Days", "7", "Label", "b"))
		out, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal)
		require.NoError(t, err)
		require.Len(t, out.Skipped, 1)
		out.Skipped = append(out.Skipped, cfnx.Skip{StackID: "none", Name: "None", LogicalID: "None"})
		drift, err := out.ReadDrift(t.Context(), s.cfn)
		require.NoError(t, err)
		assert.Equal(t, "MODIFIED", drift["Web"])
		assert.True(t, strings.HasPrefix(drift["None"], "unknown: "), drift["None"])
	})
}
