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

func healthy(t *testing.T, sw *simtype.Switches) *sim {
	s := newSim(t, sw)
	s.put("network.yaml", networkTemplate)
	s.put("database.yaml", databaseTemplate)
	s.put("app.yaml", appTemplate)
	s.do(func() {
		for _, i := range []string{"app:1", "app:2", "nginx"} {
			s.cloud.images[i] = true
		}
	})
	require.Equal(t, types.StackStatusCreateComplete, s.create("prod", rootTemplate, "Image", "app:1"), s.events("prod", 0))
	return s
}

func (s *sim) changeSet(in *cloudformation.CreateChangeSetInput) *cloudformation.DescribeChangeSetOutput {
	s.t.Helper()
	made, err := s.CreateChangeSet(s.ctx, in)
	require.NoError(s.t, err)
	time.Sleep(time.Minute)
	out, err := s.DescribeChangeSet(s.ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: made.Id})
	require.NoError(s.t, err)
	return out
}

func replacements(cs *cloudformation.DescribeChangeSetOutput) string {
	var l []string
	for _, c := range cs.Changes {
		l = append(l, *c.ResourceChange.LogicalResourceId+" "+string(c.ResourceChange.Action)+" "+string(c.ResourceChange.Replacement))
	}
	return strings.Join(l, ", ")
}

func TestNestedChangeSet(t *testing.T) {
	for mode, sibling := range map[string]string{
		"exact":             "Database Modify False",
		"false-replacement": "App Modify False, Database Modify False",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := healthy(t, &simtype.Switches{NestedChangeSets: mode})
			cs := s.changeSet(&cloudformation.CreateChangeSetInput{
				StackName: ptr("prod"), ChangeSetName: ptr("cs"), TemplateBody: ptr(rootTemplate), IncludeNestedStacks: ptr(true), Parameters: pairs([]string{"Image", "app:2"}),
			})
			require.Equal(t, types.ChangeSetStatusCreateComplete, cs.Status, str(cs.StatusReason))
			require.Equal(t, "App Modify False", replacements(cs))
			nested, err := s.DescribeChangeSet(s.ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: cs.Changes[0].ResourceChange.ChangeSetId})
			require.NoError(t, err)
			assert.Equal(t, "Dashboard Modify False, Service Modify False, Task Modify True", replacements(nested))
			assert.Equal(t, types.ExecutionStatusUnavailable, nested.ExecutionStatus)
			assert.Equal(t, "Executable from root change set", *nested.StatusReason)
			assert.Equal(t, cs.ChangeSetId, nested.RootChangeSetId)
			_, err = s.ExecuteChangeSet(s.ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: nested.ChangeSetId})
			assert.ErrorContains(t, err, "InvalidChangeSetStatus")
			_, err = s.ExecuteChangeSet(s.ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: cs.ChangeSetId})
			require.NoError(t, err)
			assert.Equal(t, types.StackStatusUpdateComplete, s.rest("prod"))

			// An innocent sibling that reads an output of a nested stack that changes.
			cs = s.changeSet(&cloudformation.CreateChangeSetInput{
				StackName: ptr("prod"), ChangeSetName: ptr("cs"), IncludeNestedStacks: ptr(true), Parameters: pairs([]string{"Image", "app:2"}),
				TemplateBody: ptr(strings.Replace(rootTemplate, "db.t4g.medium", "db.t4g.large", 1)),
			})
			assert.Equal(t, sibling, replacements(cs))
		})
	}
}

// Without nested stacks a change set cannot know, so every nested stack is in.
func TestChangeSetWithoutNestedStacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := healthy(t, nil)
		cs := s.changeSet(&cloudformation.CreateChangeSetInput{StackName: ptr("prod"), ChangeSetName: ptr("cs"), UsePreviousTemplate: ptr(true), Parameters: []types.Parameter{{ParameterKey: ptr("Image"), UsePreviousValue: ptr(true)}}})
		assert.Equal(t, "App Modify False, Database Modify False, Network Modify False", replacements(cs))
		assert.Equal(t, types.ChangeSourceAutomatic, cs.Changes[1].ResourceChange.Details[0].ChangeSource)
	})
}

func TestOutputsOnlyChangeSet(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", two)
		cs := s.changeSet(&cloudformation.CreateChangeSetInput{StackName: ptr("web"), ChangeSetName: ptr("cs"), TemplateBody: ptr(two + "  More: {Value: x}\n")})
		assert.Empty(t, cs.Changes)
		assert.Equal(t, types.ExecutionStatusAvailable, cs.ExecutionStatus)
		_, err := s.ExecuteChangeSet(s.ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: cs.ChangeSetId})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusUpdateComplete, s.rest("web"))
		assert.Equal(t, "x", s.outputs("web")["More"])
	})
}

