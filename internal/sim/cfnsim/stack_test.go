package cfnsim

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func inBubble(t *testing.T, sw *simtype.Switches, fn func(*sim)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(newSim(t, sw)) })
}

const two = `
Parameters:
  V: {Type: String, Default: one}
  Secret: {Type: String, Default: hush, NoEcho: true}
Resources:
  A: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref V}}
  B: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub "${A.Value}-b"}}
Outputs:
  A: {Value: !GetAtt A.Value}
`

func TestFailedUpdateRollsBack(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		require.Equal(t, types.StackStatusCreateComplete, s.create("web", two))
		n := len(s.events("web", 0))
		s.do(func() { s.svc.FailNext("web", "B", simtype.OnUpdate, BeforeHandler, "no") })
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.update("web", two, "V", "two"))
		assert.Equal(t, []string{
			"web UPDATE_IN_PROGRESS User Initiated",
			"A UPDATE_IN_PROGRESS", "A UPDATE_COMPLETE",
			"B UPDATE_IN_PROGRESS", "B UPDATE_FAILED no",
			"web UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [B].",
			"A UPDATE_IN_PROGRESS", "A UPDATE_COMPLETE",
			"B UPDATE_IN_PROGRESS", "B UPDATE_COMPLETE",
			"web UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "web UPDATE_ROLLBACK_COMPLETE",
		}, s.events("web", n))
		st := s.stack("web")
		assert.Equal(t, "one", s.outputs("web")["A"])
		assert.Equal(t, "****", *st.Parameters[1].ParameterValue)
		assert.Len(t, st.LastOperations, 2)
	})
}

func TestCancelUpdate(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", two)
		s.do(func() { s.svc.Takes("AWS::SSM::Parameter", simtype.OnUpdate, time.Hour) })
		_, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: ptr("web"), TemplateBody: ptr(two), Parameters: pairs([]string{"V", "x"})})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		_, err = s.CancelUpdateStack(s.ctx, &cloudformation.CancelUpdateStackInput{StackName: ptr("web")})
		require.NoError(t, err)
		_, err = s.CancelUpdateStack(s.ctx, &cloudformation.CancelUpdateStackInput{StackName: ptr("web")})
		assert.ErrorContains(t, err, "CancelUpdateStack cannot be called from current stack status")
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.rest("web"))
		assert.Contains(t, s.events("web", 0), "A UPDATE_FAILED Resource update cancelled")
	})
}

func TestDisableRollback(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", two)
		s.do(func() { s.svc.FailNext("web", "B", simtype.OnUpdate, BeforeHandler, "no") })
		in := &cloudformation.UpdateStackInput{StackName: ptr("web"), TemplateBody: ptr(two), Parameters: pairs([]string{"V", "x"}), DisableRollback: ptr(true)}
		_, err := s.UpdateStack(s.ctx, in)
		require.NoError(t, err)
		require.Equal(t, types.StackStatusUpdateFailed, s.rest("web"))
		in.DisableRollback = nil
		_, err = s.UpdateStack(s.ctx, in)
		assert.ErrorContains(t, err, "please use the disable-rollback parameter")
		_, err = s.RollbackStack(s.ctx, &cloudformation.RollbackStackInput{StackName: ptr("web")})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.rest("web"))
		assert.Equal(t, "one", s.outputs("web")["A"])
		_, err = s.RollbackStack(s.ctx, &cloudformation.RollbackStackInput{StackName: ptr("web")})
		assert.ErrorContains(t, err, "cannot be called from current stack status")
	})
}

func TestCreateFails(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.do(func() { s.svc.FailNext("web", "B", simtype.OnCreate, BeforeHandler, "no") })
		assert.Equal(t, types.StackStatusRollbackComplete, s.create("web", two))
		_, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: ptr("web"), TemplateBody: ptr(two)})
		assert.ErrorContains(t, err, "is in ROLLBACK_COMPLETE state and can not be updated.")

		s.do(func() { s.svc.FailNext("kept", "B", simtype.OnCreate, BeforeHandler, "no") })
		_, err = s.CreateStack(s.ctx, &cloudformation.CreateStackInput{StackName: ptr("kept"), TemplateBody: ptr(two), OnFailure: types.OnFailureDoNothing})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusCreateFailed, s.rest("kept"))
		id := *s.stack("kept").StackId
		_, err = s.RollbackStack(s.ctx, &cloudformation.RollbackStackInput{StackName: ptr("kept")})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusDeleteComplete, s.rest(id)) // there is no stable state
	})
}

