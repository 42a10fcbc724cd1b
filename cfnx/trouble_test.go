package cfnx_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const depotChild = "Parameters: {Value: {Type: String}}\nResources:\n  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /depot/NAME, Value: !Ref Value}}\n"

const depot = `Parameters: {Value: {Type: String}}
Resources:
  Cache: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: "https://templates.s3.us-east-1.amazonaws.com/cache.yaml", Parameters: {Value: !Ref Value}}}
  Queue: {Type: AWS::CloudFormation::Stack, DependsOn: Cache, Properties: {TemplateURL: "https://templates.s3.us-east-1.amazonaws.com/queue.yaml", Parameters: {Value: !Ref Value}}}
`

func newDepot(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.put("cache.yaml", strings.Replace(depotChild, "NAME", "cache", 1))
	s.put("queue.yaml", strings.Replace(depotChild, "NAME", "queue", 1))
	s.create("depot", depot, "Value", "a")
	return s
}

func child(tree *cfnx.Tree, logicalID string) *cfnx.Stack {
	for s := range tree.All() {
		if s.LogicalID == logicalID {
			return s
		}
	}
	return nil
}

// A nested stack that somebody deleted is in the tree as what it is, and hides
// nothing else.
func TestNestedStackThatWasDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newDepot(t)
		id := child(s.tree("depot"), "Cache").ID
		_, err := s.cfn.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: &id})
		require.NoError(t, err)
		time.Sleep(5 * time.Minute)
		tree := s.tree("depot")
		gone := child(tree, "Cache")
		require.NotNil(t, gone)
		require.Equal(t, types.StackStatusDeleteComplete, gone.Status)
		require.Empty(t, gone.Unread)
		require.Equal(t, "UPDATE_COMPLETE", strings.Replace(string(child(tree, "Queue").Status), "CREATE", "UPDATE", 1))

		s.update("depot", depot, "Value", "b")
		tree = s.tree("depot")
		causes := tree.Causes()
		require.NotEmpty(t, causes.Update)
		require.Equal(t, "Cache", causes.Update[0].LogicalID)
		for _, k := range cfnx.SkipMinimal(tree) {
			require.Equal(t, "Cache", k.LogicalID, "the one case in which a nested stack itself may be skipped")
		}
		_, err = cfnx.Snapshot(t.Context(), s.cfn, id)
		require.ErrorIs(t, err, cfnx.ErrStackNotFound)
		d, err := tree.NewDraft(t.Context(), s.s3)
		require.NoError(t, err)
		_, err = d.PatchImages(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, d.LostOutputs(nil))
	})
}

// A part that is denied is not known, with its reason; the rest is there. What
// changes something refuses to, before it does.
func TestDeniedPartsAreUnread(t *testing.T) {
	t.Parallel()
	for action, part := range map[string]string{
		"cloudformation:GetTemplate": "template", "cloudformation:DescribeStackEvents": "events", "cloudformation:ListStackResources": "resources",
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := locked(t, "A")
				s.cloud.Inject(simtype.Fault{Action: action, Kind: simtype.Deny})
				tree, err := cfnx.Snapshot(t.Context(), s.cfn, "chain")
				require.NoError(t, err)
				require.Len(t, tree.Root.Unread, 1)
				require.Contains(t, tree.Root.Unread[part], "AccessDenied")
				require.Equal(t, types.StackStatusUpdateRollbackFailed, tree.Root.Status)
				if part != "template" {
					_, err = cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "chain", cfnx.SkipMinimal)
					require.ErrorIs(t, err, cfnx.ErrUnread)
					require.ErrorContains(t, err, "AccessDenied")
				}
				if part == "events" {
					_, excluded := tree.PlanSkips()
					require.Contains(t, excluded[0].Why, "were not read")
				}
				if part != "events" {
					_, err = tree.NewDraft(t.Context(), nil)
					require.ErrorIs(t, err, cfnx.ErrUnread)
				}
				require.Zero(t, s.continues())
			})
		})
	}
}

// A nested stack's failure of last month is not today's cause.
func TestCausesAreOfTheLatestAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newDepot(t)
		cache := child(s.tree("depot"), "Cache").Name
		s.cloud.FailResource(cache, "P", simtype.OnUpdate, "last month")
		require.Equal(t, "UPDATE_ROLLBACK_COMPLETE", s.update("depot", depot, "Value", "b"))
		time.Sleep(30 * 24 * time.Hour)
		queue := child(s.tree("depot"), "Queue").Name
		s.cloud.FailResource(queue, "P", simtype.OnUpdate, "today")
		s.cloud.FailResource(queue, "P", simtype.OnRollback, "today, going back")
		body := strings.Replace(depot, "Queue: {Type: AWS::CloudFormation::Stack, DependsOn: Cache, Properties: {TemplateURL: \"https://templates.s3.us-east-1.amazonaws.com/queue.yaml\", Parameters: {Value: !Ref Value}}}",
			"Queue: {Type: AWS::CloudFormation::Stack, DependsOn: Cache, Properties: {TemplateURL: \"https://templates.s3.us-east-1.amazonaws.com/queue.yaml\", Parameters: {Value: c}}}", 1)
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("depot", body, "Value", "a"))
		causes := s.tree("depot").Causes()
		require.Len(t, causes.Update, 1)
		require.Equal(t, "today", causes.Update[0].Reason)
		require.Len(t, causes.Rollback, 1)
		require.Equal(t, "today, going back", causes.Rollback[0].Reason)
	})
}

