package ecsx_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

var faults = []simtype.FaultKind{
	simtype.Throttle, simtype.ServerError, simtype.Deny, simtype.LostResponse, simtype.CrashBefore, simtype.CrashAfter,
}

func crash(kind simtype.FaultKind) bool {
	return kind == simtype.CrashBefore || kind == simtype.CrashAfter
}

// sweep runs a verb with a fault at each of its calls: prepare makes the cloud,
// inject arms the fault and returns a function that says, after the verb, whether it
// was met. A goroutine that is left ends the bubble with a failure.
func sweep(t *testing.T, run func(t *testing.T, f *fixture, inject func() (met func() bool), kind simtype.FaultKind)) (runs int) {
	// Without a fault: which calls there are.
	var actions []string
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		run(t, f, func() func() bool {
			f.cloud.ForgetCalls()
			return func() bool {
				for _, c := range f.cloud.Calls() {
					actions = append(actions, c.Action)
				}
				return false
			}
		}, simtype.Throttle)
	})
	kinds, names := map[string]simtype.FaultKind{}, []string(nil)
	for _, kind := range faults {
		names = append(names, fmt.Sprint(kind))
		kinds[fmt.Sprint(kind)] = kind
	}
	require.NotEmpty(t, actions)
	for _, c := range sample.Calls(t, actions, names, 0, nil) {
		if t.Failed() {
			break
		}
		kind := kinds[c.Kind]
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			run(t, f, func() func() bool {
				f.cloud.ForgetCalls()
				f.cloud.Inject(simtype.Fault{Nth: c.N, Kind: kind})
				return func() bool {
					met := len(f.cloud.Calls()) >= c.N
					if met {
						runs++
					}
					return met
				}
			}, kind)
		})
	}
	return runs
}

// One call never deploys twice, nor registers twice, and leaves no revision
// behind but where it may not take it back or has died.
func TestForceDeployLatestAtEveryCall(t *testing.T) {
	t.Parallel()
	refused, died := 0, 0
	runs := sweep(t, func(t *testing.T, f *fixture, inject func() func() bool, kind simtype.FaultKind) {
		f.serve(f.bare(f.push("app", "1", rescuetest.Runs())), 1)
		f.push("app", "2", rescuetest.Runs())
		met := inject()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		d, err := ecsx.ForceDeployLatest(ctx, f.ecs, f.web, known(map[string]string{f.ref("app", "1"): f.ref("app", "2")}))
		if !met() {
			return
		}
		require.LessOrEqual(t, f.done("ecs:UpdateService"), 1)
		require.LessOrEqual(t, f.done("ecs:RegisterTaskDefinition"), 1)
		switch {
		case err == nil:
			require.Equal(t, 1, f.done("ecs:UpdateService"))
			require.NotEmpty(t, d.ID)
			return
		case crash(kind):
			died++
			calls := f.cloud.Calls()
			f.cloud.Restart()
			// Another call is another deployment; of the same revision.
			again, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, known(map[string]string{f.ref("app", "1"): f.ref("app", "2")}))
			require.NoError(t, err)
			registered := 0
			for _, c := range f.cloud.Calls()[len(calls):] {
				if c.Done && c.Action == "ecs:UpdateService" {
					registered++
				}
			}
			require.Equal(t, 1, registered)
			require.NotEmpty(t, again.ID)
		default:
			refused++
			require.Equal(t, simtype.Deny, kind, "%v", err)
		}
		out, err := f.ecs.ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{FamilyPrefix: aws.String("app")})
		require.NoError(t, err)
		require.LessOrEqual(t, len(out.TaskDefinitionArns), 2)
		if !crash(kind) {
			require.Len(t, out.TaskDefinitionArns, 1, "nothing unused is left")
		}
	})
	t.Logf("ForceDeployLatest: %d faults, %d refused, %d died: never a second deployment or revision", runs, refused, died)
}

// The outcome is right whatever fails on the way, but for the service itself, and
// after a crash when it is asked for again.
func TestWaitRolloutAtEveryCall(t *testing.T) {
	t.Parallel()
	for want, program := range map[ecsx.Outcome]simtype.Program{"rolled back": rescuetest.Exits(1, 5*time.Second, "FATAL: no"), "succeeded": rescuetest.RunsAfter(2 * time.Minute)} {
		denied, died := 0, 0
		runs := sweep(t, func(t *testing.T, f *fixture, inject func() func() bool, kind simtype.FaultKind) {
			f.serve(f.bare(f.push("app", "1", rescuetest.Runs())), 1)
			d := f.deploy(f.bare(f.push("app", "2", program)))
			met := inject()
			wait := func() (ecsx.Outcome, error) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				_, err := d.WaitRollout(ctx, f.ecs, func(o *ecsx.RolloutOptions) { o.Logs = f.logs })
				if e, ok := errors.AsType[*ecsx.RolloutError](err); ok {
					return e.Last.Outcome, e.Err
				}
				return ecsx.Outcome("succeeded"), err
			}
			got, err := wait()
			if !met() {
				return
			}
			if err != nil {
				if crash(kind) {
					died++
				} else {
					denied++
					require.Equal(t, simtype.Deny, kind, "%v", err)
				}
				f.cloud.Restart()
				got, err = wait()
				require.NoError(t, err)
			}
			require.Equal(t, want, got)
			for _, c := range f.cloud.Calls() {
				require.False(t, c.Mutates(), c.Action)
			}
		})
		t.Logf("WaitRollout, %s: %d faults, %d of them denied the service, %d died: always told right", want, runs, denied, died)
	}
}

