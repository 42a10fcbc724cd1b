package cfnx_test

import (
	"encoding/json"
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
	"github.com/stackrescue/stackrescue/cfnx/template"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// updateByChangeSet updates a stack as most pipelines do, and lets time pass.
func (s *site) updateByChangeSet(stack, body string, kv ...string) string {
	s.t.Helper()
	out, err := s.cfn.CreateChangeSet(s.t.Context(), &cloudformation.CreateChangeSetInput{StackName: &stack, ChangeSetName: aws.String("release"), TemplateBody: &body, Parameters: parameters(kv), Capabilities: capabilities})
	require.NoError(s.t, err)
	for range 100 {
		cs, err := s.cfn.DescribeChangeSet(s.t.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: out.Id})
		require.NoError(s.t, err)
		require.NotEqual(s.t, types.ChangeSetStatusFailed, cs.Status, aws.ToString(cs.StatusReason))
		if cs.Status == types.ChangeSetStatusCreateComplete {
			break
		}
		time.Sleep(time.Second)
	}
	_, err = s.cfn.ExecuteChangeSet(s.t.Context(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: out.Id})
	require.NoError(s.t, err)
	return s.rest(stack)
}

const nestedWeb = `Parameters: {Tag: {Type: String}, Level: {Type: String}}
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: c}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: web
      ContainerDefinitions: [{Name: web, Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/web:${Tag}", Environment: [{Name: LEVEL, Value: !Ref Level}]}]
  Web:
    Type: AWS::ECS::Service
    Properties: {ServiceName: web, Cluster: !Ref Cluster, TaskDefinition: !Ref Task, DesiredCount: 1, DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}
Outputs: {Service: {Value: !Ref Web}}
`

func nestedRoot(url string) string {
	return `Parameters: {Tag: {Type: String}, Level: {Type: String, Default: info}, Gone: {Type: String, Default: g}}
Resources:
  App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: "` + url + `", Parameters: {Tag: !Ref Tag, Level: !Ref Level}}}
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Sub "t-${Level}"}}
`
}

// The update that failed is read from its change set, believed because the events
// show the same, and is where the stack can be brought to once what failed is
// mended.
func TestAttemptedUpdateIsReadAndCanBeTheTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("web", "v1", rescuetest.Runs())
		s.push("web", "v2", rescuetest.Exits(1, 5*time.Second, "no"))
		s.push("web", "v3", rescuetest.Runs())
		s.create("prod", nestedRoot(s.put("web.yaml", nestedWeb)), "Tag", "v1")
		next := strings.Replace(nestedWeb, "[{Name: LEVEL", "[{Name: SMTP, Value: smtp}, {Name: LEVEL", 1)
		root := strings.NewReplacer(", Gone: {Type: String, Default: g}", ", New: {Type: String, Default: n}", "  Topic:", "  Kept: {Type: AWS::SQS::Queue, DeletionPolicy: Retain, Properties: {QueueName: !Ref New}}\n  Topic:").Replace(nestedRoot(s.put("web-2.yaml", next)))
		s.cloud.FailResource("App", "Web", simtype.OnRollback, "Rate exceeded")
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.updateByChangeSet("prod", root, "Tag", "v2", "Level", "debug"))

		tree := s.tree("prod")
		require.NotEmpty(t, tree.Root.ChangeSetID)
		require.NoError(t, tree.ReadAttempted(t.Context(), s.cfn, s.s3))
		assert.Equal(t, root, string(tree.Root.Attempted))
		assert.Equal(t, next, string(tree.Root.Children[0].Attempted))
		assert.Equal(t, map[string]string{"Tag": "v2", "Level": "debug", "New": "n"}, tree.Root.AttemptedParameters)
		for _, d := range tree.Deletes() {
			assert.Equal(t, d.LogicalID == "Kept", d.Kept, d.LogicalID)
		}
		data, err := json.Marshal(tree)
		require.NoError(t, err)
		assert.NotContains(t, string(data), `"smtp"`, "no value that an event showed")

		_, err = cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal)
		require.NoError(t, err)
		again := s.tree("prod")
		require.NoError(t, again.ReadAttempted(t.Context(), s.cfn, s.s3), "it can be read after the rollback too")
		d, err := again.NewDraft(t.Context(), s.s3)
		require.NoError(t, err)
		require.NoError(t, d.UseAttempted())
		require.NoError(t, d.SetParameter(again.Root, "Tag", "v3"))
		// The queue that the rollback left behind has the name.
		require.NoError(t, d.SetParameter(again.Root, "New", "n2"))
		require.NoError(t, d.Check())
		out, err := d.Apply(t.Context(), s.cfn, s.s3)
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusUpdateComplete, out.Status)
		td := s.revision(*s.service("c", "web").TaskDefinition)
		assert.Equal(t, "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v3", *td.ContainerDefinitions[0].Image)
		assert.Len(t, td.ContainerDefinitions[0].Environment, 2)
		for _, c := range s.cloud.Calls() {
			if in, ok := c.Input.(*s3.PutObjectInput); ok {
				assert.NotContains(t, *in.Key, "stackrescue-", "the template is where it was")
			}
		}
	})
}

