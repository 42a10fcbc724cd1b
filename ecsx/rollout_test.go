package ecsx_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// create makes the service with a configuration of its deployments.
func (f *fixture) create(td string, desired int32, cfg *types.DeploymentConfiguration) {
	_, err := f.ecs.CreateService(f.t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web"), TaskDefinition: &td, DesiredCount: &desired, DeploymentConfiguration: cfg})
	require.NoError(f.t, err)
	time.Sleep(5 * time.Minute)
}

// deploy starts a deployment and returns it as ForceDeployLatest would.
func (f *fixture) deploy(td string) ecsx.Deployment {
	before, err := f.ecs.DescribeServices(f.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"web"}})
	require.NoError(f.t, err)
	out, err := f.ecs.UpdateService(f.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &td})
	require.NoError(f.t, err)
	return ecsx.Deployment{Service: f.web, ID: *out.Service.Deployments[0].Id, TaskDefinition: td, Previous: *before.Services[0].Deployments[0].Id, Record: aws.ToString(out.Service.CurrentServiceDeployment)}
}

// ended is how WaitRollout ended.
func (f *fixture) ended(d ecsx.Deployment, optFns ...func(*ecsx.RolloutOptions)) ecsx.Rollout {
	ctx, cancel := context.WithTimeout(f.t.Context(), 24*time.Hour)
	defer cancel()
	r, err := d.WaitRollout(ctx, f.ecs, optFns...)
	if err == nil {
		return *r
	}
	var e *ecsx.RolloutError
	require.ErrorAs(f.t, err, &e)
	require.NoError(f.t, e.Err)
	return e.Last
}

// A deployment that ECS gave up is rolled back and not superseded, whatever is
// known of it: without its record, with the record denied, seen only long after.
func TestARollbackIsNotTakenForSomebodysDeployment(t *testing.T) {
	t.Parallel()
	for _, late := range []time.Duration{0, 30 * time.Minute} {
		for name, test := range map[string]struct {
			record bool
			deny   string
			by     string
		}{
			"all is known":          {true, "", "circuit breaker"},
			"no record":             {false, "", "circuit breaker"},
			"the record is denied":  {true, "ecs:DescribeServiceDeployments", "circuit breaker"},
			"the tasks are denied":  {true, "ecs:ListTasks", "circuit breaker"},
			"and their definitions": {true, "ecs:DescribeT*", "circuit breaker"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFixture(t)
					f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 2)
					d := f.deploy(f.register("app", f.push("app", "2", rescuetest.Exits(1, 5*time.Second, "FATAL: no"))))
					if !test.record {
						d.Record = ""
					}
					time.Sleep(late)
					if test.deny != "" {
						f.cloud.Inject(simtype.Fault{Action: test.deny, Kind: simtype.Deny})
					}
					r := f.ended(d, func(o *ecsx.RolloutOptions) { o.Patience = -1 })
					require.Equal(t, ecsx.Outcome("rolled back"), r.Outcome)
					require.Equal(t, test.by, r.By)
					require.Equal(t, test.deny != "", r.Problem != "", r.Problem)
				})
			})
		}
	}
}

// Somebody's deployment that took the place of one under way supersedes it.
func TestSomebodysDeploymentSupersedes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 2)
		d := f.deploy(f.register("app", f.push("app", "2", rescuetest.NeverHealthy("loading"))))
		time.Sleep(20 * time.Second)
		f.deploy(f.register("app", f.push("app", "3", rescuetest.Runs())))
		require.Equal(t, ecsx.Outcome("superseded"), f.ended(d).Outcome)
	})
}

// Tasks that crash after they ran do not count as failed, and without a breaker
// nothing ends the deployment: it is stalled, with the cause.
func TestACrashLoopIsJudged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		none := &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(0), MaximumPercent: aws.Int32(100)}
		f.create(f.register("app", f.push("app", "1", rescuetest.Runs())), 2, none)
		start := time.Now()
		td, err := f.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("bare"), ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String(f.push("app", "2", rescuetest.Exits(1, 20*time.Second, "FATAL: no")))}}})
		require.NoError(t, err)
		d := f.deploy(*td.TaskDefinition.TaskDefinitionArn)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, err = d.WaitRollout(ctx, f.ecs)
		var e *ecsx.RolloutError
		require.ErrorAs(t, err, &e)
		require.Equal(t, ecsx.Outcome("stalled"), e.Last.Outcome, err)
		require.NotNil(t, e.Cause)
		require.Contains(t, e.Cause.Summary, "exited with 1")
		require.Less(t, time.Since(start), 20*time.Minute)
	})
}

// No task was wanted: that is not a success.
func TestScaledToZeroIsNoSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 0)
		d := f.deploy(f.register("app", f.push("app", "2", rescuetest.Exits(1, time.Second, "FATAL"))))
		require.Equal(t, ecsx.Outcome("scaled to zero"), f.ended(d).Outcome)
	})
}

// A deployment that waits at a hook says which, and goes on when it is told to.
func TestAPausedDeployment(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rollBack bool
		want     ecsx.Outcome
	}{"continued": {false, "succeeded"}, "rolled back": {true, "rolled back"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 2)
				td := f.register("app", f.push("app", "2", rescuetest.Runs()))
				out, err := f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &td, DeploymentConfiguration: &types.DeploymentConfiguration{
					Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(5),
					LifecycleHooks: []types.DeploymentLifecycleHook{{TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostTestTrafficShift}}},
				}})
				require.NoError(t, err)
				d := ecsx.Deployment{Service: f.web, ID: *out.Service.Deployments[0].Id, TaskDefinition: td, Record: aws.ToString(out.Service.CurrentServiceDeployment)}
				start := time.Now()
				r := f.ended(d)
				require.Equal(t, ecsx.Outcome("paused"), r.Outcome)
				require.NotEmpty(t, r.Hook.ID)
				require.Equal(t, "POST_TEST_TRAFFIC_SHIFT", r.Hook.Stage)
				require.Less(t, time.Since(start), 10*time.Minute)
				require.NoError(t, d.Continue(t.Context(), f.ecs, r.Hook.ID, test.rollBack))
				require.Equal(t, test.want, f.ended(d).Outcome)
			})
		})
	}
}

// The verdict comes soon and costs little: lag from what happened to what is
// told, and calls a second.
func TestVerdictsAreSoonAndCheap(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		program simtype.Program
		want    ecsx.Outcome
	}{
		"success":       {rescuetest.Runs(), "succeeded"},
		"rolled back":   {rescuetest.Exits(1, 5*time.Second, "FATAL"), "rolled back"},
		"never healthy": {rescuetest.NeverHealthy("loading"), "rolled back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, func(o *rescuetest.Options) { o.Latency = 100 * time.Millisecond })
				f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 2)
				d := f.deploy(f.register("app", f.push("app", "2", test.program)))
				f.cloud.ForgetCalls()
				start := time.Now()
				require.Equal(t, test.want, f.ended(d).Outcome)
				took := time.Since(start)
				rate := float64(len(f.cloud.Calls())) / took.Seconds()
				t.Logf("%s after %s, %.2f calls/s", test.want, took.Round(time.Second), rate)
				require.LessOrEqual(t, rate, 0.6)
			})
		})
	}
}
