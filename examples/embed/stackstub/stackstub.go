// Package stackstub answers the calls that a small stack gets while it is updated.
package stackstub

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

// ARN is the stack's.
const ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack/web/1"

// Stub is the stack web with one template and one resource.
type Stub struct {
	*awsstub.Stub
	// Body is the template; an update changes it.
	Body string
	// Outputs are those that the stack has.
	Outputs map[string]string
	// Executed is how many updates there were.
	Executed int

	next string
}

// New is a stub of a stack with a resource, which an update changes if changes is
// set.
func New(body, resource, resourceType string, changes bool) *Stub {
	s := &Stub{Stub: awsstub.New(), Body: body, Outputs: map[string]string{}}
	var events []types.StackEvent // newest first
	own := func(status types.ResourceStatus, token *string) {
		n := len(events) + 1
		e := types.StackEvent{EventId: aws.String(fmt.Sprint(n)), StackId: aws.String(ARN), StackName: aws.String("web"), LogicalResourceId: aws.String("web"), PhysicalResourceId: aws.String(ARN),
			ResourceType: aws.String("AWS::CloudFormation::Stack"), ResourceStatus: status, ClientRequestToken: token, Timestamp: aws.Time(time.Unix(int64(n), 0))}
		events = append([]types.StackEvent{e}, events...)
	}
	own("CREATE_IN_PROGRESS", nil)
	own("CREATE_COMPLETE", nil)
	status := types.StackStatusCreateComplete
	awsstub.On(s.Stub, func(context.Context, *cfn.DescribeStacksInput) (*cfn.DescribeStacksOutput, error) {
		x := types.Stack{StackId: aws.String(ARN), StackName: aws.String("web"), StackStatus: status, CreationTime: aws.Time(time.Unix(0, 0))}
		for k, v := range s.Outputs {
			x.Outputs = append(x.Outputs, types.Output{OutputKey: aws.String(k), OutputValue: aws.String(v)})
		}
		return &cfn.DescribeStacksOutput{Stacks: []types.Stack{x}}, nil
	})
	awsstub.On(s.Stub, func(context.Context, *cfn.DescribeStackEventsInput) (*cfn.DescribeStackEventsOutput, error) {
		return &cfn.DescribeStackEventsOutput{StackEvents: events}, nil
	})
	awsstub.On(s.Stub, func(context.Context, *cfn.ListStackResourcesInput) (*cfn.ListStackResourcesOutput, error) {
		return &cfn.ListStackResourcesOutput{StackResourceSummaries: []types.StackResourceSummary{{LogicalResourceId: aws.String(resource), PhysicalResourceId: aws.String("physical"), ResourceType: aws.String(resourceType), ResourceStatus: "CREATE_COMPLETE", LastUpdatedTimestamp: aws.Time(time.Unix(1, 0))}}}, nil
	})
	awsstub.On(s.Stub, func(context.Context, *cfn.GetTemplateInput) (*cfn.GetTemplateOutput, error) {
		return &cfn.GetTemplateOutput{TemplateBody: aws.String(s.Body)}, nil
	})
	awsstub.On(s.Stub, func(_ context.Context, in *cfn.CreateChangeSetInput) (*cfn.CreateChangeSetOutput, error) {
		s.next = aws.ToString(in.TemplateBody)
		return &cfn.CreateChangeSetOutput{Id: aws.String("arn:aws:cloudformation:us-east-1:123456789012:changeSet/x/1")}, nil
	})
	awsstub.On(s.Stub, func(_ context.Context, in *cfn.DescribeChangeSetInput) (*cfn.DescribeChangeSetOutput, error) {
		out := &cfn.DescribeChangeSetOutput{ChangeSetId: in.ChangeSetName, StackId: aws.String(ARN), StackName: aws.String("web"), Status: types.ChangeSetStatusCreateComplete}
		if changes {
			out.Changes = []types.Change{{ResourceChange: &types.ResourceChange{Action: types.ChangeActionModify, LogicalResourceId: aws.String(resource), ResourceType: aws.String(resourceType), Replacement: types.ReplacementTrue}}}
		}
		return out, nil
	})
	awsstub.On(s.Stub, func(context.Context, *cfn.DeleteChangeSetInput) (*cfn.DeleteChangeSetOutput, error) {
		return &cfn.DeleteChangeSetOutput{}, nil
	})
	awsstub.On(s.Stub, func(_ context.Context, in *cfn.ExecuteChangeSetInput) (*cfn.ExecuteChangeSetOutput, error) {
		own("UPDATE_IN_PROGRESS", in.ClientRequestToken)
		own("UPDATE_COMPLETE", in.ClientRequestToken)
		s.Body, status = s.next, types.StackStatusUpdateComplete
		s.Executed++
		return &cfn.ExecuteChangeSetOutput{}, nil
	})
	return s
}
