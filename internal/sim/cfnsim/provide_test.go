package cfnsim

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const service = `
Parameters:
  Image: {Type: String}
  Count: {Type: Number, Default: 1}
  MinHealthy: {Type: Number, Default: 100}
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: web, ContainerDefinitions: [{Name: web, Image: !Ref Image}]}
  Service:
    Type: AWS::ECS::Service
    Properties: {ServiceName: web, TaskDefinition: !Ref Task, DesiredCount: !Ref Count, DeploymentConfiguration: {MinimumHealthyPercent: !Ref MinHealthy}}
`

func TestServiceWithoutBreakerWaitsThreeHours(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.do(func() { s.cloud.images["web:1"] = true })
		require.Equal(t, types.StackStatusCreateComplete, s.create("web", service, "Image", "web:1"))
		began := time.Now()
		// The fake says FAILED only for services with a breaker; here it stays in progress.
		s.do(func() { s.cloud.hang = true })
		got := s.update("web", service, "Image", "web:2")
		assert.Equal(t, types.StackStatusUpdateRollbackFailed, got)
		assert.Greater(t, time.Since(began), 6*time.Hour) // forward and back
		assert.Contains(t, strings.Join(s.events("web", 0), "\n"), "Exceeded attempts to wait")
		assert.Contains(t, strings.Join(s.events("web", 0), "\n"), "HandlerErrorCode: NotStabilized")
	})
}

func TestRollbackToAnInactiveRevision(t *testing.T) {
	inBubble(t, nil, func(s *sim) {
		s.do(func() { s.cloud.images["web:1"] = true })
		require.Equal(t, types.StackStatusCreateComplete, s.create("web", service, "Image", "web:1"))
		s.do(func() { delete(s.cloud.active, s.world.ARN("ecs", "task-definition/web:1")) })
		assert.Equal(t, types.StackStatusUpdateRollbackFailed, s.update("web", service, "Image", "web:2"))
		assert.Contains(t, strings.Join(s.events("web", 0), "\n"), `Resource handler returned message: "TaskDefinition is inactive" (RequestToken: `)
	})
}

func TestDesiredCount(t *testing.T) {
	for sw, want := range map[string]string{"when-changed": "false", "always": "true"} {
		synctest.Test(t, func(t *testing.T) {
			s := newSim(t, &simtype.Switches{DesiredCount: sw})
			s.do(func() { s.cloud.images["web:1"] = true })
			s.create("web", service, "Image", "web:1")
			require.Equal(t, types.StackStatusUpdateComplete, s.update("web", service, "Image", "web:1", "MinHealthy", "50"))
			assert.Equal(t, "UpdateService web web:1 desired="+want, s.cloud.calls[len(s.cloud.calls)-1])
			require.Equal(t, types.StackStatusUpdateComplete, s.update("web", service, "Image", "web:1", "MinHealthy", "50", "Count", "3"))
			assert.Equal(t, "UpdateService web web:1 desired=true", s.cloud.calls[len(s.cloud.calls)-1])
		})
	}
}

// After a skip the record and the resource differ; the switch says which one
// the next update is compared with.
func TestNoDifferenceAfterSkip(t *testing.T) {
	for sw, sent := range map[string]bool{"to-record": false, "to-last-sent": true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSim(t, &simtype.Switches{NoDifferenceAfterSkip: sw})
			s.create("web", two)
			s.do(func() {
				s.svc.FailNext("web", "A", simtype.OnUpdate, BeforeHandler, "no")
				s.svc.FailNext("web", "A", simtype.OnRollback, BeforeHandler, "no")
			})
			require.Equal(t, types.StackStatusUpdateRollbackFailed, s.update("web", two, "V", "x"))
			// Another hand sets it to yet another value; the rollback did not reach it.
			require.Equal(t, types.StackStatusUpdateRollbackComplete, s.skip("web", "A"))
			s.do(func() { s.svc.find("web").resources["A"].sent = object{"Type": "String", "Value": "y"} })
			n := len(s.events("web", 0))
			s.update("web", two+"  More: {Value: x}\n")
			assert.Equal(t, sent, strings.Contains(strings.Join(s.events("web", n), "\n"), "A UPDATE_COMPLETE"), s.events("web", n))
		})
	}
}

func TestFillTakesNumbersAsStrings(t *testing.T) {
	var in struct {
		Cpu    *int32
		Name   *string
		Secure bool
		Tags   map[string]string
	}
	require.NoError(t, fill(&in, object{"cpu": "256", "Name": true, "Secure": "true", "Tags": object{"a": "b"}, "Other": object{}}))
	assert.Equal(t, int32(256), *in.Cpu)
	assert.Equal(t, "true", *in.Name)
	assert.ErrorContains(t, fill(&in, object{"Cpu": "many"}), "#/Cpu: expected type: Integer, found: String")
}
