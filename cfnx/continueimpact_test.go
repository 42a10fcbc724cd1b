package cfnx_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// ordered is a stack whose service the rollback reaches only after the
// database.
const ordered = `
Parameters: {Tag: {Type: String}, Days: {Type: String}, Label: {Type: String}}
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: c}}
  Db: {Type: AWS::RDS::DBInstance, Properties: {Engine: postgres, DBInstanceClass: db.t3.micro, AllocatedStorage: "20", BackupRetentionPeriod: !Ref Days, MasterUsername: u, ManageMasterUserPassword: true}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: web
      ContainerDefinitions:
        - Name: web
          Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/web:${Tag}"
          HealthCheck: {Command: [CMD, "true"], Interval: 10, Retries: 3}
  Web:
    Type: AWS::ECS::Service
    DependsOn: Db
    Properties: {ServiceName: web, Cluster: !Ref Cluster, TaskDefinition: !Ref Task, DesiredCount: 2, DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}
  Topic: {Type: AWS::SNS::Topic, DependsOn: Web, Properties: {DisplayName: !Ref Label}}
`

// deleted are the physical ids that the clean-up of a stack deleted.
func (s *site) deleted(stacks ...string) []string {
	s.t.Helper()
	out := map[string]bool{}
	for _, stack := range stacks {
		for p := cloudformation.NewDescribeStackEventsPaginator(s.cfn, &cloudformation.DescribeStackEventsInput{StackName: &stack}); p.HasMorePages(); {
			page, err := p.NextPage(s.t.Context())
			require.NoError(s.t, err)
			for _, e := range page.StackEvents {
				if e.ResourceStatus == types.ResourceStatusDeleteComplete && *e.PhysicalResourceId != *e.StackId {
					out[*e.PhysicalResourceId] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(out))
}

func short(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// A rollback that stopped before it reached the service: the continue deploys
// the old revision to users who are served, and nothing can be skipped.
func TestContinueDeploysWhatTheRollbackHasNotReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("web", "v1", rescuetest.Runs())
		s.push("web", "v2", rescuetest.Runs())
		s.create("prod", ordered, "Tag", "v1", "Days", "7", "Label", "a")
		s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter: DisplayName")
		s.cloud.FailResource("prod", "Db", simtype.OnRollback, "Database instance is not in available state.")
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("prod", ordered, "Tag", "v2", "Days", "14", "Label", "b"))
		tree := s.tree("prod")
		skips := cfnx.SkipMinimal(tree)
		require.Equal(t, []string{"Db"}, []string{skips[0].Name})
		deploys := tree.Deploys(skips, nil)
		require.Len(t, deploys, 1)
		d := deploys[0]
		assert.Equal(t, []any{"prod", "Web", "web:2", "web:1", "deployed", false}, []any{d.Stack, d.LogicalID, short(d.From), short(d.To), d.State, d.Skippable})
		assert.Equal(t, "prod.Web: web:1 is deployed, and the service cannot be skipped", d.String())
		assert.Equal(t, "back", tree.Deploys(skips, func(x cfnx.Deploy) bool { return short(x.To) == "web:1" })[0].State)

		deletes := tree.Deletes(s.revision("web:2"))
		require.Len(t, deletes, 1, "%v", deletes)
		assert.Equal(t, []any{"Task", "web:2", true, []string(nil)}, []any{deletes[0].LogicalID, short(deletes[0].PhysicalID), deletes[0].Replaced, deletes[0].UsedBy})

		require.Equal(t, "web:2", short(*s.service("c", "web").TaskDefinition))
		_, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal)
		require.NoError(t, err)
		require.Equal(t, short(d.To), short(*s.service("c", "web").TaskDefinition), "what the continue really did")
		require.Equal(t, []string{deletes[0].PhysicalID}, s.deleted("prod"))
		after := s.tree("prod")
		assert.Empty(t, after.Deploys(nil, nil), "a rollback has reached it")
	})
}

