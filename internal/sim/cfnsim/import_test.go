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

const (
	newsTemplate  = "Resources:\n  News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}\n"
	tableTemplate = "  Orders: {Type: AWS::DynamoDB::Table, Properties: {TableName: orders}}\n  Late: {Type: AWS::SNS::Topic, DependsOn: Orders}\n"
	keptTemplate  = "  Orders: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain, Properties: {TableName: orders}}\n"
)

// protectedAndLeft makes an update fail that has made a table, which is protected
// before the clean-up.
func protectedAndLeft(s *sim) {
	require.Equal(s.t, types.StackStatusCreateComplete, s.create("prod", newsTemplate))
	s.do(func() {
		assert.False(s.t, s.svc.Protect("orders", true), "there is none")
		s.svc.Takes("AWS::SNS::Topic", simtype.OnCreate, time.Hour)
		s.svc.FailNext("prod", "Late", simtype.OnCreate, AfterHandler, "no")
	})
	body := newsTemplate + tableTemplate
	_, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: ptr("prod"), TemplateBody: &body})
	require.NoError(s.t, err)
	time.Sleep(time.Minute)
	s.do(func() { require.True(s.t, s.svc.Protect("orders", true)) })
	require.Equal(s.t, types.StackStatusUpdateRollbackComplete, s.rest("prod"))
}

func (s *sim) importInto(body, id, typ, physical string) *cloudformation.DescribeChangeSetOutput {
	s.t.Helper()
	set, err := s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{
		StackName: ptr("prod"), ChangeSetName: ptr("import"), ChangeSetType: types.ChangeSetTypeImport, TemplateBody: &body,
		ResourcesToImport: []types.ResourceToImport{{LogicalResourceId: &id, ResourceType: &typ, ResourceIdentifier: map[string]string{"TableName": physical}}},
	})
	require.NoError(s.t, err)
	time.Sleep(time.Minute)
	out, err := s.DescribeChangeSet(s.ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: set.Id})
	require.NoError(s.t, err)
	if out.Status == types.ChangeSetStatusFailed {
		_, err := s.DeleteChangeSet(s.ctx, &cloudformation.DeleteChangeSetInput{ChangeSetName: set.Id})
		require.NoError(s.t, err)
	}
	return out
}

// A protected resource is left outside of the stack after three tries; only an import
// that changes nothing else takes it in again, as it was.
func TestProtectedResourceIsLeftAndImported(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		protectedAndLeft(s)
		events := strings.Join(s.events("prod", 0), "\n")
		require.Equal(t, 3, strings.Count(events, "Orders DELETE_FAILED"), events)
		require.Contains(t, *s.stack("prod").StackStatusReason, "could not be deleted")

		_, err := s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{
			StackName: ptr("prod"), ChangeSetName: ptr("bare"), ChangeSetType: types.ChangeSetTypeImport, TemplateBody: ptr(newsTemplate + tableTemplate),
			ResourcesToImport: []types.ResourceToImport{{LogicalResourceId: ptr("Orders"), ResourceType: ptr("AWS::DynamoDB::Table"), ResourceIdentifier: map[string]string{"TableName": "orders"}}},
		})
		require.ErrorContains(t, err, "must have DeletionPolicy")
		for name, test := range map[string]struct{ body, physical, want string }{
			"another change": {strings.Replace(newsTemplate, "news", "olds", 1) + keptTemplate, "orders", "You have modified resources [News]"},
			"an output":      {newsTemplate + keptTemplate + "Outputs:\n  O: {Value: x}\n", "orders", "cannot modify or add [Outputs]"},
			"not there":      {newsTemplate + keptTemplate, "others", "was not found"},
		} {
			out := s.importInto(test.body, "Orders", "AWS::DynamoDB::Table", test.physical)
			require.Equal(t, types.ChangeSetStatusFailed, out.Status, name)
			require.Contains(t, *out.StatusReason, test.want, name)
		}
		out := s.importInto(newsTemplate+keptTemplate, "Orders", "AWS::DynamoDB::Table", "orders")
		require.Equal(t, types.ChangeSetStatusCreateComplete, out.Status, str(out.StatusReason))
		require.Equal(t, types.ChangeActionImport, out.Changes[0].ResourceChange.Action)
		n := len(s.events("prod", 0))
		_, err = s.ExecuteChangeSet(s.ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: out.ChangeSetId})
		require.NoError(t, err)
		require.Equal(t, types.StackStatusImportComplete, s.rest("prod"))
		require.Equal(t, []string{
			"prod IMPORT_IN_PROGRESS User Initiated",
			"Orders IMPORT_IN_PROGRESS Resource import started.", "Orders IMPORT_COMPLETE Resource import completed.",
			"Orders UPDATE_IN_PROGRESS Apply stack-level tags to imported resource if applicable.", "Orders UPDATE_COMPLETE",
			"prod IMPORT_COMPLETE",
		}, s.events("prod", n))
		require.Equal(t, "orders", s.physical("prod", "Orders"))
		s.do(func() { require.NoError(t, s.svc.Check()) })
		require.Equal(t, types.StackStatusUpdateComplete, s.update("prod", newsTemplate+strings.Replace(keptTemplate, "DeletionPolicy: Retain, ", "", 1)+"Outputs:\n  O: {Value: !GetAtt Orders.Arn}\n"))
		require.Equal(t, "orders", s.physical("prod", "Orders"))
	})
}

// An import that fails leaves the stack as it was, and can be made again.
func TestImportThatFails(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		protectedAndLeft(s)
		for i, want := range []types.StackStatus{types.StackStatusImportRollbackComplete, types.StackStatusImportComplete} {
			if i == 0 {
				s.do(func() { s.svc.FailNext("prod", "Orders", simtype.OnCreate, BeforeHandler, "access denied") })
			}
			out := s.importInto(newsTemplate+keptTemplate, "Orders", "AWS::DynamoDB::Table", "orders")
			_, err := s.ExecuteChangeSet(s.ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: out.ChangeSetId})
			require.NoError(t, err)
			require.Equal(t, want, s.rest("prod"))
			s.do(func() { require.NoError(t, s.svc.Check()) })
		}
		require.Equal(t, "orders", s.physical("prod", "Orders"))
	})
}
