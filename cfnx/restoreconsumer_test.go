package cfnx_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
)

// A nested stack that cannot be updated keeps its template: what it lost is
// written where the parent reads it, and each place is listed.
func TestRestoreAtConsumers(t *testing.T) {
	t.Parallel()
	root := `Resources:
  App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: https://b.s3.us-east-1.amazonaws.com/app.yaml}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: web
          Secrets: [{Name: DB, ValueFrom: !GetAtt App.Outputs.SecretArn}]
          Command: [serve, !Join ["=", [--secret, {"Fn::GetAtt": [App, Outputs.SecretArn]}]]]
          Environment: [{Name: URL, Value: !Sub ["x-${S}", {S: !GetAtt App.Outputs.SecretArn}]}, {Name: OTHER, Value: !GetAtt App.Outputs.Host}]
MORE`
	child := "Resources: {Db: {Type: AWS::RDS::DBInstance}}\nOutputs:\n  SecretArn: {Value: !GetAtt Db.MasterUserSecret.SecretArn}\n  Unread: {Value: !Ref Db}\n"
	draft := func(more string) *cfnx.Draft {
		d, err := nested(t, root[:len(root)-4]+more, child).NewDraft(t.Context(), nil)
		require.NoError(t, err)
		return d
	}
	asked := 0
	source := func(context.Context, cfnx.LostOutput) (string, error) { asked++; return "arn:secret", nil }
	d := draft("")
	app := d.Tree.Root.Children[0]
	got, err := d.RestoreAtConsumers(t.Context(), d.LostOutputs(nil), source)
	require.NoError(t, err)
	require.Equal(t, 1, asked, "nobody reads the other")
	var paths []string
	for _, l := range got {
		assert.Equal(t, []string{"web", app.Name, "SecretArn", "arn:secret"}, []string{l.Consumer, l.Stack, l.Key, l.Value})
		paths = append(paths, l.Path)
	}
	const at = "/Resources/Task/Properties/ContainerDefinitions/0/"
	require.Equal(t, []string{at + "Secrets/0/ValueFrom", at + "Command/1/Fn::Join/1/1", at + "Environment/0/Value/Fn::Sub/1/S"}, paths)
	text := string(d.Template(d.Tree.Root.ID))
	assert.Equal(t, 3, strings.Count(text, "arn:secret"))
	assert.Contains(t, text, "!GetAtt App.Outputs.Host")
	assert.NotContains(t, text, "Outputs.SecretArn")
	require.Equal(t, []*cfnx.Stack{d.Tree.Root}, d.Changed(), "the producer is left alone")
	require.Equal(t, child, string(d.Template(app.ID)))

	d = draft("  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub '${App.Outputs.SecretArn}!'}}\n")
	_, err = d.RestoreAtConsumers(t.Context(), d.LostOutputs(nil), source)
	require.NoError(t, err)
	assert.Contains(t, string(d.Template(d.Tree.Root.ID)), "!Sub 'arn:secret!'", "in the text of a Sub")

	d = draft("  P: {Type: AWS::SSM::Parameter, Properties: &p {Type: String, Value: !GetAtt App.Outputs.SecretArn}}\n  Q: {Type: AWS::SSM::Parameter, Properties: *p}\n")
	_, err = d.RestoreAtConsumers(t.Context(), d.LostOutputs(nil), source)
	e, ok := errors.AsType[*cfnx.DraftError](err)
	require.True(t, ok, err)
	require.Equal(t, "/Resources/P/Properties/Value", e.Problems[0].Sources[0].Path)
	require.True(t, d.Empty())
}

// Outputs that a loop makes are lost like others, and one whose condition is false
// is not lost.
func TestLostOutputsOfLoopsAndConditions(t *testing.T) {
	t.Parallel()
	body := `Transform: AWS::LanguageExtensions
Parameters: {Env: {Type: String, Default: dev}, Names: {Type: CommaDelimitedList, Default: "a,b"}}
Conditions: {Prod: !Equals [!Ref Env, prod], Dev: !Not [!Condition Prod], Far: !Equals [!ImportValue x, y]}
Resources:
  Fn::ForEach::Queues: [N, !Ref Names, {"Queue${N}": {Type: AWS::SQS::Queue}}]
Outputs:
  Fn::ForEach::Urls:
    - N
    - !Ref Names
    - Url${N}: {Value: !Ref {"Fn::Sub": "x"}}
      Arn${N}: {Value: !GetAtt ["Queue${N}", Arn]}
  OnlyProd: {Condition: Prod, Value: p}
  OnlyDev: {Condition: Dev, Value: d}
  OnlyFar: {Condition: Far, Value: f}
  Never: {Value: !Ref QueueA}
`
	tree := flat(body, cfnx.Parameter{Key: "Env", Value: "dev"}, cfnx.Parameter{Key: "Names", Value: "a,b"})
	tree.Root.Resources = append(tree.Root.Resources, cfnx.Resource{LogicalID: "Queuea", PhysicalID: "https://sqs/a", Type: "AWS::SQS::Queue"})
	tree.Root.Outputs = []cfnx.Output{{Key: "Arnb", Value: "arn:b"}}
	d, err := tree.NewDraft(t.Context(), nil)
	require.NoError(t, err)
	var keys []string
	lost := d.LostOutputs(nil)
	for _, l := range lost {
		keys = append(keys, l.Key)
		if l.Key == "Arna" {
			assert.Equal(t, []string{"Queuea", "Arn"}, []string{l.Resource.LogicalID, l.Attribute})
		}
	}
	assert.Equal(t, []string{"Urla", "Arna", "Urlb", "OnlyDev", "Never"}, keys)
	keys = nil
	for _, l := range d.LostOutputs(&cfnx.Ledger{Stacks: []cfnx.LedgerStack{{ID: tree.Root.ID, Outputs: []cfnx.Output{{Key: "OnlyFar", Value: "v"}, {Key: "OnlyProd", Value: "v"}}}}}) {
		keys = append(keys, l.Key+"="+l.Known)
	}
	assert.Contains(t, keys, "OnlyFar=v")
	assert.NotContains(t, keys, "OnlyProd=v")

	_, err = d.RestoreOutputs(t.Context(), lost, func(_ context.Context, l cfnx.LostOutput) (string, error) {
		return map[string]string{"OnlyDev": "d", "Arna": "arn:a"}[l.Key], nil
	})
	require.ErrorAs(t, err, new(*cfnx.DraftError))
	assert.ErrorContains(t, err, "Arna")
	assert.ErrorContains(t, err, "a loop makes it")
	assert.True(t, d.Empty())
	out, err := d.RestoreOutputs(t.Context(), lost, func(_ context.Context, l cfnx.LostOutput) (string, error) {
		return map[string]string{"Never": "n"}[l.Key], nil
	})
	require.NoError(t, err)
	assert.Equal(t, []cfnx.RestoredOutput{{Stack: "web", Key: "Never", Value: "n"}}, out)
}
