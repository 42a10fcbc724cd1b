package cfnx_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func (s *site) parameter(name, value string) {
	s.t.Helper()
	_, err := ssm.NewFromConfig(s.cloud.Config()).PutParameter(s.t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)})
	require.NoError(s.t, err)
}

const storedWeb = `Parameters: {Size: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /web/size}, Idle: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /web/idle}}
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: c}}
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Size}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: web
      ContainerDefinitions: [{Name: web, Image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v1', Environment: [{Name: SIZE, Value: !Ref Size}]}]
  Web: {Type: AWS::ECS::Service, Properties: {ServiceName: web, Cluster: !Ref Cluster, TaskDefinition: !Ref Task, DesiredCount: 1}}
Outputs: {Task: {Value: !Ref Task, Export: {Name: web-task}}, Name: {Value: !GetAtt Topic.TopicName, Export: {Name: web-topic}}}
`

// A value of the parameter store that somebody has changed since would come along
// with every update: the change set is refused then, or the parameter is pinned
// before.
func TestPinnedParametersStayWhatTheyWere(t *testing.T) {
	t.Parallel()
	for name, inChild := range map[string]bool{"root": false, "nested": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.push("web", "v1", rescuetest.Runs())
				s.push("web", "v2", rescuetest.Runs())
				s.parameter("/web/size", "small")
				s.parameter("/web/idle", "x")
				body := storedWeb
				if inChild {
					body = "Resources: {App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: '" + s.put("web.yaml", storedWeb) + "'}}}\n"
				}
				s.create("prod", body)
				s.parameter("/web/size", "large")
				s.parameter("/web/idle", "y")
				toV2 := only(registry+"web:v1", registry+"web:v2")

				d := s.draft("prod")
				_, err := d.PatchImages(t.Context(), toV2)
				require.NoError(t, err)
				_, err = d.Apply(t.Context(), s.cfn, s.s3)
				require.ErrorAs(t, err, new(*cfnx.RefusedError))
				assert.ErrorContains(t, err, "Topic")

				d = s.draft("prod")
				_, err = d.PatchImages(t.Context(), toV2)
				require.NoError(t, err)
				same, err := d.Pin(func(name string) (string, error) {
					return map[string]string{"/web/size": "small", "/web/idle": "x"}[name], nil
				})
				require.NoError(t, err)
				require.Empty(t, same, "nothing has moved")
				pinned, err := d.Pin(func(name string) (string, error) { return "", errors.New("denied") })
				require.NoError(t, err)
				require.Len(t, pinned, 1, "the other is read by nothing")
				assert.Equal(t, []string{"Size", "ssm /web/size"}, []string{pinned[0].Resource, pinned[0].Sources[0].String()})
				assert.Equal(t, pinned, d.Literals())
				out, err := d.Apply(t.Context(), s.cfn, s.s3)
				require.NoError(t, err)
				assert.Equal(t, types.StackStatusUpdateComplete, out.Status)
				td := s.revision(*s.service("c", "web").TaskDefinition)
				assert.Equal(t, registry+"web:v2", *td.ContainerDefinitions[0].Image)
				assert.Equal(t, "small", *td.ContainerDefinitions[0].Environment[0].Value)
				for _, p := range out.Changes {
					assert.NotEqual(t, "Topic", p.LogicalID)
				}
			})
		})
	}
}

// What an update would be refused for at its end is known before anything is done.
func TestCheckKnowsPoliciesAndImports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("web", "v1", rescuetest.Runs())
		s.push("web", "v2", rescuetest.Runs())
		s.parameter("/web/size", "small")
		s.parameter("/web/idle", "x")
		s.create("web", storedWeb)
		s.create("other", "Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue web-topic}}, U: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Select [5, !Split [':', !ImportValue web-task]]}}}\n")
		patched := func() *cfnx.Draft {
			d := s.draft("web")
			_, err := d.PatchImages(t.Context(), only(registry+"web:v1", registry+"web:v2"))
			require.NoError(t, err)
			return d
		}
		d := patched()
		require.NoError(t, d.Check(), "nothing of it is known yet")
		var err error
		d.Ledger, err = d.Tree.Record(t.Context(), s.cfn)
		require.NoError(t, err)
		err = d.Check()
		require.ErrorAs(t, err, new(*cfnx.DraftError))
		assert.ErrorContains(t, err, "web-task: the update would change its value: it replaces Task, and it is imported by other")
		assert.NotContains(t, err.Error(), "web-topic", "that one stays")

		for name, policy := range map[string]struct{ body, want string }{
			"denied type":   {`{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"},{"Effect":"Deny","Action":["Update:Replace"],"Principal":"*","Resource":"*","Condition":{"StringEquals":{"ResourceType":["AWS::ECS::TaskDefinition"]}}}]}`, "Task: Policy: statement 2 of the stack policy denies Update:Replace"},
			"not allowed":   {`{"Statement":{"Effect":"Allow","Action":"Update:*","Principal":"*","NotResource":"LogicalResourceId/W*"}}`, "Web: Policy: the stack policy does not allow Update:Modify"},
			"another":       {`{"Statement":[{"Effect":"Deny","Action":"Update:*","Principal":"*","Resource":"LogicalResourceId/Cluster"},{"Effect":"Allow","NotAction":"Update:Delete","Principal":"*","Resource":"*"}]}`, ""},
			"none any more": {"{}", ""},
		} {
			_, err := s.cfn.SetStackPolicy(t.Context(), &cloudformation.SetStackPolicyInput{StackName: aws.String("web"), StackPolicyBody: aws.String(policy.body)})
			require.NoError(t, err)
			d := patched()
			require.NoError(t, d.Tree.ReadPolicies(t.Context(), s.cfn))
			if err := d.Check(); policy.want == "" {
				assert.NoError(t, err, name)
			} else {
				assert.ErrorContains(t, err, policy.want, name)
				// So says the cloud.
				d.Tree.Root.Policy = ""
				_, err = d.Apply(t.Context(), s.cfn, s.s3)
				require.Error(t, err, name)
				assert.Contains(t, strings.ToLower(err.Error()), "stack policy", name)
			}
		}
		s.cloud.Inject(simtype.Fault{Action: "cloudformation:GetStackPolicy", Kind: simtype.Deny})
		tree := s.tree("web")
		require.NoError(t, tree.ReadPolicies(t.Context(), s.cfn))
		assert.Contains(t, tree.Root.Unread["policy"], "AccessDenied")
	})
}