func TestDeleteInProgress(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", two)
		id := *s.stack("web").StackId
		_, err := s.UpdateTerminationProtection(s.ctx, &cloudformation.UpdateTerminationProtectionInput{StackName: ptr("web"), EnableTerminationProtection: ptr(true)})
		require.NoError(t, err)
		del := &cloudformation.DeleteStackInput{StackName: ptr("web")}
		_, err = s.DeleteStack(s.ctx, del)
		assert.ErrorContains(t, err, "Stack [web] cannot be deleted while TerminationProtection is enabled")
		_, err = s.UpdateTerminationProtection(s.ctx, &cloudformation.UpdateTerminationProtectionInput{StackName: ptr("web"), EnableTerminationProtection: ptr(false)})
		require.NoError(t, err)
		s.do(func() { s.svc.FailNext("web", "B", simtype.OnDelete, BeforeHandler, "busy") })
		_, err = s.DeleteStack(s.ctx, del)
		require.NoError(t, err)
		_, err = s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{StackName: &id, ChangeSetName: ptr("x"), TemplateBody: ptr(two)})
		assert.ErrorContains(t, err, "is in DELETE_IN_PROGRESS state and can not be updated.")
		require.Equal(t, types.StackStatusDeleteFailed, s.rest("web"))
		_, err = s.DeleteStack(s.ctx, &cloudformation.DeleteStackInput{StackName: ptr("web"), RetainResources: []string{"B"}})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusDeleteComplete, s.rest(id))
		assert.Contains(t, s.events(id, 0), "B DELETE_SKIPPED")
	})
}

func TestExports(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		exporter := `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":"v1"}}},"Outputs":{"O":{"Value":{"Fn::GetAtt":["P","Value"]},"Export":{"Name":"shared"}}}}`
		s.create("net", exporter)
		s.create("web", `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":{"Fn::ImportValue":"shared"}}}}}`)
		imports, err := s.ListImports(s.ctx, &cloudformation.ListImportsInput{ExportName: ptr("shared")})
		require.NoError(t, err)
		assert.Equal(t, []string{"web"}, imports.Imports)
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.update("net", strings.Replace(exporter, "v1", "v2", 1)))
		assert.Contains(t, strings.Join(s.events("net", 0), "\n"), "Export shared cannot be updated as it is in use by web")
		exports, err := s.ListExports(s.ctx, &cloudformation.ListExportsInput{})
		require.NoError(t, err)
		assert.Equal(t, "v1", *exports.Exports[0].Value)
		_, err = s.DeleteStack(s.ctx, &cloudformation.DeleteStackInput{StackName: ptr("net")})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusDeleteFailed, s.rest("net"))
	})
}

func TestStackPolicy(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", two)
		deny := `{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"},{"Effect":"Deny","Action":"Update:Modify","Principal":"*","Resource":"LogicalResourceId/A"}]}`
		_, err := s.SetStackPolicy(s.ctx, &cloudformation.SetStackPolicyInput{StackName: ptr("web"), StackPolicyBody: &deny})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.update("web", two, "V", "x"))
		assert.Contains(t, s.events("web", 0), "A UPDATE_FAILED Action denied by stack policy: Statement [#2] does not allow [Update:Modify] for resource [LogicalResourceId/A];")
		out, err := s.GetStackPolicy(s.ctx, &cloudformation.GetStackPolicyInput{StackName: ptr("web")})
		require.NoError(t, err)
		assert.Equal(t, deny, *out.StackPolicyBody)
	})
}

func TestTokens(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", two)
		in := &cloudformation.UpdateStackInput{StackName: ptr("web"), TemplateBody: ptr(two), Parameters: pairs([]string{"V", "x"}), ClientRequestToken: ptr("t")}
		a, err := s.UpdateStack(s.ctx, in)
		require.NoError(t, err)
		b, err := s.UpdateStack(s.ctx, in)
		require.NoError(t, err)
		assert.Equal(t, a.OperationId, b.OperationId)
		s.rest("web")
		out, err := s.DescribeStackEvents(s.ctx, &cloudformation.DescribeStackEventsInput{StackName: ptr("web")})
		require.NoError(t, err)
		assert.Equal(t, "t", *out.StackEvents[0].ClientRequestToken)
		ev, err := s.DescribeEvents(s.ctx, &cloudformation.DescribeEventsInput{OperationId: a.OperationId})
		require.NoError(t, err)
		assert.Equal(t, types.BeaconStackOperationStatusSucceeded, ev.OperationEvents[0].OperationStatus)
	})
}