// While one nested stack's rollback failed, its sibling waits for the clean-up.
func TestSiblingsOfAFailedRollback(t *testing.T) {
	for sw, want := range map[string]types.StackStatus{
		"wait-for-clean-up": types.StackStatusUpdateRollbackCompleteCleanupInProgress,
		"clean-up":          types.StackStatusUpdateRollbackComplete,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := healthy(t, &simtype.Switches{NestedSiblings: sw})
			db, app := s.child("prod", "Database"), s.child("prod", "App")
			s.do(func() { s.cloud.images["app:1"], s.cloud.images["app:2"] = false, false })
			bigger := strings.Replace(rootTemplate, "db.t4g.medium", "db.t4g.large", 1)
			require.Equal(t, types.StackStatusUpdateRollbackFailed, s.update("prod", bigger, "Image", "app:2"))
			time.Sleep(time.Hour)
			assert.Equal(t, want, s.stack(db).StackStatus)
			_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("prod"), ResourcesToSkip: []string{app + ".Service"}})
			require.NoError(t, err)
			assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.rest("prod"))
			assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.stack(db).StackStatus)
		})
	}
}

// A child that was updated by itself and is stuck cannot be continued, from
// nowhere; its parent ends in UPDATE_ROLLBACK_COMPLETE.
func TestChildStuckUnderAStableRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := healthy(t, nil)
		app := s.child("prod", "App")
		s.do(func() { s.cloud.images["app:1"] = false })
		args := s.stack(app).Parameters
		for i := range args {
			if *args[i].ParameterKey == "Image" {
				args[i].ParameterValue = ptr("app:none")
			}
		}
		_, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: &app, UsePreviousTemplate: ptr(true), Parameters: args})
		require.NoError(t, err)
		require.Equal(t, types.StackStatusUpdateRollbackFailed, s.rest(app))
		for _, name := range []string{"prod", app} {
			_, err = s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr(name)})
			assert.ErrorContains(t, err, "ValidationError")
		}
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.update("prod", rootTemplate, "Image", "app:2"))
		assert.Equal(t, types.StackStatusUpdateRollbackFailed, s.stack(app).StackStatus)
	})
}

// A grandchild's resource is named after the stack that directly contains it.
func TestSkipInAGrandchild(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		leaf := "Parameters: {V: {Type: String}}\nResources:\n  A: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref V}}\n"
		mid := "Parameters: {V: {Type: String}}\nResources:\n  Leaf: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: " + s.put("leaf.yaml", leaf) + ", Parameters: {V: !Ref V}}}\n"
		root := "Parameters: {V: {Type: String}}\nResources:\n  Mid: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: " + s.put("mid.yaml", mid) + ", Parameters: {V: !Ref V}}}\n"
		require.Equal(t, types.StackStatusCreateComplete, s.create("root", root, "V", "1"))
		m := s.child("root", "Mid")
		g := s.child(m, "Leaf")
		s.do(func() {
			s.svc.FailNext(g, "A", simtype.OnUpdate, BeforeHandler, "no")
			s.svc.FailNext("Leaf", "A", simtype.OnRollback, BeforeHandler, "no")
		})
		require.Equal(t, types.StackStatusUpdateRollbackFailed, s.update("root", root, "V", "2"))
		assert.Equal(t, types.StackStatusUpdateRollbackFailed, s.stack(m).StackStatus)
		for _, bad := range []string{m + "." + g + ".A", m + ".A", "Leaf.A"} {
			_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("root"), ResourcesToSkip: []string{bad}})
			assert.ErrorContains(t, err, "ValidationError", bad)
		}
		_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("root"), ResourcesToSkip: []string{g + ".A"}})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.rest("root"))
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.stack(g).StackStatus)
	})
}

// A resource that waits for a failed one fails only after that one is skipped.
func TestSecondFailureAfterTheFirstSkip(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", two)
		s.do(func() {
			s.svc.FailNext("web", "B", simtype.OnUpdate, BeforeHandler, "no")
			s.svc.FailNext("web", "A", simtype.OnRollback, BeforeHandler, "first")
			s.svc.FailNext("web", "B", simtype.OnRollback, BeforeHandler, "second")
		})
		require.Equal(t, types.StackStatusUpdateRollbackFailed, s.update("web", two, "V", "x"))
		skip := func(ids ...string) types.StackStatus {
			_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("web"), ResourcesToSkip: ids})
			require.NoError(t, err)
			return s.rest("web")
		}
		_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("web"), ResourcesToSkip: []string{"A", "B"}})
		assert.ErrorContains(t, err, "Resource [B]") // failed in the forward update
		assert.Equal(t, types.StackStatusUpdateRollbackFailed, skip("A"))
		assert.Contains(t, s.events("web", 0), "B UPDATE_FAILED second")
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, skip("B"))
	})
}
