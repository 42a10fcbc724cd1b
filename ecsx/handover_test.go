package ecsx_test

import (
	"context"
	"encoding/json"
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

// stopped runs n tasks that exit, and lets time pass.
func (f *fixture) stopped(n int, after time.Duration) {
	td := f.register("app", f.push("app", "1", rescuetest.Exits(3, time.Second, "FATAL: the reason")))
	for range n {
		_, err := f.ecs.RunTask(f.t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td})
		require.NoError(f.t, err)
	}
	time.Sleep(after)
}

// What is known is handed over whatever ends the call: a deadline while logs
// settle, a denied page, an error of the reader; each record says what is
// missing, in JSON too, and the cursor brings it later.
func TestWhatIsKnownIsHandedOver(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tasks  int
		after  time.Duration
		ctx    time.Duration
		fault  *simtype.Fault
		least  int
		wantIs error
	}{
		"a deadline while logs settle":    {5, 40 * time.Second, 3 * time.Second, nil, 5, context.DeadlineExceeded},
		"the second page is denied":       {250, 5 * time.Minute, time.Hour, &simtype.Fault{Action: "ecs:DescribeTasks", Nth: 2, Kind: simtype.Deny}, 100, nil},
		"the second list is denied":       {250, 5 * time.Minute, time.Hour, &simtype.Fault{Action: "ecs:ListTasks", Nth: 2, Kind: simtype.Deny}, 100, nil},
		"logs may not be read":            {5, 5 * time.Minute, time.Hour, &simtype.Fault{Action: "logs:FilterLogEvents", Kind: simtype.Deny}, 5, nil},
		"the definition may not be read":  {5, 5 * time.Minute, time.Hour, &simtype.Fault{Action: "ecs:DescribeTaskDefinition", Kind: simtype.Deny}, 5, nil},
		"the definition is throttled":     {5, 5 * time.Minute, time.Hour, &simtype.Fault{Action: "ecs:DescribeTaskDefinition", Nth: 1, Kind: simtype.Throttle}, 5, nil},
		"the program dies while it reads": {5, 5 * time.Minute, time.Hour, &simtype.Fault{Action: "logs:FilterLogEvents", Nth: 1, Kind: simtype.CrashBefore}, 5, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.stopped(test.tasks, test.after)
				if test.fault != nil {
					f.cloud.Inject(*test.fault)
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.ctx)
				defer cancel()
				var cursor ecsx.Cursor
				take := func(ctx context.Context) (got []ecsx.StoppedTask, err error) {
					err = ecsx.WaitStoppedTaskLogs(ctx, f.ecs, f.logs, ecsx.Query{Cluster: "prod"}, func(s ecsx.StoppedTask) error {
						got = append(got, s)
						return nil
					}, func(o *ecsx.StoppedOptions) { o.Cursor, o.AtLeast, o.EveryLog = &cursor, -1, true })
					return got, err
				}
				got, err := take(ctx)
				if test.wantIs != nil {
					require.ErrorIs(t, err, test.wantIs)
				}
				require.GreaterOrEqual(t, len(got), test.least)
				for _, s := range got {
					l := s.Containers[0].Log
					if s.Problem == "" && l.State != "complete" {
						require.NotEmpty(t, l.Problem)
						data, err := json.Marshal(s)
						require.NoError(t, err)
						require.Contains(t, string(data), `"problem":`)
					}
				}
				// Later, with nothing in the way: what was lacking comes, once.
				f.cloud.ClearFaults()
				f.cloud.Restart()
				time.Sleep(time.Minute)
				lines := map[string]bool{}
				for _, s := range got {
					lines[s.ARN] = len(s.Containers[0].Log.Lines) > 0
				}
				again, err := take(t.Context())
				require.NoError(t, err)
				for _, s := range again {
					require.False(t, lines[s.ARN], "handed over whole twice")
					lines[s.ARN] = len(s.Containers[0].Log.Lines) > 0
				}
				denied := name == "logs may not be read" || name == "the definition may not be read"
				for arn, ok := range lines {
					require.Equal(t, !denied, ok, arn) // a denial is an answer, and not asked for again
				}
				require.Len(t, lines, test.tasks)
				last, err := take(t.Context())
				require.NoError(t, err)
				require.Empty(t, last)
			})
		})
	}
}

// A task that is slow to stop does not hold up the others, and does not make
// the cluster be listed again; it follows when it has stopped, or is handed over
// as still stopping.
func TestASlowTaskDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		wait     time.Duration // StopWait
		atLeast  int
		stopping bool
		within   time.Duration
	}{
		"it follows":           {0, 1, false, 3 * time.Minute},
		"it is not waited for": {10 * time.Second, 1, true, time.Minute},
		"only what is there":   {0, -1, true, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				td := f.register("slow", f.push("app", "slow", func(c *simtype.Container) {
					c.SetHealthy(true)
					c.OnStop(func() { c.After(110*time.Second, func() { c.Exit(0) }) })
				}))
				out, err := f.ecs.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td})
				require.NoError(t, err)
				f.stopped(20, 2*time.Minute)
				_, err = f.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("prod"), Task: out.Tasks[0].TaskArn})
				require.NoError(t, err)
				time.Sleep(time.Second)
				f.cloud.ForgetCalls()
				start := time.Now()
				var at []time.Duration
				var slow ecsx.StoppedTask
				require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod"}, func(s ecsx.StoppedTask) error {
					if s.ARN == *out.Tasks[0].TaskArn {
						slow = s
					} else {
						at = append(at, time.Since(start))
					}
					return nil
				}, func(o *ecsx.StoppedOptions) { o.AtLeast, o.StopWait = test.atLeast, test.wait }))
				require.Len(t, at, 20)
				require.Less(t, at[19], 15*time.Second, "the others were held up")
				require.Equal(t, *out.Tasks[0].TaskArn, slow.ARN)
				require.Equal(t, test.stopping, slow.Stopping)
				require.LessOrEqual(t, time.Since(start), test.within+15*time.Second)
				require.Equal(t, 1, f.counts("ecs:ListTasks"))
			})
		})
	}
}
