package cfnsim

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// An operation that fails its validation touches nothing, and its reason is in
// DescribeEvents alone.
func TestFailedValidation(t *testing.T) {
	for value, want := range map[string]types.StackStatus{"rolls-back": types.StackStatusUpdateRollbackComplete, "fails": types.StackStatusUpdateFailed} {
		inBubble(t, &simtype.Switches{FailedValidation: value}, func(s *sim) {
			body := func(v string) string {
				return "Resources:\n  A: {Type: AWS::SSM::Parameter, Properties: {Name: one, Type: String, Value: " + v + "}}\n"
			}
			s.create("web", body("a"))
			s.do(func() {
				s.svc.FailNext("web", "A", simtype.OnValidation, BeforeHandler, "#: required key [Type] not found")
			})
			name, text := "web", body("b")
			out, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &text})
			require.NoError(t, err)
			require.Equal(t, want, s.rest("web"))
			s.do(func() { assert.Equal(t, map[string]string{"one": "a"}, s.cloud.params) })
			for _, e := range s.events("web", 0) {
				assert.NotContains(t, e, "required key")
			}
			events, err := s.DescribeEvents(s.ctx, &cloudformation.DescribeEventsInput{OperationId: out.OperationId})
			require.NoError(t, err)
			var reasons []string
			for _, e := range events.OperationEvents {
				if e.EventType == types.EventTypeValidationError {
					reasons = append(reasons, str(e.LogicalResourceId)+": "+str(e.ValidationStatusReason))
					assert.Equal(t, types.OperationTypeUpdateStack, e.OperationType)
				}
			}
			assert.Equal(t, []string{"A: #: required key [Type] not found"}, reasons)
			if value == "rolls-back" { // and the next one is free to go
				assert.Equal(t, types.StackStatusUpdateComplete, s.update("web", body("b")))
			}
		})
	}
}

// DescribeEvents by a root's operation lists what its children did, or not.
func TestEventsOfChildren(t *testing.T) {
	for value, want := range map[string]bool{"separate": false, "listed": true} {
		inBubble(t, &simtype.Switches{EventsOfChildren: value}, func(s *sim) {
			s.put("child.yaml", "Parameters: {V: {Type: String}}\nResources:\n  A: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref V}}\n")
			body := "Parameters: {V: {Type: String}}\nResources:\n  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://templates.s3.eu-central-1.amazonaws.com/child.yaml', Parameters: {V: !Ref V}}}\n"
			s.create("root", body, "V", "1")
			name := "root"
			out, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &body, Parameters: pairs([]string{"V", "2"})})
			require.NoError(t, err)
			require.Equal(t, types.StackStatusUpdateComplete, s.rest("root"))
			events, err := s.DescribeEvents(s.ctx, &cloudformation.DescribeEventsInput{OperationId: out.OperationId})
			require.NoError(t, err)
			child := false
			for i, e := range events.OperationEvents {
				child = child || str(e.LogicalResourceId) == "A"
				assert.True(t, i == 0 || !e.Timestamp.After(*events.OperationEvents[i-1].Timestamp), "newest first")
			}
			assert.Equal(t, want, child)
		})
	}
}

// Whether a rollback needs the object of a child's old template is a switch.
func TestChildTemplateAtRollback(t *testing.T) {
	for value, want := range map[string]types.StackStatus{"stored": types.StackStatusUpdateRollbackComplete, "read-again": types.StackStatusUpdateRollbackFailed} {
		inBubble(t, &simtype.Switches{ChildTemplateAtRollback: value}, func(s *sim) {
			child := "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {DisplayName: one}}\n"
			s.put("one.yaml", child)
			s.put("two.yaml", child+"  B: {Type: AWS::SNS::Topic}\n")
			body := func(key string) string {
				return "Resources:\n  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://templates.s3.eu-central-1.amazonaws.com/" + key + "'}}\n"
			}
			s.create("root", body("one.yaml"))
			s.do(func() {
				delete(s.cloud.objects, "templates/one.yaml") // the pipeline keeps its bucket tidy
				s.svc.FailNext("Child", "B", simtype.OnCreate, BeforeHandler, "no")
			})
			require.Equal(t, want, s.update("root", body("two.yaml")))
		})
	}
}
