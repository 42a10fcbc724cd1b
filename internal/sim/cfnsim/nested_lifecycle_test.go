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

// A nested stack that the update adds and that fails is deleted by the
// rollback's clean-up.
func TestNewNestedStackFails(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.create("web", two)
		leaf := "Resources:\n  X: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: v}}\n"
		more := strings.Replace(two, "Outputs:", "  More: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: "+s.put("leaf.yaml", leaf)+"}}\nOutputs:", 1)
		s.do(func() { s.svc.FailNext("More", "X", simtype.OnCreate, BeforeHandler, "no") })
		require.Equal(t, types.StackStatusUpdateRollbackComplete, s.update("web", more))
		all := strings.Join(s.events("web", 0), "\n")
		assert.Contains(t, all, "was not successfully created: The following resource(s) failed to create: [X].")
		assert.Contains(t, all, "More DELETE_COMPLETE")
		list, err := s.ListStacks(s.ctx, &cloudformation.ListStacksInput{StackStatusFilter: []types.StackStatus{types.StackStatusDeleteComplete}})
		require.NoError(t, err)
		assert.Len(t, list.StackSummaries, 1)

		require.Equal(t, types.StackStatusUpdateComplete, s.update("web", more))
		child := s.physical("web", "More")
		require.Equal(t, types.StackStatusUpdateComplete, s.update("web", two)) // it leaves again
		assert.Equal(t, types.StackStatusDeleteComplete, s.stack(child).StackStatus)
	})
}

// Deleting the root deletes every nested stack, in the order of dependencies.
func TestDeleteNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := healthy(t, nil)
		id := *s.stack("prod").StackId
		app := s.physical("prod", "App")
		s.delete(id)
		assert.Equal(t, types.StackStatusDeleteComplete, s.stack(id).StackStatus)
		assert.Equal(t, types.StackStatusDeleteComplete, s.stack(app).StackStatus)
		s.do(func() {
			assert.Empty(t, s.cloud.secrets)
			assert.Empty(t, s.cloud.services)
		})
	})
}

// A failure cancels the nested stacks that are at work, and they go back too.
func TestFailureCancelsNestedStacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := healthy(t, nil)
		db := s.child("prod", "Database")
		s.do(func() {
			s.svc.Takes("AWS::RDS::DBInstance", simtype.OnUpdate, time.Hour)
			s.svc.Takes("AWS::SNS::Topic", simtype.OnCreate, time.Minute)
			s.svc.FailNext("Network", "Late", simtype.OnCreate, BeforeHandler, "no")
		})
		s.put("network.yaml", strings.Replace(networkTemplate, "Outputs:", "  Late: {Type: AWS::SNS::Topic}\nOutputs:", 1))
		bigger := strings.Replace(rootTemplate, "db.t4g.medium", "db.t4g.large", 1)
		require.Equal(t, types.StackStatusUpdateRollbackComplete, s.update("prod", bigger, "Image", "app:1"))
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.stack(db).StackStatus)
		assert.Contains(t, s.events("prod", 0), "Database UPDATE_FAILED Resource update cancelled")
		assert.Contains(t, s.events(db, 0), "DB UPDATE_FAILED Resource update cancelled")
	})
}

func TestReplacementIsCleanedUp(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		body := func(name, policy string) string {
			return "Resources:\n  A: {Type: AWS::SSM::Parameter, " + policy + "Properties: {Name: " + name + ", Type: String, Value: v}}\n"
		}
		s.create("web", body("one", ""))
		n := len(s.events("web", 0))
		require.Equal(t, types.StackStatusUpdateComplete, s.update("web", body("two", "")))
		assert.Equal(t, []string{
			"web UPDATE_IN_PROGRESS User Initiated",
			"A UPDATE_IN_PROGRESS " + needsReplacement, "A UPDATE_IN_PROGRESS " + creationInitiated, "A UPDATE_COMPLETE",
			"web UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "A DELETE_IN_PROGRESS", "A DELETE_COMPLETE", "web UPDATE_COMPLETE",
		}, s.events("web", n))
		require.Equal(t, types.StackStatusUpdateComplete, s.update("web", body("three", "UpdateReplacePolicy: Retain, ")))
		s.do(func() { assert.Equal(t, map[string]string{"two": "v", "three": "v"}, s.cloud.params) })

		// A replacement that fails leaves the old one alone.
		s.do(func() { s.svc.FailNext("web", "A", simtype.OnCreate, BeforeHandler, "no") })
		require.Equal(t, types.StackStatusUpdateRollbackComplete, s.update("web", body("four", "")))
		assert.Equal(t, "three", s.physical("web", "A"))
		s.do(func() { assert.Equal(t, map[string]string{"two": "v", "three": "v"}, s.cloud.params) })
	})
}
