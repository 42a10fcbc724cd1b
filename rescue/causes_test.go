package rescue_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const breaker = ", DeploymentCircuitBreaker: {Enable: true, Rollback: true}"

// What an operation waits for, why, and how the wait ends: an update can be
// cancelled, a rollback cannot.
func TestWaitIsNamedWithItsEnds(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		old := s.push("v1")
		s.create(web("v1", breaker, ""))
		s.deleteImage(old)
		s.pushFailing("v2")
		body := web("v2", breaker, "")
		_, err := s.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("prod"), TemplateBody: &body, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam}})
		require.NoError(t, err)
		time.Sleep(30 * time.Minute)

		busy := func(phase string) *rescue.Error {
			d, err := rescue.Diagnose(t.Context(), s.cloud.Config(), "prod")
			require.NoError(t, err)
			require.Equal(t, rescue.Situation("in-progress"), d.Situation, phase)
			_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward})
			var e *rescue.Error
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, err, rescue.ErrBusy)
			require.Contains(t, e.Next, "prod.Web since", phase)
			require.Contains(t, e.Next, "service prod/web is steady", phase)
			if phase == "update" {
				require.Contains(t, d.String(), "price service unreachable")
			}
			return e
		}
		require.Contains(t, busy("update").Next, "aws cloudformation cancel-update-stack --stack-name prod")
		for s.status("prod") == "UPDATE_IN_PROGRESS" {
			time.Sleep(time.Minute)
		}
		time.Sleep(20 * time.Minute)
		require.NotContains(t, busy("rollback").Next, "cancel-update-stack")
	})
}

// A call that ECS refused is the cause, whatever crashed before.
func TestRefusedCallKeepsItsWords(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		crashed := false
		s.pushProgram("v1", func(c *simtype.Container) {
			c.SetHealthy(true)
			if !crashed {
				crashed = true
				c.Print("WARN: out of file handles")
				c.After(10*time.Minute, func() { c.Exit(7) })
			}
		})
		s.pushFailing("v2")
		s.create(web("v1"))
		time.Sleep(20 * time.Minute)
		const words = "The target group does not have an associated load balancer."
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, words)
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2")))
		d, err := rescue.Diagnose(t.Context(), s.cloud.Config(), "prod")
		require.NoError(t, err)
		require.Len(t, d.Causes.Rollback, 1)
		require.Contains(t, d.Causes.Rollback[0].Text, words)
		require.Contains(t, d.Causes.Update[0].Text, "price service unreachable")
	})
}

// A service that another controller deploys: no plan has a step that ECS
// refuses, and no task is called forgotten that never was.
func TestServiceOfAnotherController(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		alive := true
		s.pushProgram("v1", func(c *simtype.Container) {
			c.SetHealthy(true)
			var look func()
			look = func() {
				if !alive {
					c.Exit(1)
					return
				}
				c.After(10*time.Second, look)
			}
			look()
		})
		s.push("v2")
		codeDeploy := []string{"      DeploymentConfiguration: {MinimumHealthyPercent: 0, MaximumPercent: 100" + breaker + "}\n", "      DeploymentController: {Type: CODE_DEPLOY}\n"}
		s.create(web("v1", codeDeploy...))
		alive = false
		require.Equal(t, cfntypes.StackStatusUpdateRollbackComplete, s.update(web("v2", codeDeploy...)))
		time.Sleep(time.Minute)
		d, err := rescue.Diagnose(t.Context(), s.cloud.Config(), "prod")
		require.NoError(t, err)
		require.Equal(t, rescue.Situation("degraded"), d.Situation)
		require.Contains(t, d.String(), "CODE_DEPLOY")
		require.Empty(t, d.Assumed)
		_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward})
		require.ErrorIs(t, err, rescue.ErrDirection)
		require.ErrorContains(t, err, "aws deploy create-deployment")
	})
}

// Where no task could be placed none was forgotten: the service says why.
func TestTasksThatCouldNotBePlaced(t *testing.T) {
	t.Parallel()
	const stack, service = "arn:aws:cloudformation:us-east-1:123456789012:stack/prod/1", "arn:aws:ecs:us-east-1:123456789012:service/prod/web"
	const why = "unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster."
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	event := func(hours int, logicalID, physicalID, kind string, status cfntypes.ResourceStatus, reason string) cfnx.Event {
		return cfnx.Event{ID: logicalID + string(status), Time: at.Add(time.Duration(hours) * time.Hour), StackID: stack, StackName: "prod", LogicalID: logicalID, PhysicalID: physicalID, Type: kind, Status: status, Reason: reason}
	}
	d := (&rescue.Bundle{
		Version: 2, At: at.Add(8 * time.Hour),
		Tree: &cfnx.Tree{Root: &cfnx.Stack{
			ID: stack, Name: "prod", Status: cfntypes.StackStatusUpdateRollbackComplete,
			Events: []cfnx.Event{
				event(4, "prod", stack, "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_COMPLETE", ""),
				event(3, "prod", stack, "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [Web]. "),
				event(3, "Web", service, "AWS::ECS::Service", "UPDATE_FAILED", "Exceeded attempts to wait"),
				event(0, "prod", stack, "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", "User Initiated"),
			},
		}},
		Services: []rescue.ServiceFacts{{
			StackID: stack, LogicalID: "Web", Service: ecsx.Service{Cluster: "prod", Name: "web"}, Status: "ACTIVE", Desired: 2, Forward: "web:2", Current: "web:1", Back: "web:1",
			Events: []string{"03:00:00 (service web) was " + why},
		}},
	}).Explain()
	require.Len(t, d.Causes.Update, 1)
	require.Contains(t, d.Causes.Update[0].Text, why)
	require.NotEmpty(t, d.Causes.Update[0].Next)
	require.Empty(t, d.Assumed)
}
