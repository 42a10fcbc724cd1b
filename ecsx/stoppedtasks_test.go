package ecsx_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func TestWaitStoppedTaskLogsTellsTheApplicationsError(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]time.Duration{"at once": 0, "late logs": 32 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, func(o *rescuetest.Options) { o.Switches.LogDelay = delay })
				f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 2)
				id := f.update(f.register("app", f.push("app", "2", rescuetest.Exits(1, 5*time.Second, "starting", "ERROR: column users.plan does not exist"))))
				f.cloud.ForgetCalls()
				var tasks []ecsx.StoppedTask
				err := ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod", Deployment: id}, func(s ecsx.StoppedTask) error {
					tasks = append(tasks, s)
					return nil
				})
				require.NoError(t, err)
				require.NotEmpty(t, tasks)
				s := tasks[0]
				require.Equal(t, "service:web", s.Group)
				require.Equal(t, id, s.StartedBy)
				require.Equal(t, ecsx.Class("application"), s.Cause.Class)
				require.Equal(t, "app", s.Cause.Container)
				require.Equal(t, 1, *s.Cause.ExitCode)
				require.Equal(t, "container app exited with 1: ERROR: column users.plan does not exist", s.Cause.Summary)
				require.Equal(t, ecsx.LogState("complete"), s.Containers[0].Log.State)
				require.Len(t, s.Containers[0].Log.Lines, 2)
				require.Equal(t, 143, *s.Containers[1].ExitCode, "the sidecar is a victim")
				require.Equal(t, s.StoppedAt.Add(time.Hour), s.ExpiresAt())
				if delay == 0 {
					require.LessOrEqual(t, f.counts("logs:FilterLogEvents"), 2, "one for what had stopped, one for what was stopping")
				}
				require.Equal(t, 1, f.counts("ecs:DescribeTaskDefinition"))
			})
		})
	}
}

func TestStoppedTasksOfAnImageThatIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
		f.update(f.register("app", f.ref("app", "gone")))
		var got []ecsx.StoppedTask
		for s, err := range ecsx.StoppedTasks(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod", Service: "web"}, func(o *ecsx.StoppedOptions) { o.AtLeast = 2 }) {
			require.NoError(t, err)
			got = append(got, s)
		}
		require.Equal(t, ecsx.Class("replaced"), got[0].Cause.Class)
		require.False(t, got[0].Failed())
		c, ok := ecsx.RootCause(got)
		require.True(t, ok)
		require.Equal(t, ecsx.Class("image-missing"), c.Class)
		require.Equal(t, f.ref("app", "gone"), c.Reference)
		require.Equal(t, ecsx.LogState("never-started"), got[1].Containers[0].Log.State)
	})
}

func TestCursorResumesWithoutRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 3)
		f.update(f.register("app", f.push("app", "2", rescuetest.Exits(3, 5*time.Second, "boom"))))
		time.Sleep(3 * time.Minute)
		cursor := &ecsx.Cursor{}
		stop := errors.New("crash")
		seen := map[string]int{}
		capture := func(limit int) error {
			n := 0
			return ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod"}, func(s ecsx.StoppedTask) error {
				if n++; limit > 0 && n > limit {
					return stop
				}
				seen[s.ARN]++
				return nil
			}, func(o *ecsx.StoppedOptions) { o.Cursor, o.AtLeast = cursor, -1 })
		}
		require.ErrorIs(t, capture(2), stop)
		b, err := json.Marshal(cursor)
		require.NoError(t, err)
		cursor = &ecsx.Cursor{}
		require.NoError(t, json.Unmarshal(b, cursor))
		require.NoError(t, capture(0))
		require.NoError(t, capture(0))
		require.GreaterOrEqual(t, len(seen), 6)
		for arn, n := range seen {
			require.Equal(t, 1, n, arn)
		}
	})
}

func TestCrashLoopReadsFirstAndLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		td := f.register("app", f.push("app", "1", rescuetest.Exits(3, time.Second, "boom")))
		for range 12 {
			_, err := f.ecs.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td, Count: aws.Int32(10)})
			require.NoError(t, err)
		}
		time.Sleep(5 * time.Minute)
		f.cloud.ForgetCalls()
		n, read := 0, 0
		require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod"}, func(s ecsx.StoppedTask) error {
			n++
			if s.Like == "" {
				read++
				require.NotEmpty(t, s.Containers[0].Log.Lines)
			}
			require.Equal(t, ecsx.Class("application"), s.Cause.Class)
			return nil
		}))
		require.Equal(t, 120, n)
		require.Equal(t, 2, read)
		require.Equal(t, "   1 ecs:DescribeTaskDefinition\n   2 ecs:DescribeTasks\n   2 ecs:ListTasks\n   1 logs:FilterLogEvents\n", rescuetest.CallCounts(f.cloud.Calls()))
	})
}

// The lower bound of calls for a complete capture: N tasks, two streams each.
func TestCompleteCaptureTakesTheFewestCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		td := f.register("app", f.push("app", "1", rescuetest.Exits(3, time.Second, "boom")))
		for range 10 {
			_, err := f.ecs.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td, Count: aws.Int32(10)})
			require.NoError(t, err)
		}
		time.Sleep(5 * time.Minute)
		f.cloud.ForgetCalls()
		require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod"}, func(s ecsx.StoppedTask) error {
			require.Equal(t, ecsx.LogState("complete"), s.Containers[0].Log.State)
			require.Equal(t, ecsx.LogState("complete"), s.Containers[1].Log.State)
			return nil
		}, func(o *ecsx.StoppedOptions) { o.EveryLog = true }))
		require.Equal(t, "   1 ecs:DescribeTaskDefinition\n   1 ecs:DescribeTasks\n   1 ecs:ListTasks\n   2 logs:FilterLogEvents\n", rescuetest.CallCounts(f.cloud.Calls()))
	})
}

func TestDeniedLogsDoNotHideReasons(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		td := f.register("app", f.push("app", "1", rescuetest.Exits(3, time.Second, "boom")))
		_, err := f.ecs.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td})
		require.NoError(t, err)
		f.cloud.Inject(simtype.Fault{Action: "logs:*", Kind: simtype.Deny})
		require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod"}, func(s ecsx.StoppedTask) error {
			require.Equal(t, "container app exited with 3", s.Cause.Summary)
			require.Equal(t, ecsx.LogState("partial"), s.Containers[0].Log.State)
			require.Contains(t, s.Containers[0].Log.Problem, "AccessDenied")
			return nil
		}))
	})
}

func TestWaitEndsWithContextAndSaysWhat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := ecsx.WaitStoppedTaskLogs(ctx, f.ecs, f.logs, ecsx.Query{Cluster: "prod", Service: "web"}, func(ecsx.StoppedTask) error { return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "service prod/web")
	})
}

func TestThrottlingIsRiddenOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		td := f.register("app", f.push("app", "1", rescuetest.Exits(3, time.Second, "boom")))
		_, err := f.ecs.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td})
		require.NoError(t, err)
		for n := range 20 {
			f.cloud.Inject(simtype.Fault{Action: "ecs:ListTasks", Nth: n + 1, Kind: simtype.Throttle}, simtype.Fault{Action: "logs:FilterLogEvents", Nth: n%7 + 1, Kind: simtype.ServerError})
		}
		n := 0
		require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod"}, func(s ecsx.StoppedTask) error {
			n++
			require.Equal(t, ecsx.LogState("complete"), s.Containers[0].Log.State)
			return nil
		}))
		require.Equal(t, 1, n)
	})
}