// The stack's own event is the cause where no resource failed, and the nested
// stack's own resource where nothing in it did.
func TestCausesFromEveryPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newDepot(t)
		_, err := s.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("templates"), Key: aws.String("queue.yaml")})
		require.NoError(t, err)
		require.Equal(t, "UPDATE_ROLLBACK_COMPLETE", s.update("depot", depot, "Value", "b"))
		causes := s.tree("depot").Causes()
		require.Len(t, causes.Update, 1)
		require.Equal(t, "Queue", causes.Update[0].LogicalID)
		require.NotContains(t, causes.Update[0].Reason, "The following resource(s) failed")

		base := "Resources:\n  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /base/host, Value: db1}}\n"
		s.create("base", base+"Outputs: {Host: {Value: !GetAtt P.Value, Export: {Name: base-host}}}\n")
		s.create("user", "Resources: {R: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /user/host, Value: !ImportValue base-host}}}\n")
		require.Equal(t, "UPDATE_ROLLBACK_COMPLETE", s.update("base", base+"  Q: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /base/port, Value: '1'}}\n"))
		causes = s.tree("base").Causes()
		require.Len(t, causes.Update, 1)
		require.Contains(t, causes.Update[0].Reason, "Export base-host cannot be deleted as it is in use by user")
		require.Equal(t, "base", causes.Update[0].LogicalID)

		// A nested stack that the update itself created and deleted again.
		url := s.put("new.yaml", "Resources: {N: {Type: AWS::SNS::Topic}}\n")
		s.create("top", "Resources: {T: {Type: AWS::SNS::Topic}}\n")
		s.cloud.FailResource("New", "N", simtype.OnCreate, "Topic quota exceeded")
		st := s.update("top", "Resources:\n  T: {Type: AWS::SNS::Topic}\n  New: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: \""+url+"\"}}\n")
		require.Equal(t, "UPDATE_ROLLBACK_COMPLETE", st)
		causes = s.tree("top").Causes()
		require.Len(t, causes.Update, 1)
		require.Equal(t, []string{"N", "Topic quota exceeded"}, []string{causes.Update[0].LogicalID, causes.Update[0].Reason})
		assert.Equal(t, types.StackStatusDeleteComplete, child(s.tree("top"), "New").Status)
	})
}

// The cause of a rollback that failed only on a nested stack's own resource, and
// why that cannot be skipped.
func TestNestedStacksOwnReasonInARollback(t *testing.T) {
	t.Parallel()
	const root, id, nested = "arn:aws:cloudformation:eu-west-1:123456789012:stack/lab/1", "arn:aws:cloudformation:eu-west-1:123456789012:stack/lab-Api-0A/2", "AWS::CloudFormation::Stack"
	var events []cfnx.Event
	for n, e := range []struct {
		id, phys string
		status   types.ResourceStatus
		reason   string
	}{
		{"lab", root, types.ResourceStatusUpdateInProgress, "User Initiated"},
		{"Api", id, types.ResourceStatusUpdateInProgress, ""},
		{"Api", id, types.ResourceStatusUpdateComplete, ""},
		{"Topic", "t", types.ResourceStatusUpdateFailed, "Invalid parameter: TopicArn"},
		{"lab", root, types.ResourceStatusUpdateRollbackInProgress, "The following resource(s) failed to update: [Topic]. "},
		{"Api", id, types.ResourceStatusUpdateFailed, "S3 error: The specified key does not exist."},
		{"lab", root, types.ResourceStatusUpdateRollbackFailed, "The following resource(s) failed to update: [Api]. "},
	} {
		typ := nested
		if e.id == "Topic" {
			typ = "AWS::SNS::Topic"
		}
		events = append([]cfnx.Event{{ID: string(rune('a' + n)), Time: time.Date(2026, 3, 1, 9, n, 0, 0, time.UTC), StackID: root, StackName: "lab", LogicalID: e.id, PhysicalID: e.phys, Type: typ, Status: e.status, Reason: e.reason}}, events...)
	}
	tree := &cfnx.Tree{Root: &cfnx.Stack{ID: root, Name: "lab", Status: types.StackStatusUpdateRollbackFailed, Events: events,
		Resources: []cfnx.Resource{{LogicalID: "Api", PhysicalID: id, Type: nested, Status: types.ResourceStatusUpdateFailed, Reason: events[1].Reason}},
		Children:  []*cfnx.Stack{{ID: id, Name: "lab-Api-0A", Status: types.StackStatusUpdateCompleteCleanupInProgress, LogicalID: "Api"}}}}
	causes := tree.Causes()
	require.Len(t, causes.Update, 1)
	require.Equal(t, "Topic", causes.Update[0].LogicalID)
	require.Len(t, causes.Rollback, 1)
	require.Equal(t, "Api", causes.Rollback[0].LogicalID)
	require.Contains(t, causes.Rollback[0].Reason, "S3 error")
	skips, excluded := tree.PlanSkips()
	require.Empty(t, skips)
	require.Len(t, excluded, 1)
	require.Contains(t, excluded[0].Why, "nothing failed inside it")
}
