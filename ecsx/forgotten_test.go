package ecsx_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// bare registers a revision with one container and no health check.
func (f *fixture) bare(image string) string {
	c := f.container("app", image)
	c.HealthCheck = nil
	out, err := f.ecs.RegisterTaskDefinition(f.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("app"), ContainerDefinitions: []ecsContainer{c}})
	require.NoError(f.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

// run starts tasks of a revision.
func (f *fixture) run(td string, n int) (arns []string) {
	for n > 0 {
		out, err := f.ecs.RunTask(f.t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td, Count: aws.Int32(int32(min(n, 10)))})
		require.NoError(f.t, err)
		for _, t := range out.Tasks {
			arns = append(arns, *t.TaskArn)
		}
		n -= 10
	}
	return arns
}

func (f *fixture) collect(q ecsx.Query, optFns ...func(*ecsx.StoppedOptions)) (ts []ecsx.StoppedTask, err error) {
	err = ecsx.WaitStoppedTaskLogs(f.t.Context(), f.ecs, f.logs, q, func(t ecsx.StoppedTask) error { ts = append(ts, t); return nil }, optFns...)
	return ts, err
}

// chatty runs and writes a line every minute.
func chatty(c *simtype.Container) {
	c.SetHealthy(true)
	var tick func()
	tick = func() { c.Print("INFO GET / 200"); c.After(time.Minute, tick) }
	tick()
}

// The next morning ECS knows nothing of the tasks that failed; their log streams
// are there, beside those of the tasks that serve.
func TestForgottenTasksAreFoundByTheirLogs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.bare(f.push("app", "1", chatty)), 2)
		since := f.cloud.Now()
		bad := f.bare(f.push("app", "2", rescuetest.Exits(1, 5*time.Second, "starting", "FATAL: no such column users.locale", "bye")))
		f.update(bad)
		time.Sleep(time.Hour)
		until := f.cloud.Now()
		time.Sleep(10 * time.Hour)

		q := ecsx.Query{Cluster: "prod", Service: "web"}
		none, err := f.collect(q, func(o *ecsx.StoppedOptions) { o.AtLeast = -1 })
		require.NoError(t, err)
		require.Empty(t, none)

		q.TaskDefinitions, q.Since, q.Until = []string{bad}, since, until
		start := time.Now()
		var cursor ecsx.Cursor
		ts, err := f.collect(q, func(o *ecsx.StoppedOptions) { o.Cursor = &cursor })
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(ts), 3)
		require.Less(t, time.Since(start), 5*time.Second, "nothing settles that is hours old")
		said := 0
		for _, x := range ts {
			if x.Cause.Class == "unknown" { // replaced ones of the revision that serves
				require.NotContains(t, x.Cause.Excerpt, "FATAL")
				continue
			}
			require.True(t, x.LogOnly && x.Expired)
			require.Len(t, x.ARN, 32)
			require.Equal(t, ecsx.Class("application"), x.Cause.Class)
			require.Equal(t, "FATAL: no such column users.locale", x.Cause.Excerpt)
			require.NotEmpty(t, x.Cause.Next)
			require.Empty(t, x.TaskDefinition)
			if x.Like == "" {
				said++
				require.Equal(t, ecsx.LogState("complete"), x.Containers[0].Log.State)
				require.Len(t, x.Containers[0].Log.Lines, 3)
			}
		}
		require.Equal(t, 2, said, "the first and the last of a crash loop")
		for _, arn := range f.running() {
			for _, x := range ts {
				require.NotContains(t, arn, x.ARN, "a task that serves is not forgotten")
			}
		}
		again, err := f.collect(q, func(o *ecsx.StoppedOptions) { o.Cursor = &cursor })
		require.NoError(t, err)
		require.Empty(t, again)
		b, err := json.Marshal(ts[0])
		require.NoError(t, err)
		require.Contains(t, string(b), `"logOnly":true`)
	})
}

func (f *fixture) running() []string {
	out, err := f.ecs.ListTasks(f.t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod")})
	require.NoError(f.t, err)
	return out.TaskArns
}

// A task that is named is read by its streams' names, however long ago it was.
func TestForgottenTaskByName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		td := f.bare(f.push("app", "1", rescuetest.Exits(3, time.Second, "panic: boom")))
		arn := f.run(td, 1)[0]
		time.Sleep(5 * time.Hour)
		ts, err := f.collect(ecsx.Query{Cluster: "prod", Tasks: []string{arn}, TaskDefinitions: []string{"app"}})
		require.NoError(t, err)
		require.Len(t, ts, 1)
		require.True(t, ts[0].Expired)
		require.False(t, ts[0].LogOnly)
		require.Equal(t, "panic: boom", ts[0].Cause.Excerpt)
		ts, err = f.collect(ecsx.Query{Cluster: "prod", Tasks: []string{arn}})
		require.NoError(t, err)
		require.Len(t, ts, 1)
		require.Equal(t, "ECS has forgotten the task", ts[0].Cause.Summary)
	})
}