func TestStaleReads(t *testing.T) {
	inBubble(t, &simtype.Switches{StaleReads: 2}, func(s *sim) {
		s.create("web", two)
		_, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: ptr("web"), TemplateBody: ptr(two), Parameters: pairs([]string{"V", "x"})})
		require.NoError(t, err)
		var got []types.StackStatus
		for range 3 {
			got = append(got, s.stack("web").StackStatus)
		}
		assert.Equal(t, []types.StackStatus{"CREATE_COMPLETE", "CREATE_COMPLETE", "UPDATE_IN_PROGRESS"}, got)
	})
}

func TestEventPages(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.svc.EventsPerPage = 3
		s.create("web", two)
		s.update("web", two, "V", "x")
		seen := map[string]bool{}
		p := cloudformation.NewDescribeStackEventsPaginator(s.Client, &cloudformation.DescribeStackEventsInput{StackName: ptr("web")})
		var last time.Time
		for p.HasMorePages() {
			out, err := p.NextPage(s.ctx)
			require.NoError(t, err)
			for _, e := range out.StackEvents {
				assert.False(t, seen[*e.EventId])
				seen[*e.EventId] = true
				assert.True(t, last.IsZero() || !e.Timestamp.After(last))
				last = *e.Timestamp
			}
		}
		assert.Len(t, seen, 15)
	})
}

func TestDrift(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", two)
		s.do(func() { assert.True(t, s.svc.Drift("web", "A", map[string]any{"Value": "other"})) })
		d, err := s.DetectStackDrift(s.ctx, &cloudformation.DetectStackDriftInput{StackName: ptr("web")})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		st, err := s.DescribeStackDriftDetectionStatus(s.ctx, &cloudformation.DescribeStackDriftDetectionStatusInput{StackDriftDetectionId: d.StackDriftDetectionId})
		require.NoError(t, err)
		assert.Equal(t, types.StackDriftStatusDrifted, st.StackDriftStatus)
		out, err := s.DescribeStackResourceDrifts(s.ctx, &cloudformation.DescribeStackResourceDriftsInput{StackName: ptr("web"), StackResourceDriftStatusFilters: []types.StackResourceDriftStatus{"MODIFIED"}})
		require.NoError(t, err)
		require.Len(t, out.StackResourceDrifts, 1)
		diff := out.StackResourceDrifts[0].PropertyDifferences[0]
		assert.Equal(t, "/Value one other", strings.Join([]string{*diff.PropertyPath, *diff.ExpectedValue, *diff.ActualValue}, " "))
	})
}

func TestTemplateText(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", "Description: käse\n"+two[1:])
		out, err := s.GetTemplate(s.ctx, &cloudformation.GetTemplateInput{StackName: ptr("web"), TemplateStage: types.TemplateStageOriginal})
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(*out.TemplateBody, "Description: k?se\n"))
		sum, err := s.GetTemplateSummary(s.ctx, &cloudformation.GetTemplateSummaryInput{StackName: ptr("web")})
		require.NoError(t, err)
		assert.Len(t, sum.Parameters, 2)
	})
}

func TestSSMParameterTypesAndDynamicReferences(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.do(func() {
			s.cloud.params["/image"] = "app:9"
			s.cloud.secrets["db"] = `{"password":"p"}`
		})
		body := `
Parameters:
  Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: /image}
Resources:
  A: {Type: AWS::SSM::Parameter, Properties: {Name: a, Type: String, Value: !Ref Image}}
  B: {Type: AWS::SSM::Parameter, Properties: {Name: b, Type: String, Value: "{{resolve:ssm:/image:1}} {{resolve:secretsmanager:db:SecretString:password}}"}}
`
		s.do(func() { s.cloud.params["/image:1"] = "app:9" })
		require.Equal(t, types.StackStatusCreateComplete, s.create("web", body), s.events("web", 0))
		s.do(func() {
			assert.Equal(t, "app:9", s.cloud.params["a"])
			assert.Equal(t, "app:9 p", s.cloud.params["b"])
		})
		assert.Equal(t, "app:9", *s.stack("web").Parameters[0].ResolvedValue)
	})
}

func TestForEach(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		body := `
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Topics:
    - Name
    - [One, Two]
    - Topic${Name}: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Name}}
`
		_, err := s.CreateStack(s.ctx, &cloudformation.CreateStackInput{StackName: ptr("web"), TemplateBody: &body, Capabilities: []types.Capability{types.CapabilityCapabilityAutoExpand}})
		require.NoError(t, err)
		require.Equal(t, types.StackStatusCreateComplete, s.rest("web"))
		out, err := s.ListStackResources(s.ctx, &cloudformation.ListStackResourcesInput{StackName: ptr("web")})
		require.NoError(t, err)
		assert.Len(t, out.StackResourceSummaries, 2)
	})
}