// A service whose own rollback failed may be skipped; one in a nested stack is
// named as CloudFormation wants it; a nested stack that the update left alone
// is not part of it, whatever its last update was.
func TestContinueDeploysInNestedStacks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("web", "v1", rescuetest.Runs())
		s.push("web", "v2", rescuetest.Exits(1, 5*time.Second, "boom"))
		s.push("old", "v1", rescuetest.Runs())
		s.push("old", "v2", rescuetest.Runs())
		app := strings.NewReplacer("DependsOn: Db", "DependsOn: Cluster", "  Db:", "  Unused:").Replace(ordered)
		other := strings.NewReplacer("ClusterName: c", "ClusterName: other", "Family: web", "Family: old", "/web:$", "/old:$", "ServiceName: web", "ServiceName: old").Replace(app)
		root := func(tag, old string) string {
			return "Resources:\n" +
				"  App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: \"" + s.put("app.yaml", app) + "\", Parameters: {Tag: " + tag + ", Days: '7', Label: a}}}\n" +
				"  Old: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: \"" + s.put("old.yaml", other) + "\", Parameters: {Tag: " + old + ", Days: '7', Label: a}}}\n"
		}
		s.create("prod", root("v1", "v1"))
		require.Equal(t, "UPDATE_COMPLETE", s.update("prod", root("v1", "v2")))
		time.Sleep(24 * time.Hour)
		var name string
		for st := range s.tree("prod").All() {
			if st.LogicalID == "App" {
				name = st.Name
			}
		}
		s.cloud.FailResource(name, "Web", simtype.OnRollback, "Rate exceeded")
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("prod", root("v2", "v2")))
		tree := s.tree("prod")
		skips := cfnx.SkipMinimal(tree)
		for _, test := range []struct {
			skips []cfnx.Skip
			back  func(cfnx.Deploy) bool
			want  string
		}{
			{nil, nil, "deployed"},
			{skips, nil, "skipped"},
			{nil, func(cfnx.Deploy) bool { return true }, "back"},
		} {
			deploys := tree.Deploys(test.skips, test.back)
			require.Len(t, deploys, 1, "%v", deploys)
			assert.Equal(t, []any{name, "Web", "web:2", "web:1", true, name + ".Web", test.want},
				[]any{deploys[0].Stack, deploys[0].LogicalID, short(deploys[0].From), short(deploys[0].To), deploys[0].Skippable, deploys[0].Name, deploys[0].State})
		}
		deletes := tree.Deletes()
		require.Len(t, deletes, 1)
		assert.Equal(t, "web:2", short(deletes[0].PhysicalID))
	})
}

