package cfnx_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// site is a simulated account in which a test makes its own incident.
type site struct {
	t     *testing.T
	cloud *rescuetest.Cloud
	cfn   *cloudformation.Client
	ecs   *ecs.Client
	ecr   *ecr.Client
	s3    *s3.Client
}

func newSite(t *testing.T, optFns ...func(*rescuetest.Options)) *site {
	t.Helper()
	c := rescuetest.New(optFns...)
	cfg := c.Config()
	s := &site{t, c, cloudformation.NewFromConfig(cfg), ecs.NewFromConfig(cfg), ecr.NewFromConfig(cfg), s3.NewFromConfig(cfg)}
	_, err := s.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")})
	require.NoError(t, err)
	return s
}

func (s *site) push(repository, tag string, p simtype.Program) string {
	s.t.Helper()
	_, _ = s.ecr.CreateRepository(s.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository})
	digest, err := s.cloud.PushImage(repository, repository+" "+tag, p, tag)
	require.NoError(s.t, err)
	return digest
}

func (s *site) put(key, body string) string {
	s.t.Helper()
	_, err := s.s3.PutObject(s.t.Context(), &s3.PutObjectInput{Bucket: aws.String("templates"), Key: &key, Body: strings.NewReader(body)})
	require.NoError(s.t, err)
	return "https://templates.s3.us-east-1.amazonaws.com/" + key
}

func parameters(kv []string) []types.Parameter {
	var out []types.Parameter
	for i := 0; i+1 < len(kv); i += 2 {
		out = append(out, types.Parameter{ParameterKey: &kv[i], ParameterValue: &kv[i+1]})
	}
	return out
}

var capabilities = []types.Capability{types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand}

func (s *site) create(stack, body string, kv ...string) {
	s.t.Helper()
	_, err := s.cfn.CreateStack(s.t.Context(), &cloudformation.CreateStackInput{StackName: &stack, TemplateBody: &body, Parameters: parameters(kv), Capabilities: capabilities})
	require.NoError(s.t, err)
	require.Equal(s.t, "CREATE_COMPLETE", s.rest(stack))
}

func (s *site) update(stack, body string, kv ...string) string {
	s.t.Helper()
	_, err := s.cfn.UpdateStack(s.t.Context(), &cloudformation.UpdateStackInput{StackName: &stack, TemplateBody: &body, Parameters: parameters(kv), Capabilities: capabilities})
	require.NoError(s.t, err)
	return s.rest(stack)
}

// rest lets time pass until the stack rests.
func (s *site) rest(stack string) string {
	s.t.Helper()
	for range 5000 {
		out, err := s.cfn.DescribeStacks(s.t.Context(), &cloudformation.DescribeStacksInput{StackName: &stack})
		require.NoError(s.t, err)
		if st := string(out.Stacks[0].StackStatus); !strings.HasSuffix(st, "_IN_PROGRESS") {
			return st
		}
		time.Sleep(10 * time.Second)
	}
	s.t.Fatal("the stack never rests")
	return ""
}

func (s *site) tree(stack string) *cfnx.Tree {
	s.t.Helper()
	tree, err := cfnx.Snapshot(s.t.Context(), s.cfn, stack)
	require.NoError(s.t, err)
	return tree
}

func (s *site) draft(stack string) *cfnx.Draft {
	s.t.Helper()
	d, err := s.tree(stack).NewDraft(s.t.Context(), s.s3)
	require.NoError(s.t, err)
	return d
}

func (s *site) revision(arn string) *ecstypes.TaskDefinition {
	s.t.Helper()
	out, err := s.ecs.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	require.NoError(s.t, err)
	return out.TaskDefinition
}

func (s *site) service(cluster, name string) ecstypes.Service {
	s.t.Helper()
	out, err := s.ecs.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{name}})
	require.NoError(s.t, err)
	require.NotEmpty(s.t, out.Services)
	return out.Services[0]
}

// flat is a tree of one stack that nobody has to make in a cloud.
func flat(template string, parameters ...cfnx.Parameter) *cfnx.Tree {
	return &cfnx.Tree{Root: &cfnx.Stack{
		ID: "arn:aws:cloudformation:us-east-1:123456789012:stack/web/1", Name: "web", Status: types.StackStatusUpdateRollbackComplete,
		Template: []byte(template), Parameters: parameters,
		Resources: []cfnx.Resource{
			{LogicalID: "Task", PhysicalID: "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1", Type: "AWS::ECS::TaskDefinition"},
			{LogicalID: "Repo", PhysicalID: "web-repo-1a2b", Type: "AWS::ECR::Repository"},
		},
	}}
}
