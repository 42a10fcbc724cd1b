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
		d, err := cfnx.NewDraft(t.Context(), nil, nested(t, root[:len(root)-4]+more, child))
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
	e, ok := errors.AsType[*cfnx.DraftError](err)
	require.True(t, ok, err)
	require.Equal(t, "/Resources/P/Properties/Value", e.Problems[0].Sources[0].Path)
	require.True(t, d.Empty())
}