// A service, and then its cluster, may be deleted before anybody asks.
func TestForgottenTasksOfWhatIsDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		since := f.cloud.Now()
		td := f.bare(f.push("app", "1", rescuetest.Exits(3, 20*time.Second, "FATAL: DATABASE_URL is not set")))
		f.serve(td, 1)
		_, err := f.ecs.DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), Force: aws.Bool(true)})
		require.NoError(t, err)
		time.Sleep(5 * time.Minute)
		// AWS knows the service no more; its tasks are still listed by cluster.
		gone := deletedService{f.ecs}
		n := 0
		require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), gone, f.logs, ecsx.Query{Cluster: "prod", Service: "web"}, func(x ecsx.StoppedTask) error {
			if x.Failed() {
				n++
				require.Contains(t, x.Cause.Summary, "DATABASE_URL is not set")
			}
			return nil
		}, func(o *ecsx.StoppedOptions) { o.AtLeast = -1 }))
		require.Positive(t, n)
		time.Sleep(3 * time.Hour)
		_, err = f.ecs.DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: aws.String("prod")})
		require.NoError(t, err)
		ts, err := f.collect(ecsx.Query{Cluster: "prod", TaskDefinitions: []string{td}, Since: since})
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(ts), n)
		require.Contains(t, ts[0].Cause.Summary, "DATABASE_URL is not set")
	})
}

// What could not be searched is an error, after everything else.
func TestForgottenTasksThatCannotBeSearched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		since := f.cloud.Now()
		old := f.bare(f.push("app", "1", rescuetest.Exits(3, time.Second, "panic: boom")))
		f.run(old, 1)
		time.Sleep(3 * time.Hour)
		f.run(old, 1)
		time.Sleep(5 * time.Minute)
		_, err := f.collect(ecsx.Query{Cluster: "other", Since: since})
		require.ErrorContains(t, err, "no task definition says where")
		q := ecsx.Query{Cluster: "prod", Since: since}
		ts, err := f.collect(q)
		require.NoError(t, err)
		require.Len(t, ts, 2, "the listed task's definition leads to the forgotten one")

		_, err = f.logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/app")})
		require.NoError(t, err)
		ts, err = f.collect(q)
		require.ErrorContains(t, err, "log group /app")
		require.ErrorContains(t, err, "forgotten tasks")
		require.Len(t, ts, 1)

		// Without a client of logs there is what ECS has, and an error for the rest.
		var known []ecsx.StoppedTask
		f.cloud.ForgetCalls()
		keep := func(x ecsx.StoppedTask) error { known = append(known, x); return nil }
		err = ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, nil, q, keep)
		require.ErrorContains(t, err, "give a client of CloudWatch Logs")
		require.Len(t, known, 1)
		require.Equal(t, ecsx.LogState(""), known[0].Containers[0].Log.State)
		require.Zero(t, f.counts("logs:FilterLogEvents"))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, ecsx.WaitStoppedTaskLogs(ctx, f.ecs, f.logs, q, func(ecsx.StoppedTask) error { return nil }), context.Canceled)
	})
}

// Thousands of forgotten tasks cost pages, not calls of their own.
func TestForgottenCrashLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		since := f.cloud.Now()
		td := f.bare(f.push("app", "1", rescuetest.Exits(3, time.Second, "panic: boom")))
		f.run(td, 1000)
		time.Sleep(5 * time.Hour)
		f.cloud.ForgetCalls()
		ts, err := f.collect(ecsx.Query{Cluster: "prod", TaskDefinitions: []string{td}, Since: since})
		require.NoError(t, err)
		require.Len(t, ts, 1000)
		require.Equal(t, 2, f.counts("logs:FilterLogEvents"))
		require.Equal(t, 10, f.counts("ecs:DescribeTasks"))
		f.cloud.ForgetCalls()
		ts, err = f.collect(ecsx.Query{Cluster: "prod", TaskDefinitions: []string{td}, Since: since}, func(o *ecsx.StoppedOptions) { o.EveryLog = true })
		require.NoError(t, err)
		require.Len(t, ts, 1000)
		require.Equal(t, 1+10, f.counts("logs:FilterLogEvents"))
		for _, x := range ts {
			require.Equal(t, "panic: boom", x.Cause.Excerpt)
		}
	})
}
