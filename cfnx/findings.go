package cfnx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

const partFindings = "findings"

// ReadFindings reads what only DescribeEvents returns about the latest update
// (docs/aws/cfn.md 8.8): checks of CloudFormation and of hooks that failed, into Stack.Findings, from where
// [Tree.Causes] has them. Where they could not be read, as where the operation is
// not known, Stack.Unread has "findings" with the reason; that is no error.
//
// Calls cloudformation:DescribeEvents, a page at a time, for each stack whose
// latest update has an operation id. Safe to repeat.
// It returns an error only if ctx ends or the tree is empty.
func (t *Tree) ReadFindings(ctx context.Context, api interface {
	DescribeEvents(context.Context, *cfn.DescribeEventsInput, ...func(*cfn.Options)) (*cfn.DescribeEventsOutput, error)
}) error {
	if t == nil || t.Root == nil {
		return errors.New("tree is empty: take a snapshot first")
	}
	for s := range t.All() {
		s.Findings = nil
		delete(s.Unread, partFindings)
		operation := ""
		if forward, _ := s.attempt(); len(forward) > 0 {
			operation = forward[0].Operation
		}
		if operation == "" {
			if len(s.Events) > 0 {
				s.unknown(partFindings, "the events of the update have no operation id")
			}
			continue
		}
		in := &cfn.DescribeEventsInput{OperationId: &operation, Filters: &types.EventFilter{FailedEvents: aws.Bool(true)}}
		for {
			out, err := patiently(ctx, func(ctx context.Context) (*cfn.DescribeEventsOutput, error) { return api.DescribeEvents(ctx, in) })
			if ctx.Err() != nil {
				return fmt.Errorf("stack %s: %w", s.Name, ctx.Err())
			}
			if err != nil {
				s.unknown(partFindings, err.Error())
				break
			}
			for _, e := range out.OperationEvents {
				if f, ok := finding(s, e); ok {
					s.Findings = append(s.Findings, f)
				}
			}
			if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
				break
			}
		}
		slices.Reverse(s.Findings)
	}
	return nil
}

// finding is what an event says that DescribeStackEvents does not.
func finding(s *Stack, e types.OperationEvent) (Failure, bool) {
	f := Failure{s.ID, s.Name, aws.ToString(e.LogicalResourceId), aws.ToString(e.PhysicalResourceId), aws.ToString(e.ResourceType), "", aws.ToTime(e.Timestamp)}
	switch e.EventType {
	case types.EventTypeValidationError:
		if e.ValidationFailureMode == types.HookFailureModeWarn {
			return f, false
		}
		f.Reason = strings.TrimSpace(fmt.Sprintf("check %s failed at %s: %s", aws.ToString(e.ValidationName), aws.ToString(e.ValidationPath), aws.ToString(e.ValidationStatusReason)))
	case types.EventTypeHookInvocationError:
		if e.HookFailureMode == types.HookFailureModeWarn {
			return f, false
		}
		f.Reason = strings.TrimSpace(fmt.Sprintf("hook %s failed: %s", aws.ToString(e.HookType), aws.ToString(e.HookStatusReason)))
	default:
		return f, false
	}
	return f, true
}