// What was executed before the update that failed is not what failed; what nobody
// can read is not known, with its reason.
func TestAttemptedUpdateIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		direct bool // UpdateStack
		denied string
		stale  bool
		why    string
	}{
		"UpdateStack":          {direct: true, why: "without a change set"},
		"denied":               {denied: "cloudformation:DescribeChangeSet", why: "AccessDenied"},
		"template of a child":  {denied: "s3:GetObject", why: "AccessDenied"},
		"another's change set": {stale: true, why: "is not that of the update"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.push("web", "v1", rescuetest.Runs())
				s.push("web", "v2", rescuetest.Exits(1, 5*time.Second, "no"))
				body := nestedRoot(s.put("web.yaml", nestedWeb))
				s.create("prod", body, "Tag", "v1")
				s.cloud.FailResource("App", "Web", simtype.OnRollback, "Rate exceeded")
				earlier := ""
				if test.stale {
					require.Equal(t, "UPDATE_COMPLETE", s.updateByChangeSet("prod", body, "Tag", "v1", "Level", "warn"))
					earlier = s.tree("prod").Root.ChangeSetID
				}
				update := s.updateByChangeSet
				if test.direct {
					update = s.update
				}
				require.Equal(t, "UPDATE_ROLLBACK_FAILED", update("prod", body, "Tag", "v2", "Level", "debug"))
				tree := s.tree("prod")
				if test.stale {
					tree.Root.ChangeSetID = earlier
				}
				if test.denied != "" {
					s.cloud.Inject(simtype.Fault{Action: test.denied, Kind: simtype.Deny})
				}
				require.NoError(t, tree.ReadAttempted(t.Context(), s.cfn, s.s3))
				stack := tree.Root
				if test.denied == "s3:GetObject" {
					assert.NotEmpty(t, tree.Root.Attempted)
					stack = tree.Root.Children[0]
				}
				assert.Empty(t, stack.Attempted)
				assert.Contains(t, stack.Unread["attempted"], test.why)
				d, err := tree.NewDraft(t.Context(), nil)
				require.NoError(t, err)
				err = d.UseAttempted()
				require.ErrorAs(t, err, new(*cfnx.DraftError))
				require.ErrorIs(t, err, template.ErrUnresolved)
				assert.ErrorContains(t, err, test.why)
				assert.True(t, d.Empty())
			})
		})
	}
}

// A template of the caller's own goes the same guarded way.
func TestOwnTemplateIsTheTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("web", "v1", rescuetest.Runs())
		s.push("web", "v2", rescuetest.Runs())
		s.create("prod", nestedRoot(s.put("web.yaml", nestedWeb)), "Tag", "v1")
		url := s.put("web-2.yaml", strings.Replace(nestedWeb, "[{Name: LEVEL", "[{Name: HELLO, Value: Grüße}, {Name: LEVEL", 1))
		d := s.draft("prod")
		require.NoError(t, d.UseTemplateURL(t.Context(), s.s3, d.Tree.Root, s.put("root-2.yaml", nestedRoot(url)), map[string]string{"Tag": "v2"}))
		require.NoError(t, d.Check())
		_, err := d.Apply(t.Context(), s.cfn, s.s3)
		require.NoError(t, err)
		td := s.revision(*s.service("c", "web").TaskDefinition)
		assert.Equal(t, "Grüße", *td.ContainerDefinitions[0].Environment[0].Value)

		// It is judged: nothing is removed that is not named, nothing is asked
		// for that has no value, and what cannot be read is a problem.
		d = s.draft("prod")
		less := "Parameters: {Tag: {Type: String}}\nResources:\n  Topic: {Type: AWS::SNS::Topic}\n"
		require.NoError(t, d.UseTemplate(t.Context(), s.s3, d.Tree.Root, []byte(less), nil))
		_, err = d.Apply(t.Context(), s.cfn, s.s3)
		require.ErrorAs(t, err, new(*cfnx.RefusedError))
		assert.ErrorContains(t, err, "remove prod.App")
		d = s.draft("prod")
		more := strings.Replace(nestedRoot("https://templates.s3.us-east-1.amazonaws.com/none.yaml"), "Gone:", "Wanted: {Type: String}, Gone:", 1)
		require.NoError(t, d.UseTemplate(t.Context(), s.s3, d.Tree.Root, []byte(more), map[string]string{"Nobody": "x"}))
		err = d.Check()
		require.ErrorAs(t, err, new(*cfnx.DraftError))
		for _, what := range []string{"Wanted: the template wants a value", "Nobody -> x: the template has no such parameter", "could not be read from where the template of prod says"} {
			assert.ErrorContains(t, err, what)
		}
		require.Error(t, d.UseTemplate(t.Context(), s.s3, d.Tree.Root, []byte("- no"), nil))
		require.Error(t, d.UseTemplate(t.Context(), s.s3, d.Tree.Root.Children[0], []byte(nestedWeb), map[string]string{"Tag": "v2"}))
	})
}
