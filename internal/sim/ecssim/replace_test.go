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

// Old tasks that fail their checks while a deployment runs are replaced by tasks
// of their own revision, and the deployment's failures are not theirs.
func TestUnhealthyOldTasksAreReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"], b.images["app:2"] = "sha256:1", "sha256:2"
		starts := 0
		b.programs["sha256:1"] = func(c *simtype.Container) {
			c.SetHealthy(true)
			if starts++; starts <= 2 {
				c.After(12*time.Minute, func() { c.SetHealthy(false) })
			}
		}
		b.programs["sha256:2"] = func(*simtype.Container) {} // slow: not healthy within its start period
		b.create(b.register("app:1", nil), 2, breaker)
		b.world.Advance(11 * time.Minute)
		bad := b.update(b.register("app:2", func(d *types.ContainerDefinition) { d.HealthCheck.StartPeriod = aws.Int32(300) }), false)
		b.world.Advance(2 * time.Minute)
		require.Equal(t, 2, starts, "nothing was wrong yet, or no time to notice")
		b.world.Advance(3 * time.Minute)
		assert.Equal(t, 4, starts, "the sick ones were replaced, by their own revision")
		s := b.service()
		require.Len(t, s.Deployments, 2)
		assert.Equal(t, bad, *s.Deployments[0].Id)
		assert.EqualValues(t, 2, s.Deployments[1].RunningCount)
		assert.Zero(t, s.Deployments[0].FailedTasks)
		b.world.Advance(2 * time.Hour) // the breaker goes back, and the replacements serve
		assert.Equal(t, types.ServiceDeploymentStatusRollbackSuccessful, b.record(0).Status)
		assert.EqualValues(t, 2, b.service().RunningCount)
		require.NoError(t, b.check())
	})
}

func TestStopOfAFinishedDeployment(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"conflict": "ConflictException", "invalid": "InvalidParameterException", "accepted": ""} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, simtype.Switches{StopTerminal: value})
			b.images["app:1"] = "sha256:1"
			b.create(b.register("app:1", nil), 1, breaker)
			b.world.Advance(10 * time.Minute)
			_, err := b.client.StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: b.history()[0].ServiceDeploymentArn})
			if want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, want)
			}
			assert.Equal(t, types.ServiceDeploymentStatusSuccessful, b.record(0).Status)
		})
	}
}

// A failed deployment shows late that it is, and one with another strategy than
// ROLLING never, where the switches say so; its record always does.
func TestRolloutStateAsShown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		switches simtype.Switches
		strategy types.DeploymentStrategy
		early    types.DeploymentRolloutState
		late     types.DeploymentRolloutState
	}{
		{simtype.Switches{}, "", types.DeploymentRolloutStateFailed, types.DeploymentRolloutStateFailed},
		{simtype.Switches{FailedLag: "2m"}, "", types.DeploymentRolloutStateInProgress, types.DeploymentRolloutStateFailed},
		{simtype.Switches{RolloutState: "absent"}, types.DeploymentStrategyBlueGreen, "", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, tc.switches)
			b.images["app:1"], b.images["app:2"] = "sha256:1", "sha256:2"
			b.programs["sha256:2"] = func(c *simtype.Container) { c.Exit(1) }
			b.create(b.register("app:1", nil), 1, breaker)
			b.world.Advance(10 * time.Minute)
			b.configure(b.register("app:2", nil), &types.DeploymentConfiguration{Strategy: tc.strategy, DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true}})
			for range 600 {
				if b.record(0).Status != types.ServiceDeploymentStatusInProgress {
					break
				}
				b.world.Advance(time.Second)
			}
			assert.Equal(t, types.ServiceDeploymentStatusStopped, b.record(0).Status)
			assert.Equal(t, tc.early, b.service().Deployments[0].RolloutState)
			b.world.Advance(3 * time.Minute)
			assert.Equal(t, tc.late, b.service().Deployments[0].RolloutState)
		})
	}
}

// Tasks that never start are tried again later and later; how much is a switch.
func TestBackOffOfStarts(t *testing.T) {
	t.Parallel()
	starts := map[string]int{}
	for _, value := range []string{"15m", "27m"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, simtype.Switches{BackOff: value})
			b.create(b.register("app:gone", nil), 1, &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(0), MaximumPercent: aws.Int32(200)})
			b.world.Advance(40 * time.Minute)
			starts[value] = len(b.stopped())
		})
	}
	assert.Greater(t, starts["27m"], starts["15m"], "%v: short steps first", starts)
	assert.Less(t, starts["27m"], 30, "%v", starts)
}
