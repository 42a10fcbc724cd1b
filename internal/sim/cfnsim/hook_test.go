package cfnsim

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// A failing hook stops a resource before its handler is called: the resource's
// event has the hook's name, the invocation's event has its words, and the
// rollback has nothing to do with the resource.
func TestFailedHook(t *testing.T) {
	inBubble(t, &simtype.Switches{}, func(s *sim) {
		body := func(v string) string {
			return "Resources:\n  A: {Type: AWS::SSM::Parameter, Properties: {Name: one, Type: String, Value: " + v + "}}\n"
		}
		s.create("web", body("a"))
		s.do(func() { s.svc.FailNext("web", "A", simtype.OnHook, BeforeHandler, "not today") })
		name, text := "web", body("b")
		out, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &text})
		require.NoError(t, err)
		require.Equal(t, types.StackStatusUpdateRollbackComplete, s.rest("web"))
		s.do(func() { assert.Equal(t, map[string]string{"one": "a"}, s.cloud.params) })

		events, err := s.DescribeStackEvents(s.ctx, &cloudformation.DescribeStackEventsInput{StackName: &name})
		require.NoError(t, err)
		var told, failed *types.StackEvent
		for _, e := range events.StackEvents {
			if e.HookStatus == types.HookStatusHookCompleteFailed {
				told = &e
			}
			if e.ResourceStatus == types.ResourceStatusUpdateFailed {
				failed = &e
			}
		}
		require.NotNil(t, told)
		assert.Equal(t, "Hook failed with message: not today", *told.HookStatusReason)
		assert.Equal(t, types.ResourceStatusUpdateInProgress, told.ResourceStatus)
		assert.Equal(t, types.HookInvocationPointPreProvision, told.HookInvocationPoint)
		require.NotNil(t, failed)
		assert.Equal(t, "The following hook(s) failed: [Simulated::Account::Hook]", *failed.ResourceStatusReason)
		assert.Equal(t, "{}", *failed.ResourceProperties)

		operation, err := s.DescribeEvents(s.ctx, &cloudformation.DescribeEventsInput{OperationId: out.OperationId, Filters: &types.EventFilter{FailedEvents: new(true)}})
		require.NoError(t, err)
		var kinds []types.EventType
		for _, e := range operation.OperationEvents {
			kinds = append(kinds, e.EventType)
		}
		assert.Contains(t, kinds, types.EventTypeHookInvocationError)
		assert.Equal(t, types.StackStatusUpdateComplete, s.update("web", body("b")), "the next one is free to go")
	})
}

// The stack's own hook is asked before its first resource.
func TestFailedHookOfStack(t *testing.T) {
	inBubble(t, &simtype.Switches{}, func(s *sim) {
		body := func(v string) string {
			return "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {DisplayName: " + v + "}}\n"
		}
		s.create("web", body("a"))
		s.do(func() { s.svc.FailNext("web", "web", simtype.OnHook, BeforeHandler, "freeze until Monday") })
		require.Equal(t, types.StackStatusUpdateRollbackComplete, s.update("web", body("b")))
		name := "web"
		events, err := s.DescribeStackEvents(s.ctx, &cloudformation.DescribeStackEventsInput{StackName: &name})
		require.NoError(t, err)
		var reasons []string
		for _, e := range events.StackEvents {
			if str(e.LogicalResourceId) == "web" && e.ResourceStatusReason != nil {
				reasons = append(reasons, *e.ResourceStatusReason)
			}
			assert.False(t, str(e.LogicalResourceId) == "A" && e.ResourceStatus == types.ResourceStatusUpdateInProgress)
		}
		assert.Contains(t, reasons, "The following hook(s) failed: [Simulated::Account::Hook] ")
	})
}

// A wait condition whose handle nobody else knows fails when its time is over.
func TestWaitCondition(t *testing.T) {
	const waiting = `
  Handle: {Type: AWS::CloudFormation::WaitConditionHandle}
  Hold: {Type: AWS::CloudFormation::WaitCondition, Properties: {Handle: !Ref Handle, Timeout: "180"}}
`
	inBubble(t, &simtype.Switches{}, func(s *sim) {
		body := "Resources:\n  A: {Type: AWS::SNS::Topic}\n"
		s.create("web", body)
		start := time.Now()
		require.Equal(t, types.StackStatusUpdateRollbackComplete, s.update("web", body+waiting))
		assert.Greater(t, time.Since(start), 3*time.Minute)
		assert.Contains(t, strings.Join(s.events("web", 0), "\n"), "WaitCondition timed out. Received 0 conditions when expecting 1")
		signalled := body + waiting + "  Host: {Type: AWS::EC2::Instance, Properties: {UserData: !Sub '${Handle}'}}\n"
		require.Equal(t, types.StackStatusUpdateComplete, s.update("web", signalled))
	})
}

// A resource and a parameter may not share a name.
func TestUniqueNames(t *testing.T) {
	inBubble(t, &simtype.Switches{}, func(s *sim) {
		name, body := "web", "Parameters: {Name: {Type: String, Default: x}}\nResources:\n  Name: {Type: AWS::SNS::Topic}\n"
		_, err := s.CreateStack(s.ctx, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &body})
		require.ErrorContains(t, err, "ValidationError: Template error: all resources and parameters must have unique names. Common name(s):[Name]")
	})
}

// An answer that is one list has it where there is nothing, too, and a type that
// there is not is refused.
func TestOrdinaryAnswers(t *testing.T) {
	inBubble(t, &simtype.Switches{}, func(s *sim) {
		stacks, err := s.DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{})
		require.NoError(t, err)
		require.NotNil(t, stacks.Stacks)
		exports, err := s.ListExports(s.ctx, &cloudformation.ListExportsInput{})
		require.NoError(t, err)
		require.NotNil(t, exports.Exports)
		for typ, ok := range map[string]bool{"AWS::ECS::Servise": false, "AWS::ECS": false, "ECS::Service": false, "Custom::Thing": true, "AWS::Kinesis::Stream": true, "Third::Party::Type": true} {
			name, body := "t", "Resources: {T: {Type: '"+typ+"'}}"
			_, err := s.CreateStack(s.ctx, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &body})
			if ok {
				require.NoError(t, err)
				s.rest(name)
				_, err = s.DeleteStack(s.ctx, &cloudformation.DeleteStackInput{StackName: &name})
				require.NoError(t, err)
				time.Sleep(time.Hour)
				continue
			}
			require.ErrorContains(t, err, "Template format error: Unrecognized resource types: ["+typ+"]")
		}
	})
}