// Every task is handed over once as whole, with its lines, by this call or by the
// next with the cursor.
func TestStoppedTasksAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, every := range []bool{true, false} {
		partial, gaps, twice, tasks := 0, 0, 0, 0
		runs := sweep(t, func(t *testing.T, f *fixture, inject func() func() bool, kind simtype.FaultKind) {
			f.run(f.bare(f.push("app", "1", rescuetest.Exits(3, time.Second, "a", "b"))), 120)
			time.Sleep(5 * time.Minute)
			met := inject()
			whole, lines := map[string]int{}, map[string]int{}
			cursor := &ecsx.Cursor{}
			read := func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				_ = ecsx.WaitStoppedTaskLogs(ctx, f.ecs, f.logs, ecsx.Query{Cluster: "prod"}, func(x ecsx.StoppedTask) error {
					tasks++
					if x.Problem != "" || x.Containers[0].Log.Problem != "" {
						partial++
						return nil
					}
					whole[x.ARN]++
					lines[x.ARN] = len(x.Containers[0].Log.Lines)
					if x.Like != "" {
						lines[x.ARN] = 2
					}
					return nil
				}, func(o *ecsx.StoppedOptions) { o.Cursor, o.EveryLog, o.AtLeast = cursor, every, -1 })
				b, err := json.Marshal(cursor)
				require.NoError(t, err)
				cursor = &ecsx.Cursor{}
				require.NoError(t, json.Unmarshal(b, cursor))
			}
			read()
			if !met() {
				return
			}
			f.cloud.Restart()
			read()
			for _, n := range whole {
				twice += n - 1
			}
			missing := 120 - len(whole)
			for _, n := range lines {
				if n != 2 {
					missing++
				}
			}
			if kind != simtype.Deny { // what was denied is not asked for again
				gaps += missing
			}
		})
		t.Logf("StoppedTasks, every log %v: %d faults, %d records, %d of them first without everything and so again, %d whole ones twice, %d gaps", every, runs, tasks, partial, twice, gaps)
		require.Zero(t, gaps)
		require.Zero(t, twice)
	}
}

// A token starts one task, whichever answers are lost and whoever dies.
func TestRunTaskAtEveryCall(t *testing.T) {
	t.Parallel()
	again := 0
	runs := sweep(t, func(t *testing.T, f *fixture, inject func() func() bool, kind simtype.FaultKind) {
		td := f.bare(f.push("app", "1", rescuetest.Exits(0, 10*time.Second, "done")))
		met := inject()
		run := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
			defer cancel()
			_, err := ecsx.TaskSpec{Cluster: "prod", TaskDefinition: td, Token: "once"}.RunTask(ctx, f.ecs, f.logs)
			return err
		}
		err := run()
		if !met() {
			require.NoError(t, err)
			return
		}
		if err != nil {
			again++
			require.True(t, crash(kind) || kind == simtype.Deny, "%v", err)
			f.cloud.Restart()
			require.NoError(t, run())
		}
		f.cloud.Restart()
		for _, status := range []types.DesiredStatus{types.DesiredStatusRunning, types.DesiredStatusStopped} {
			out, err := f.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), DesiredStatus: status})
			require.NoError(t, err)
			require.Len(t, out.TaskArns, map[types.DesiredStatus]int{types.DesiredStatusStopped: 1}[status])
		}
	})
	t.Logf("RunTask: %d faults, %d called again: one task each", runs, again)
}

// A rollback is asked for once.
func TestRollBackAtEveryCall(t *testing.T) {
	t.Parallel()
	again := 0
	runs := sweep(t, func(t *testing.T, f *fixture, inject func() func() bool, kind simtype.FaultKind) {
		f.serve(f.bare(f.push("app", "1", rescuetest.Runs())), 1)
		d := f.deploy(f.register("app", f.push("app", "2", rescuetest.NeverHealthy("loading"))))
		time.Sleep(10 * time.Second)
		met := inject()
		back := func() error {
			return d.RollBack(t.Context(), f.ecs, func(_ context.Context, ref string) (string, error) { return ref, nil })
		}
		err := back()
		if !met() {
			require.NoError(t, err)
			return
		}
		if err != nil {
			again++
			require.True(t, crash(kind) || kind == simtype.Deny, "%v", err)
			f.cloud.Restart()
			require.NoError(t, back())
		}
		f.cloud.Restart()
		require.Equal(t, 1, f.done("ecs:StopServiceDeployment"))
		require.Equal(t, ecsx.Outcome("rolled back"), f.ended(d).Outcome)
	})
	t.Logf("RollBack: %d faults, %d called again: one stop each", runs, again)
}

