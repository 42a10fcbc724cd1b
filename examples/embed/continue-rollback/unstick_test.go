package unstick_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
	unstick "github.com/stackrescue/stackrescue/examples/embed/continue-rollback"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

const arn = "arn:aws:cloudformation:us-east-1:123456789012:stack/web/1"

// stuck is a stack whose service could not be rolled back; more are events of the
// update that failed.
func stuck(more ...types.StackEvent) *awsstub.Stub {
	stub := awsstub.New()
	status, n := types.StackStatusUpdateRollbackFailed, 0
	var events []types.StackEvent // oldest first
	add := func(id, physical, typ string, status types.ResourceStatus, reason, token string) {
		n++
		e := types.StackEvent{EventId: aws.String(fmt.Sprint(n)), StackId: aws.String(arn), StackName: aws.String("web"), LogicalResourceId: aws.String(id), PhysicalResourceId: aws.String(physical),
			ResourceType: aws.String(typ), ResourceStatus: status, ResourceStatusReason: aws.String(reason), Timestamp: aws.Time(time.Unix(int64(n), 0))}
		if token != "" {
			e.ClientRequestToken = aws.String(token)
		}
		events = append(events, e)
	}
	own := func(status types.ResourceStatus, token string) {
		add("web", arn, "AWS::CloudFormation::Stack", status, "", token)
	}
	const service, ecs = "arn:aws:ecs:us-east-1:123456789012:service/c/web", "AWS::ECS::Service"
	own("UPDATE_IN_PROGRESS", "")
	events = append(events, more...)
	add("Web", service, ecs, "UPDATE_IN_PROGRESS", "", "")
	add("Web", service, ecs, "UPDATE_FAILED", "circuit breaker", "")
	own("UPDATE_ROLLBACK_IN_PROGRESS", "")
	add("Web", service, ecs, "UPDATE_FAILED", "CannotPullContainerError", "")
	own("UPDATE_ROLLBACK_FAILED", "")
	awsstub.On(stub, func(context.Context, *cfn.DescribeStacksInput) (*cfn.DescribeStacksOutput, error) {
		return &cfn.DescribeStacksOutput{Stacks: []types.Stack{{StackId: aws.String(arn), StackName: aws.String("web"), StackStatus: status, CreationTime: aws.Time(time.Unix(0, 0))}}}, nil
	})
	awsstub.On(stub, func(context.Context, *cfn.DescribeStackEventsInput) (*cfn.DescribeStackEventsOutput, error) {
		out := &cfn.DescribeStackEventsOutput{}
		for i := range events {
			out.StackEvents = append(out.StackEvents, events[len(events)-1-i])
		}
		return out, nil
	})
	awsstub.On(stub, func(context.Context, *cfn.ListStackResourcesInput) (*cfn.ListStackResourcesOutput, error) {
		return &cfn.ListStackResourcesOutput{StackResourceSummaries: []types.StackResourceSummary{{LogicalResourceId: aws.String("Web"), PhysicalResourceId: aws.String(service), ResourceType: aws.String(ecs), ResourceStatus: "UPDATE_FAILED", LastUpdatedTimestamp: aws.Time(time.Unix(1, 0))}}}, nil
	})
	awsstub.On(stub, func(context.Context, *cfn.GetTemplateInput) (*cfn.GetTemplateOutput, error) {
		return &cfn.GetTemplateOutput{TemplateBody: aws.String("Resources: {Web: {Type: AWS::ECS::Service}}")}, nil
	})
	awsstub.On(stub, func(_ context.Context, in *cfn.ContinueUpdateRollbackInput) (*cfn.ContinueUpdateRollbackOutput, error) {
		own("UPDATE_ROLLBACK_IN_PROGRESS", aws.ToString(in.ClientRequestToken))
		own("UPDATE_ROLLBACK_COMPLETE", aws.ToString(in.ClientRequestToken))
		status = types.StackStatusUpdateRollbackComplete
		return &cfn.ContinueUpdateRollbackOutput{}, nil
	})
	return stub
}

func TestStackIsUnstuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		out, err := unstick.Stack(t.Context(), stuck().Config(), "web", &log)
		if err != nil || out.To != types.StackStatusUpdateRollbackComplete || len(out.Skipped) != 1 || out.Skipped[0].Name != "Web" {
			t.Fatalf("%+v, %v", out, err)
		}
		if !strings.Contains(log.String(), "skipping Web") {
			t.Error(log.String())
		}
	})
}

func TestDataIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stub := stuck(types.StackEvent{EventId: aws.String("t"), StackId: aws.String(arn), StackName: aws.String("web"), LogicalResourceId: aws.String("Orders"), PhysicalResourceId: aws.String("orders"),
			ResourceType: aws.String("AWS::DynamoDB::Table"), ResourceStatus: "CREATE_IN_PROGRESS", Timestamp: aws.Time(time.Unix(1, 0))})
		_, err := unstick.Stack(t.Context(), stub.Config(), "web", &strings.Builder{})
		var lost *unstick.DataError
		if !errors.As(err, &lost) || len(lost.Deletes) != 1 || lost.Deletes[0].PhysicalID != "orders" {
			t.Fatal(err)
		}
		for _, c := range stub.Calls() {
			if _, changed := c.Input.(*cfn.ContinueUpdateRollbackInput); changed {
				t.Error("it was continued all the same")
			}
		}
	})
}

func TestStackThatIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stub := stuck()
		if _, err := unstick.Stack(t.Context(), stub.Config(), "web", &strings.Builder{}); err != nil {
			t.Fatal(err)
		}
		if _, err := unstick.Stack(t.Context(), stub.Config(), "web", &strings.Builder{}); !errors.Is(err, cfnx.ErrNotStuck) {
			t.Fatal(err)
		}
	})
}
