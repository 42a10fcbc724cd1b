package ecsx_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// definition registers containers of one family, by image.
func (f *fixture) definition(family, group string, images ...string) string {
	var cs []types.ContainerDefinition
	for i, image := range images {
		c := f.container(fmt.Sprint("c", i), image)
		c.HealthCheck = nil
		c.LogConfiguration.Options["awslogs-group"] = group
		cs = append(cs, c)
	}
	out, err := f.ecs.RegisterTaskDefinition(f.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &family, ContainerDefinitions: cs})
	require.NoError(f.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

// What CloudWatch Logs does not have costs a few calls and no waiting, however
// many tasks there are.
func TestWhatIsMissingIsAskedForOnce(t *testing.T) {
	t.Parallel()
	for _, every := range []bool{false, true} {
		for name, test := range map[string]struct {
			tasks, most int
			delete      bool
		}{
			"one of three containers never logs": {100, 6, false}, // twice ⌈300/100⌉
			"of 1,000 tasks":                     {1000, 60, false},
			"the log group is gone":              {200, 1, true},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFixture(t)
					loud, mute := f.push("app", "1", rescuetest.Exits(3, time.Second, "boom")), f.push("proxy", "mute", rescuetest.Exits(0, time.Second))
					f.run(f.definition("x", "/app", loud, loud, mute), test.tasks)
					time.Sleep(50 * time.Minute)
					if test.delete {
						_, err := f.logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/app")})
						require.NoError(t, err)
					}
					f.cloud.ForgetCalls()
					start := time.Now()
					ts, err := f.collect(ecsx.Query{Cluster: "prod"}, func(o *ecsx.StoppedOptions) { o.EveryLog = every })
					require.NoError(t, err)
					require.Len(t, ts, test.tasks)
					t.Logf("every log %v: %d FilterLogEvents in %s", every, f.counts("logs:FilterLogEvents"), time.Since(start))
					require.LessOrEqual(t, f.counts("logs:FilterLogEvents"), test.most)
					require.LessOrEqual(t, time.Since(start), 5*time.Second, "it stopped long ago")
					for _, x := range ts {
						for _, c := range x.Containers {
							if x.Like == "" && (test.delete || c.Name == "c2") {
								require.Equal(t, ecsx.LogState("stream-missing"), c.Log.State)
								require.NotEmpty(t, c.Log.Problem)
							}
						}
					}
				})
			})
		}
	}
}

// One hot log group does not make the quiet ones dear.
func TestASkewedCluster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		image := f.push("app", "1", rescuetest.Exits(3, time.Second, "boom"))
		var tds []string
		for i := range 50 {
			group := fmt.Sprint("/svc/", i)
			_, err := f.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
			require.NoError(t, err)
			tds = append(tds, f.definition(fmt.Sprint("svc", i), group, image))
			time.Sleep(time.Second) // definitions are registered at one a second
		}
		for round := range 100 {
			f.run(tds[0], 20)
			f.run(tds[1+round%49], 10)
		}
		time.Sleep(5 * time.Minute)
		f.cloud.ForgetCalls()
		ts, err := f.collect(ecsx.Query{Cluster: "prod"}, func(o *ecsx.StoppedOptions) { o.EveryLog = true })
		require.NoError(t, err)
		require.Len(t, ts, 3000)
		t.Logf("3,000 tasks in 50 groups, two thirds in one: %d FilterLogEvents", f.counts("logs:FilterLogEvents"))
		require.LessOrEqual(t, f.counts("logs:FilterLogEvents"), 75)
	})
}

// slowOne is a cluster in which one task takes two minutes to stop.
type slowOne struct {
	*ecs.Client
	arn   string
	until time.Time
	lists int
}

func (s *slowOne) ListTasks(ctx context.Context, in *ecs.ListTasksInput, optFns ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	s.lists++
	return s.Client.ListTasks(ctx, in, optFns...)
}

func (s *slowOne) DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput, optFns ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	out, err := s.Client.DescribeTasks(ctx, in, optFns...)
	if err != nil {
		return out, err
	}
	for i := range out.Tasks {
		if aws.ToString(out.Tasks[i].TaskArn) == s.arn && time.Now().Before(s.until) {
			out.Tasks[i].LastStatus, out.Tasks[i].StoppedAt = aws.String("DEPROVISIONING"), nil
		}
	}
	return out, err
}

// It is described again and not the cluster listed, and the others come at once.
func TestOneSlowStopperDoesNotRelist(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		arns := f.run(f.bare(f.push("app", "1", rescuetest.Exits(3, time.Second, "boom"))), 500)
		time.Sleep(5 * time.Minute)
		start := time.Now()
		api := &slowOne{f.ecs, arns[42], start.Add(2 * time.Minute), 0}
		early := 0
		require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), api, f.logs, ecsx.Query{Cluster: "prod"}, func(x ecsx.StoppedTask) error {
			if time.Since(start) < time.Minute {
				early++
			} else {
				require.Equal(t, arns[42], x.ARN)
				require.False(t, x.Stopping)
			}
			return nil
		}))
		require.Equal(t, 499, early)
		require.Equal(t, 5, api.lists)
	})
}

// Of a container that has written for a day only the end is read, and of one that
// was merely replaced nothing.
func TestOnlyTheEndOfALongLogIsRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		tick := func(c *simtype.Container) {
			c.SetHealthy(true)
			var again func()
			again = func() { c.Print("INFO GET / 200"); c.After(2*time.Second, again) }
			again()
			c.After(24*time.Hour, func() { c.Print("FATAL: disk is full"); c.Exit(3) })
		}
		arn := f.run(f.bare(f.push("app", "1", tick)), 1)
		time.Sleep(24*time.Hour + 10*time.Minute)
		for _, tail := range []int{0, 200} {
			f.cloud.ForgetCalls()
			ts, err := f.collect(ecsx.Query{Cluster: "prod", Tasks: arn}, func(o *ecsx.StoppedOptions) { o.TailLines = tail })
			require.NoError(t, err)
			require.Equal(t, 1, f.counts("logs:FilterLogEvents"))
			require.Equal(t, "FATAL: disk is full", ts[0].Cause.Excerpt)
			if tail > 0 {
				require.Len(t, ts[0].Containers[0].Log.Lines, tail)
			} else {
				require.Less(t, len(ts[0].Containers[0].Log.Lines), 600)
			}
		}
	})
}
