package rescue_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
)

// change updates as most pipelines do: by a change set.
func (s *site) change(body string, kv ...string) cfntypes.StackStatus {
	s.t.Helper()
	made, err := s.cfn.CreateChangeSet(s.t.Context(), &cloudformation.CreateChangeSetInput{StackName: aws.String("prod"), ChangeSetName: aws.String("pipeline"), TemplateBody: &body, Parameters: parameters(kv), Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam}})
	require.NoError(s.t, err)
	require.NoError(s.t, cloudformation.NewChangeSetCreateCompleteWaiter(s.cfn).Wait(s.t.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: made.Id}, 600e9))
	_, err = s.cfn.ExecuteChangeSet(s.t.Context(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: made.Id})
	require.NoError(s.t, err)
	return s.rest("prod")
}

// environment is that of the service's first container.
func (s *site) environment() map[string]string {
	svc, err := s.ecs.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"web"}})
	require.NoError(s.t, err)
	td, err := s.ecs.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: svc.Services[0].TaskDefinition})
	require.NoError(s.t, err)
	out := map[string]string{}
	for _, e := range td.TaskDefinition.ContainerDefinitions[0].Environment {
		out[*e.Name] = *e.Value
	}
	return out
}

func savepointOf(t *testing.T, p *rescue.Plan) rescue.Step {
	t.Helper()
	for _, s := range p.Steps {
		if s.Savepoint != nil {
			return s
		}
	}
	t.Fatalf("no savepoint in %s", p)
	return rescue.Step{}
}

// Letters that CloudFormation has lost come back with the author's template.
func TestSavepointOfTheAuthorsTemplate(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		greets := func(tag string) string { return web(tag) + "Outputs:\n  Greeting: {Value: \"Grüße\"}\n" }
		old := s.push("v1")
		s.create(greets("v1"))
		s.deleteImage(old)
		s.pushFailing("v2")
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(greets("v2")))
		s.mended = true
		s.stops(rescue.Choices{Direction: rescue.Forward}, "savepoint", "non-ASCII")
		s.refuses(rescue.Choices{Direction: rescue.Forward, Templates: map[string][]byte{"prd": []byte("{}")}}, rescue.ErrDirection, "no stack prd")
		given := map[string][]byte{"prod": []byte(greets("v1"))}
		c := rescue.Choices{Direction: rescue.Forward, Templates: given}
		p, err := rescue.MakePlan(s.diagnose(), c)
		require.NoError(t, err)
		require.Nil(t, p.Stop, p)
		require.NotContains(t, p.String(), "Gr")
		p = throughJSON(t, p, nil)
		// The text is in no plan: it is given again, and it is the same.
		for _, wrong := range []map[string][]byte{nil, {"prod": []byte(web("v1"))}} {
			_, err = s.run(p, func(o *rescue.Options) { o.Templates = wrong })
			require.Error(t, err)
			require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.status("prod"), "nothing irreversible was done")
		}
		r, err := s.run(p, func(o *rescue.Options) { o.Templates = given })
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		out, err := s.cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("prod")})
		require.NoError(t, err)
		require.Equal(t, "Grüße", *out.Stacks[0].Outputs[0].OutputValue)
	})
}

// The operator's own new template is brought, with what serves carried into it.
func TestSavepointOfAnotherTemplate(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck(with(`Environment: [{Name: MODE, Value: new}]`)...)
		s.mended = true
		next := web("v2", with(`Environment: [{Name: MODE, Value: new}, {Name: MORE, Value: "1"}]`)...) + "  Topic: {Type: AWS::SNS::Topic}\n"
		given := map[string][]byte{"prod": []byte(next)}
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Templates: given})
		require.NoError(t, err)
		require.Nil(t, p.Stop, p)
		require.Equal(t, "given", savepointOf(t, p).Savepoint.Target)
		r, err := s.run(p, func(o *rescue.Options) { o.Templates = given })
		require.NoError(t, err, r)
		require.Equal(t, "new", s.environment()["MODE"])
		require.EqualValues(t, "UPDATE_COMPLETE", s.status("prod"))
		out, err := s.cfn.ListStackResources(t.Context(), &cloudformation.ListStackResourcesInput{StackName: aws.String("prod")})
		require.NoError(t, err)
		require.Contains(t, strings.Join(typesOf(out.StackResourceSummaries), " "), "AWS::SNS::Topic")
	})
}