// An equal spec is one task, whichever answers are lost and whoever dies.
func TestAdoptTaskAtEveryCall(t *testing.T) {
	t.Parallel()
	again := 0
	runs := sweep(t, func(t *testing.T, f *fixture, inject func() func() bool, kind simtype.FaultKind) {
		td := f.bare(f.push("app", "1", rescuetest.Runs("working")))
		met := inject()
		adopt := func() (string, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
			defer cancel()
			return ecsx.TaskSpec{Cluster: "prod", TaskDefinition: td, Token: "migrate to 7"}.AdoptTask(ctx, f.ecs)
		}
		arn, err := adopt()
		if !met() {
			require.NoError(t, err)
			return
		}
		if err != nil {
			again++
			require.True(t, crash(kind) || kind == simtype.Deny, "%v", err)
			f.cloud.Restart()
			arn, err = adopt()
			require.NoError(t, err)
		}
		f.cloud.Restart()
		out, err := f.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod")})
		require.NoError(t, err)
		require.Equal(t, []string{arn}, out.TaskArns)
	})
	t.Logf("AdoptTask: %d faults, %d called again: one task each", runs, again)
}

// A hook gets one answer, and the caller learns that it has.
func TestContinueAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, rollBack := range []bool{false, true} {
		again := 0
		runs := sweep(t, func(t *testing.T, f *fixture, inject func() func() bool, kind simtype.FaultKind) {
			f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
			td := f.register("app", f.push("app", "2", rescuetest.Runs()))
			d := f.pausing(td)
			hook := f.ended(d).Hook
			require.NotNil(t, hook)
			met := inject()
			answer := func() error {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				return d.Continue(ctx, f.ecs, hook.ID, rollBack)
			}
			err := answer()
			if !met() {
				require.NoError(t, err)
				return
			}
			if err != nil {
				again++
				require.True(t, crash(kind) || kind == simtype.Deny, "%v", err)
				f.cloud.Restart()
				require.NoError(t, answer())
			}
			f.cloud.Restart()
			require.Equal(t, 1, f.done("ecs:ContinueServiceDeployment"))
			require.ErrorIs(t, d.Continue(t.Context(), f.ecs, hook.ID, !rollBack), ecsx.ErrChanged)
			want := ecsx.Outcome("succeeded")
			if rollBack {
				want = "rolled back"
			}
			require.Equal(t, want, f.ended(d).Outcome)
		})
		t.Logf("Continue, back %v: %d faults, %d called again: one answer each", rollBack, runs, again)
	}
}

// What cannot be read is a finding that says so; what can be read is found all the
// same, nothing is changed, and a second call after a crash finds everything.
func TestPreflightAtEveryCall(t *testing.T) {
	t.Parallel()
	whole, unknown := 0, 0
	runs := sweep(t, func(t *testing.T, f *fixture, inject func() func() bool, kind simtype.FaultKind) {
		f.serve(f.bare(f.push("app", "1", rescuetest.Runs())), 1)
		in := &ecs.RegisterTaskDefinitionInput{Family: aws.String("app"), ContainerDefinitions: []types.ContainerDefinition{f.container("app", f.ref("app", "2"))}}
		look := func() (missing, unread bool, err error) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			found, err := f.web.Preflight(ctx, f.ecs, in, func(o *ecsx.PreflightOptions) {
				o.Image = func(_ context.Context, ref, _ string) error {
					if ref == f.ref("app", "2") {
						return ecsx.ErrImageNotFound
					}
					return nil
				}
				o.LogGroup = func(context.Context, string, string) error { return nil }
			})
			for _, x := range found {
				missing = missing || !x.Unknown && !x.Rollback && strings.Contains(x.Subject, f.ref("app", "2"))
				unread = unread || x.Unknown
			}
			return missing, unread, err
		}
		met := inject()
		missing, unread, err := look()
		if !met() {
			require.NoError(t, err)
			require.True(t, missing)
			require.False(t, unread)
			return
		}
		switch {
		case err != nil:
			require.True(t, crash(kind) || kind == simtype.Deny, "%v", err)
		case unread:
			unknown++
		default:
			whole++
		}
		require.True(t, missing, "the image is not there whatever else could not be read")
		f.cloud.Restart()
		missing, unread, err = look()
		require.NoError(t, err)
		require.True(t, missing && !unread)
		for _, c := range f.cloud.Calls() {
			require.False(t, c.Mutates(), c.Action)
		}
	})
	t.Logf("Preflight: %d faults, %d whole answers, %d that say what is unknown", runs, whole, unknown)
}

// pausing starts a blue/green deployment that waits at a hook.
func (f *fixture) pausing(td string) ecsx.Deployment {
	out, err := f.ecs.UpdateService(f.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &td, DeploymentConfiguration: &types.DeploymentConfiguration{
		Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(5),
		LifecycleHooks: []types.DeploymentLifecycleHook{{TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostScaleUp}}},
	}})
	require.NoError(f.t, err)
	return ecsx.Deployment{Service: f.web, ID: *out.Service.Deployments[0].Id, TaskDefinition: td, Record: aws.ToString(out.Service.CurrentServiceDeployment)}
}