// What the update created and what it replaced is deleted when the tree is
// back: with data or without, used by what serves or not.
func TestContinueDeletes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("web", "v1", rescuetest.Runs())
		s.push("web", "v2", rescuetest.Runs())
		before := strings.Replace(ordered, "  Topic:", "  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: files-one}}\n  Topic:", 1)
		child := s.put("cache.yaml", "Resources:\n  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: cache}}\n  Note: {Type: AWS::SNS::Topic}\n")
		after := strings.NewReplacer(
			"BucketName: files-one", "BucketName: files-two",
			"  Topic:", "  Orders: {Type: AWS::DynamoDB::Table, Properties: {TableName: orders}}\n"+
				"  Ord: {Type: AWS::DynamoDB::Table, Properties: {TableName: ord}}\n"+
				"  Queue: {Type: AWS::SQS::Queue}\n"+
				"  Safe: {Type: AWS::DynamoDB::Table, Properties: {TableName: safe, DeletionProtectionEnabled: true}}\n"+
				"  Repo: {Type: AWS::ECR::Repository, Properties: {RepositoryName: made}}\n"+
				"  Kept: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain, Properties: {TableName: kept}}\n"+
				"  Key: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /web/key, Value: x}}\n"+
				"  Cache: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: \""+child+"\"}}\n  Topic:",
			"          HealthCheck:", "          Environment: [{Name: QUEUE_URL, Value: !Ref Queue}, {Name: TABLE, Value: orders}]\n          Secrets: [{Name: KEY, ValueFrom: !Sub 'arn:aws:ssm:us-east-1:123456789012:parameter/web/key'}]\n          HealthCheck:",
			"DependsOn: Web", "DependsOn: [Web, Orders, Ord, Queue, Kept, Key, Cache, Bucket, Safe, Repo]",
		).Replace(before)
		s.create("prod", before, "Tag", "v1", "Days", "7", "Label", "a")
		s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter: DisplayName")
		s.cloud.FailResource("prod", "Db", simtype.OnRollback, "Database instance is not in available state.")
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("prod", after, "Tag", "v2", "Days", "14", "Label", "b"))
		tree := s.tree("prod")
		serving := s.revision(*s.service("c", "web").TaskDefinition)
		deletes := tree.Deletes(serving)
		by := map[string]cfnx.Deletion{}
		var told, stacks []string
		for _, d := range deletes {
			by[d.LogicalID] = d
			told = append(told, d.PhysicalID)
		}
		for st := range tree.All() {
			stacks = append(stacks, st.ID)
		}
		assert.Equal(t, []string{"Bucket", "Cache", "Kept", "Key", "Note", "Ord", "Orders", "Queue", "Repo", "Safe", "Table", "Task"}, slices.Sorted(maps.Keys(by)))
		assert.Equal(t, []string{"web.Environment.TABLE"}, by["Orders"].UsedBy)
		assert.Equal(t, []string{"web.Environment.QUEUE_URL"}, by["Queue"].UsedBy)
		assert.Equal(t, []string{"web.Secrets.KEY"}, by["Key"].UsedBy)
		assert.Empty(t, by["Ord"].UsedBy, "a name that is part of another")
		assert.True(t, by["Orders"].HoldsData)
		assert.False(t, by["Note"].HoldsData)
		assert.True(t, by["Bucket"].Replaced)
		assert.Equal(t, "files-two", by["Bucket"].PhysicalID)
		assert.False(t, by["Kept"].Kept, "the template that keeps it cannot be read: assumed to be deleted")
		assert.Contains(t, by["Orders"].String(), "deleted with its data, used by web.Environment.TABLE")
		data, err := json.Marshal(by["Orders"])
		require.NoError(t, err)
		assert.Contains(t, string(data), `"holdsData":true`)

		// With the template of the failed update it is known.
		assert.Equal(t, "aws dynamodb update-table --table-name orders --deletion-protection-enabled", by["Orders"].Shield)
		assert.Empty(t, by["Queue"].Shield, "the type has none")
		assert.Empty(t, by["Safe"].Resists, "not known")
		assert.Equal(t, "if it holds images", by["Repo"].Resists)
		tree.Root.Template = []byte(after)
		for _, d := range tree.Deletes() {
			if d.LogicalID == "Safe" {
				assert.Equal(t, []string{"DeletionProtectionEnabled is set", ""}, []string{d.Resists, d.Shield})
				assert.Contains(t, d.String(), "its deletion will fail")
			}
		}
		for _, d := range tree.Deletes() {
			assert.Equal(t, d.LogicalID == "Kept", d.Kept, d.LogicalID)
		}

		_, err = cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal)
		require.NoError(t, err)
		slices.Sort(told)
		really := s.deleted(stacks...)
		for _, id := range really {
			assert.Contains(t, told, id, "never less is told than is deleted")
		}
		told = slices.DeleteFunc(told, func(id string) bool { return id == by["Kept"].PhysicalID || id == by["Safe"].PhysicalID })
		assert.Equal(t, told, really, "and nothing else, but for what is kept and what resists")
	})
}
