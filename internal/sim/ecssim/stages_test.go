package ecssim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func (b *bench) record(n int) types.ServiceDeployment {
	b.t.Helper()
	out, err := b.client.DescribeServiceDeployments(b.t.Context(), &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*b.history()[n].ServiceDeploymentArn}})
	require.NoError(b.t, err)
	require.Len(b.t, out.ServiceDeployments, 1)
	return out.ServiceDeployments[0]
}

func (b *bench) configure(td string, cfg *types.DeploymentConfiguration) {
	b.t.Helper()
	_, err := b.client.UpdateService(b.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &td, DeploymentConfiguration: cfg})
	require.NoError(b.t, err)
}

func pauseAt(stage types.DeploymentLifecycleHookStage, minutes int32, action types.DeploymentLifecycleHookAction) []types.DeploymentLifecycleHook {
	return []types.DeploymentLifecycleHook{{TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{stage},
		TimeoutConfiguration: &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: &minutes, Action: action}}}
}

// Blue and green run side by side until the pause is continued and the bake
// time is over.
func TestBlueGreenPausesAndBakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"], b.images["app:2"] = "sha256:1", "sha256:2"
		b.create(b.register("app:1", nil), 2, breaker)
		b.world.Advance(10 * time.Minute)
		b.configure(b.register("app:2", nil), &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(60),
			LifecycleHooks: pauseAt(types.DeploymentLifecycleHookStagePostTestTrafficShift, 600, "")})
		b.world.Advance(30 * time.Minute)
		r := b.record(0)
		assert.Equal(t, types.ServiceDeploymentStatusInProgress, r.Status)
		assert.EqualValues(t, "POST_TEST_TRAFFIC_SHIFT", r.LifecycleStage)
		require.Len(t, r.LifecycleHookDetails, 1)
		h := r.LifecycleHookDetails[0]
		assert.Equal(t, types.DeploymentLifecycleHookStatusAwaitingAction, h.Status)
		assert.Regexp(t, `^ecs-pause-\w{43}$`, *h.HookId)
		assert.EqualValues(t, 4, b.service().RunningCount)

		_, err := b.client.ContinueServiceDeployment(t.Context(), &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: r.ServiceDeploymentArn, HookId: h.HookId})
		require.NoError(t, err)
		_, err = b.client.ContinueServiceDeployment(t.Context(), &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: r.ServiceDeploymentArn, HookId: h.HookId})
		require.ErrorContains(t, err, "Provided hookId is either completed")
		b.world.Advance(59 * time.Minute)
		assert.EqualValues(t, "BAKE_TIME", b.record(0).LifecycleStage)
		assert.EqualValues(t, 4, b.service().RunningCount)
		b.world.Advance(5 * time.Minute)
		assert.Equal(t, types.ServiceDeploymentStatusSuccessful, b.record(0).Status)
		assert.EqualValues(t, 2, b.service().RunningCount)
		require.NoError(t, b.check())
	})
}

func TestPauseEnds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		action types.DeploymentLifecycleHookAction
		status types.ServiceDeploymentStatus
		reason string
	}{
		"by going on":   {types.DeploymentLifecycleHookActionContinue, types.ServiceDeploymentStatusSuccessful, ""},
		"by going back": {types.DeploymentLifecycleHookActionRollback, types.ServiceDeploymentStatusRollbackSuccessful, "Service deployment rolled back because PRE_SCALE_UP pause hook timed out."},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, simtype.Switches{})
			b.images["app:1"], b.images["app:2"] = "sha256:1", "sha256:2"
			b.create(b.register("app:1", nil), 2, breaker)
			b.world.Advance(10 * time.Minute)
			b.configure(b.register("app:2", nil), &types.DeploymentConfiguration{LifecycleHooks: pauseAt(types.DeploymentLifecycleHookStagePreScaleUp, 30, tc.action)})
			b.world.Advance(29 * time.Minute)
			assert.Equal(t, types.ServiceDeploymentStatusInProgress, b.record(0).Status, name)
			assert.EqualValues(t, 2, b.service().RunningCount, "nothing starts before PRE_SCALE_UP is over")
			b.world.Advance(10 * time.Minute)
			r := b.record(0)
			assert.Equal(t, tc.status, r.Status, name)
			assert.Equal(t, tc.reason, aws.ToString(r.StatusReason), name)
			require.NoError(t, b.check())
		})
	}
}

func TestStopServiceDeployment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"] = "sha256:1"
		b.create(b.register("app:1", nil), 2, nil)
		b.world.Advance(10 * time.Minute)
		b.update(b.register("app:gone", nil), false)
		arn := b.history()[0].ServiceDeploymentArn
		stop := func(arn *string) error {
			_, err := b.client.StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: arn, StopType: types.StopServiceDeploymentStopTypeRollback})
			return err
		}
		var missing *types.ServiceDeploymentNotFoundException
		require.ErrorAs(t, stop(aws.String(*arn+"x")), &missing)
		require.NoError(t, stop(arn))
		assert.Equal(t, types.ServiceDeploymentStatusRollbackRequested, b.record(0).Status)
		require.NoError(t, stop(arn), "asking again changes nothing")
		b.world.Advance(10 * time.Minute)
		r := b.record(0)
		assert.Equal(t, types.ServiceDeploymentStatusRollbackSuccessful, r.Status)
		assert.Equal(t, "Service deployment rolled back because of a user request.", *r.StatusReason)
		var conflict *types.ConflictException
		require.ErrorAs(t, stop(arn), &conflict)
		require.NoError(t, b.check())
	})
}

// The breaker's own threshold decides, and exits within the first 40 seconds
// count as a switch has it.
func TestThresholdsAndEarlyExits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		threshold *types.ThresholdConfiguration
		after     time.Duration
		sw        string
		trips     bool
	}{
		"crash loop, 3 by default":         {nil, 5 * time.Second, "", true},
		"crash loop after 20 s":            {nil, 20 * time.Second, "", true},
		"crash loop after a minute":        {nil, time.Minute, "", false},
		"crash loop that never counts":     {nil, 5 * time.Second, "never", false},
		"crash after a minute that counts": {nil, time.Minute, "always", false}, // healthy tasks reset the count in between
		"a threshold of 1000":              {&types.ThresholdConfiguration{Type: types.ThresholdTypeCount, Value: 1000}, 5 * time.Second, "", false},
		"a threshold of 5":                 {&types.ThresholdConfiguration{Type: types.ThresholdTypeCount, Value: 5}, 5 * time.Second, "", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, simtype.Switches{ExitAfterRunning: tc.sw})
			b.images["app:1"] = "sha256:1"
			b.programs["sha256:1"] = func(c *simtype.Container) { c.After(tc.after, func() { c.Exit(1) }) }
			td := b.register("app:1", func(d *types.ContainerDefinition) { d.HealthCheck = nil })
			b.create(td, 1, &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, ThresholdConfiguration: tc.threshold}})
			b.world.Advance(time.Hour)
			r := b.record(0)
			if !tc.trips {
				assert.NotEqual(t, types.ServiceDeploymentStatusStopped, r.Status, name)
				return
			}
			assert.Equal(t, types.ServiceDeploymentStatusStopped, r.Status, name)
			want := int32(3)
			if tc.threshold != nil {
				want = tc.threshold.Value
			}
			assert.Equal(t, want, r.DeploymentCircuitBreaker.FailureCount, name)
			assert.Equal(t, want, r.DeploymentCircuitBreaker.Threshold, name)
		})
	}
}