func typesOf(all []cfntypes.StackResourceSummary) (out []string) {
	for _, r := range all {
		out = append(out, aws.ToString(r.ResourceType))
	}
	return out
}

// A large template is put where the operator says.
func TestSavepointOfALargeTemplate(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		bucket := s3.NewFromConfig(s.cloud.Config())
		_, err := bucket.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")})
		require.NoError(t, err)
		stored := func(tag string) *string {
			body := web(tag) + "Metadata: {Note: \"" + strings.Repeat("y", 60_000) + "\"}\n"
			_, err := bucket.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("templates"), Key: &tag, Body: strings.NewReader(body)})
			require.NoError(t, err)
			return aws.String("https://templates.s3.us-east-1.amazonaws.com/" + tag)
		}
		old := s.push("v1")
		_, err = s.cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("prod"), TemplateURL: stored("v1")})
		require.NoError(t, err)
		require.EqualValues(t, "CREATE_COMPLETE", s.rest("prod"))
		s.deleteImage(old)
		s.pushFailing("v2")
		_, err = s.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("prod"), TemplateURL: stored("v2")})
		require.NoError(t, err)
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.rest("prod"))
		s.mended = true
		c := rescue.Choices{Direction: rescue.Forward}
		s.stops(c, "savepoint", "must be in S3", "TemplateBucket")
		c.TemplateBucket = "templates"
		p, err := rescue.MakePlan(s.diagnose(), c)
		require.NoError(t, err)
		require.Nil(t, p.Stop, p)
		r, err := s.run(throughJSON(t, p, nil))
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		require.EqualValues(t, "UPDATE_COMPLETE", s.status("prod"))
	})
}

// What the failed update made, and the operator lets the clean-up delete, comes
// back with the templates of that update.
func TestSavepointOfTheAttempt(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		jobs := with(`Environment: [{Name: QUEUE, Value: !Ref Jobs}]`)
		old := s.push("v1")
		s.create(web("v1"))
		s.deleteImage(old)
		s.pushFailing("v2")
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.change(web("v2", jobs...)+"  Jobs: {Type: AWS::SQS::Queue}\n"))
		s.mended = true
		s.stops(rescue.Choices{Direction: rescue.Forward}, "unlock", "Jobs")
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Accept: []string{"prod.Jobs"}})
		require.NoError(t, err)
		require.Nil(t, p.Stop, p)
		require.Equal(t, "attempted", savepointOf(t, p).Savepoint.Target)
		before := s.starts["v1"]
		r, err := s.run(throughJSON(t, p, nil))
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		require.Equal(t, before, s.starts["v1"])
		out, err := s.cfn.DescribeStackResource(t.Context(), &cloudformation.DescribeStackResourceInput{StackName: aws.String("prod"), LogicalResourceId: aws.String("Jobs")})
		require.NoError(t, err)
		require.Equal(t, *out.StackResourceDetail.PhysicalResourceId, s.environment()["QUEUE"])
	})
}

// A setting that cannot be carried, because nobody can read it, is in the attempt.
func TestSavepointOfTheAttemptWhereNothingCanBeCarried(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		declares := "Parameters:\n  Password: {Type: String, NoEcho: true}\nResources:"
		old := s.push("v1")
		s.create(web("v1", "Resources:", declares), "Password", "s3cret-Value")
		s.deleteImage(old)
		s.pushFailing("v2")
		edits := append([]string{"Resources:", declares}, with(`Environment: [{Name: DB_PASSWORD, Value: !Ref Password}]`)...)
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.change(web("v2", edits...), "Password", "s3cret-Value"))
		s.mended = true
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		require.Nil(t, p.Stop, p)
		require.Equal(t, "attempted", savepointOf(t, p).Savepoint.Target)
		r, err := s.run(throughJSON(t, p, nil))
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		require.Equal(t, "s3cret-Value", s.environment()["DB_PASSWORD"])
	})
}
