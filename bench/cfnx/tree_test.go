package cfnx

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

// The tree: a root with 20 nested stacks, 2,500 resources and 50,000 events. The
// pages are CloudFormation's.
const (
	nested    = 20
	resources = 120
	events    = 2_380
	page      = 100
	latency   = 100 * time.Millisecond
)

func arn(i int) string {
	return fmt.Sprintf("arn:aws:cloudformation:us-east-1:123456789012:stack/s%02d/00000000-0000-0000-0000-%012d", i, i)
}

func number(stack string) int {
	if !strings.HasPrefix(stack, "arn:") {
		return 0
	}
	i, err := strconv.Atoi(stack[len(stack)-12:])
	if err != nil {
		panic(err)
	}
	return i
}

// slice is a page of n things, and the token of the next.
func slice(token *string, n int) (from, to int, next *string) {
	from, err := strconv.Atoi(aws.ToString(token))
	if err != nil {
		from = 0
	}
	if to = from + page; to < n {
		return from, to, aws.String(strconv.Itoa(to))
	}
	return from, n, nil
}

// newTree answers for a tree whose latest update, which failed and was rolled
// back as far as it went, has attempt events in each stack.
func newTree(attempt int) *awsstub.Stub {
	stub := awsstub.New()
	stub.Latency = latency
	awsstub.On(stub, func(_ context.Context, in *cfn.DescribeStacksInput) (*cfn.DescribeStacksOutput, error) {
		i := number(*in.StackName)
		s := types.Stack{StackId: aws.String(arn(i)), StackName: aws.String(fmt.Sprintf("s%02d", i)), StackStatus: types.StackStatusUpdateRollbackFailed, CreationTime: aws.Time(time.Unix(0, 0))}
		if i > 0 {
			s.RootId, s.ParentId = aws.String(arn(0)), aws.String(arn(0))
		}
		return &cfn.DescribeStacksOutput{Stacks: []types.Stack{s}}, nil
	})
	awsstub.On(stub, func(_ context.Context, in *cfn.ListStackResourcesInput) (*cfn.ListStackResourcesOutput, error) {
		n, root := resources, number(*in.StackName) == 0
		if root {
			n = nested
		}
		from, to, next := slice(in.NextToken, n)
		out := &cfn.ListStackResourcesOutput{NextToken: next}
		for k := from; k < to; k++ {
			r := types.StackResourceSummary{LogicalResourceId: aws.String(fmt.Sprintf("R%d", k)), PhysicalResourceId: aws.String(fmt.Sprintf("physical-%d", k)), ResourceType: aws.String("AWS::SNS::Topic"), ResourceStatus: types.ResourceStatusUpdateFailed, LastUpdatedTimestamp: aws.Time(time.Unix(1, 0))}
			if root {
				r.ResourceType, r.PhysicalResourceId = aws.String("AWS::CloudFormation::Stack"), aws.String(arn(k+1))
			}
			out.StackResourceSummaries = append(out.StackResourceSummaries, r)
		}
		return out, nil
	})
	awsstub.On(stub, func(_ context.Context, in *cfn.DescribeStackEventsInput) (*cfn.DescribeStackEventsOutput, error) {
		from, to, next := slice(in.NextToken, events)
		out := &cfn.DescribeStackEventsOutput{NextToken: next}
		for k := from; k < to; k++ {
			e := types.StackEvent{StackId: in.StackName, StackName: aws.String("s"), EventId: aws.String(strconv.Itoa(k)), LogicalResourceId: aws.String(fmt.Sprintf("R%d", k%resources)), PhysicalResourceId: aws.String(fmt.Sprintf("physical-%d", k%resources)), ResourceType: aws.String("AWS::SNS::Topic"),
				ResourceStatus: types.ResourceStatusUpdateFailed, ResourceStatusReason: aws.String("Resource handler returned message: " + strconv.Itoa(k)), Timestamp: aws.Time(time.Unix(int64(events-k), 0)), ResourceProperties: aws.String(`{"DisplayName":"a topic","Tags":[{"Key":"team","Value":"web"}]}`)}
			switch {
			case k == attempt-1: // the update begins
				e.LogicalResourceId, e.PhysicalResourceId, e.ResourceType, e.ResourceStatus, e.ResourceProperties = aws.String("s"), in.StackName, aws.String("AWS::CloudFormation::Stack"), types.ResourceStatusUpdateInProgress, nil
			case k == attempt/2: // and is rolled back
				e.LogicalResourceId, e.PhysicalResourceId, e.ResourceType, e.ResourceStatus, e.ResourceProperties = aws.String("s"), in.StackName, aws.String("AWS::CloudFormation::Stack"), types.ResourceStatusUpdateRollbackInProgress, nil
			case k%3 == 0:
				e.ResourceStatus, e.ResourceStatusReason = types.ResourceStatusUpdateInProgress, nil
			}
			out.StackEvents = append(out.StackEvents, e)
		}
		return out, nil
	})
	var body strings.Builder
	body.WriteString("Resources:\n")
	for k := range resources {
		fmt.Fprintf(&body, "  R%d: {Type: AWS::SNS::Topic, Properties: {DisplayName: a topic}}\n", k)
	}
	text := body.String()
	awsstub.On(stub, func(context.Context, *cfn.GetTemplateInput) (*cfn.GetTemplateOutput, error) {
		return &cfn.GetTemplateOutput{TemplateBody: &text}, nil
	})
	return stub
}
