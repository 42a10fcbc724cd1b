package cfnx_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// imports answers ListImports by export; what is not in it is denied.
type imports map[string][]string

func (m imports) ListImports(_ context.Context, in *cloudformation.ListImportsInput, _ ...func(*cloudformation.Options)) (*cloudformation.ListImportsOutput, error) {
	names, ok := m[*in.ExportName]
	if !ok {
		return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	}
	return &cloudformation.ListImportsOutput{Imports: names}, nil
}

// Who imports what could not be read is not known: it is named beside what could.
func TestImportersUnread(t *testing.T) {
	t.Parallel()
	tree := flat("Resources: {A: {Type: AWS::SNS::Topic}}\n")
	tree.Root.Outputs = []cfnx.Output{{Key: "A", Value: "1", Export: "told"}, {Key: "B", Value: "2", Export: "denied"}, {Key: "C", Value: "3"}}
	l, err := tree.Record(t.Context(), imports{"told": {"reader"}})
	require.ErrorContains(t, err, "export denied: ")
	require.Equal(t, map[string][]string{"told": {"reader"}}, l.Stacks[0].Importers)
	require.Equal(t, []string{"denied"}, l.Stacks[0].ImportersUnread)
	require.Len(t, l.Stacks[0].Outputs, 3)
}

// A ledger knows an output by its stack: two stacks may have one of that name.
func TestLedgerKnowsTheStack(t *testing.T) {
	t.Parallel()
	d, err := flat("Resources: {A: {Type: AWS::SNS::Topic}}\nOutputs: {T: {Value: !Ref A}}\n").NewDraft(t.Context(), nil)
	require.NoError(t, err)
	other := cfnx.LedgerStack{ID: "arn:other", Outputs: []cfnx.Output{{Key: "T", Value: "another's"}}}
	own := cfnx.LedgerStack{ID: d.Tree.Root.ID, Outputs: []cfnx.Output{{Key: "T", Value: "own"}}}
	require.Empty(t, d.LostOutputs(&cfnx.Ledger{Stacks: []cfnx.LedgerStack{other}})[0].Known)
	require.Equal(t, "own", d.LostOutputs(&cfnx.Ledger{Stacks: []cfnx.LedgerStack{other, own}})[0].Known)
}

// An output that reads what the draft changes anyway comes back with it.
func TestRestoreOutputsOfWhatChanges(t *testing.T) {
	t.Parallel()
	tree := flat("Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {DisplayName: x}}\n  B: {Type: AWS::SNS::Topic}\nOutputs: {T: {Value: !Ref A}, U: {Value: !Ref B}}\n")
	for _, id := range []string{"A", "B"} {
		tree.Root.Resources = append(tree.Root.Resources, cfnx.Resource{LogicalID: id, PhysicalID: "arn:" + id, Type: "AWS::SNS::Topic"})
	}
	d, err := tree.NewDraft(t.Context(), nil)
	require.NoError(t, err)
	lost := d.LostOutputs(nil)
	require.Len(t, lost, 2)
	_, err = d.Set(d.Tree.Root, template.Value{Path: "/Resources/A/Properties/DisplayName", Value: "y"})
	require.NoError(t, err)
	out, err := d.RestoreOutputs(t.Context(), lost, func(_ context.Context, l cfnx.LostOutput) (string, error) { return "arn:" + l.Key, nil })
	require.NoError(t, err)
	require.Equal(t, []cfnx.RestoredOutput{{Stack: d.Tree.Root.Name, Key: "U", Value: "arn:U"}}, out)
}

// A value is written in every text that reads the output, and as a literal: what
// looks like a variable in it stays text.
func TestRestoreAtConsumersInTexts(t *testing.T) {
	t.Parallel()
	root := `Resources:
  App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: https://b.s3.us-east-1.amazonaws.com/app.yaml}}
  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub 'one ${App.Outputs.Key} ${AWS::Region}'}}
  Q: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub 'two ${App.Outputs.Key}'}}
`
	d, err := nested(t, root, "Resources: {A: {Type: AWS::SNS::Topic}}\nOutputs: {Key: {Value: !Ref A}}\n").NewDraft(t.Context(), nil)
	require.NoError(t, err)
	out, err := d.RestoreAtConsumers(t.Context(), d.LostOutputs(nil), func(context.Context, cfnx.LostOutput) (string, error) { return "a${b}", nil })
	require.NoError(t, err)
	require.Len(t, out, 2)
	text := string(d.Template(d.Tree.Root.ID))
	require.Contains(t, text, "'one a${!b} ${AWS::Region}'")
	require.Contains(t, text, "'two a${!b}'")
}
