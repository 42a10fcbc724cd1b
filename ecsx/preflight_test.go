package ecsx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func TestPreflight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
		in := &ecs.RegisterTaskDefinitionInput{
			Family: aws.String("app"), ExecutionRoleArn: aws.String("arn:aws:iam::1:role/exec"), RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
			RuntimePlatform: &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureArm64},
			ContainerDefinitions: []types.ContainerDefinition{
				{Name: aws.String("web"), Image: aws.String("web:2"), Secrets: []types.Secret{{Name: aws.String("DB"), ValueFrom: aws.String("arn:secret")}},
					LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/gone", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "x"}}},
				{Name: aws.String("proxy"), Image: aws.String("web:2"), LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/app", "awslogs-region": "us-east-1"}}},
			},
		}
		var mu sync.Mutex
		asked := map[string]int{}
		note := func(s string) { mu.Lock(); asked[s]++; mu.Unlock() }
		know := func(o *ecsx.PreflightOptions) {
			o.Image = func(_ context.Context, ref, platform string) error {
				note(ref + " " + platform)
				if strings.HasPrefix(ref, "web") {
					return fmt.Errorf("%s: %w", platform, ecsx.ErrImageNotFound)
				}
				require.Contains(t, ref, "@sha256:", "the rollback pulls a digest")
				return nil
			}
			o.Secret = func(_ context.Context, from, role string) error { note(from + " " + role); return errors.New("denied") }
			o.LogGroup = func(_ context.Context, _, group string) error {
				if group == "/gone" {
					return ecsx.ErrNotFound
				}
				return nil
			}
			o.Role = func(context.Context, string) error { return nil }
		}
		fs, err := f.web.Preflight(t.Context(), f.ecs, in, know)
		require.NoError(t, err)
		var text []string
		for _, x := range fs {
			text = append(text, x.String())
			require.Equal(t, strings.Contains(x.Problem, "denied"), x.Unknown)
			require.False(t, x.Rollback)
		}
		require.Equal(t, []string{
			"container web: image web:2: linux/arm64: image not found: restore the image or deploy one that exists",
			"container proxy: image web:2: linux/arm64: image not found: restore the image or deploy one that exists",
			"container web: log group /gone: not found: create the log group",
			"container web: secret DB: denied",
			"container proxy: log group /app: awslogs-stream-prefix is not set: set it: Fargate needs it",
		}, text)
		require.Equal(t, 1, asked["web:2 linux/arm64"])
		require.Equal(t, 1, asked["arn:secret arn:aws:iam::1:role/exec"])

		// Nobody knows anything: all of it is unknown, for the rollback too.
		fs, err = f.web.Preflight(t.Context(), f.ecs, nil)
		require.NoError(t, err)
		require.NotEmpty(t, fs)
		for _, x := range fs {
			require.True(t, x.Unknown && x.Rollback, x)
		}
		fs, err = ecsx.Service{Cluster: "prod", Name: "other"}.Preflight(t.Context(), f.ecs, nil)
		require.NoError(t, err)
		require.Empty(t, fs)
		f.cloud.Inject(simtype.Fault{Action: "ecs:DescribeServiceRevisions", Kind: simtype.Deny})
		fs, err = f.web.Preflight(t.Context(), f.ecs, nil, know)
		require.NoError(t, err)
		require.Len(t, fs, 1)
		require.True(t, fs[0].Unknown)
	})
}

// Containers wait for the migration, but for those that it waits for itself.
func TestDependsOnMigration(t *testing.T) {
	t.Parallel()
	def := func(name string, on ...string) types.ContainerDefinition {
		c := types.ContainerDefinition{Name: &name}
		for _, d := range on {
			c.DependsOn = append(c.DependsOn, types.ContainerDependency{ContainerName: &d, Condition: types.ContainerConditionStart})
		}
		return c
	}
	in := &ecs.RegisterTaskDefinitionInput{ContainerDefinitions: []types.ContainerDefinition{def("web", "migrate"), def("worker"), def("proxy", "router"), def("router")}}
	require.NoError(t, ecsx.DependsOnMigration(def("migrate", "proxy"))(in))
	require.NoError(t, ecsx.DependsOnMigration(def("migrate", "proxy"))(in), "again is the same")
	got := map[string]string{}
	for _, c := range in.ContainerDefinitions {
		for _, d := range c.DependsOn {
			got[*c.Name] += *d.ContainerName + " " + string(d.Condition) + ";"
		}
		if *c.Name == "migrate" {
			require.False(t, *c.Essential)
		}
	}
	require.Equal(t, map[string]string{"web": "migrate SUCCESS;", "worker": "migrate SUCCESS;", "proxy": "router START;", "migrate": "proxy START;"}, got)
	require.Len(t, in.ContainerDefinitions, 5)
	require.ErrorContains(t, ecsx.DependsOnMigration(def("migrate", "nobody"))(in), "does not have")
	require.Error(t, ecsx.DependsOnMigration(types.ContainerDefinition{})(in))
	require.Error(t, ecsx.DependsOnMigration(def("only"))(&ecs.RegisterTaskDefinitionInput{}))
}

// Several tasks at once, and none left running when the caller ends.
func TestRunTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		good, bad, long := f.bare(f.push("app", "1", rescuetest.Exits(0, 5e9, "done"))), f.bare(f.push("app", "2", rescuetest.Exits(3, 5e9, "FATAL: no"))), f.bare(f.push("app", "3", rescuetest.Runs()))
		tasks, err := ecsx.TaskSpec{Cluster: "prod", TaskDefinition: good, Token: "once"}.RunTasks(t.Context(), f.ecs, f.logs, 3)
		require.NoError(t, err)
		require.Len(t, tasks, 3)
		_, err = ecsx.TaskSpec{Cluster: "prod", TaskDefinition: good, Token: "once"}.RunTasks(t.Context(), f.ecs, f.logs, 3)
		require.NoError(t, err)
		tasks, err = ecsx.TaskSpec{Cluster: "prod", TaskDefinition: bad}.RunTasks(t.Context(), f.ecs, f.logs, 2)
		require.Len(t, tasks, 2)
		var e *ecsx.TaskError
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, "FATAL: no")
		_, err = ecsx.TaskSpec{Cluster: "prod", TaskDefinition: good}.RunTasks(t.Context(), f.ecs, f.logs, 11)
		require.ErrorContains(t, err, "from 1 to 10")
		require.Equal(t, 3, f.counts("ecs:RunTask"))

		for _, stop := range []bool{false, true} {
			ctx, cancel := context.WithTimeout(t.Context(), 2*60e9)
			_, err = ecsx.TaskSpec{Cluster: "prod", TaskDefinition: long}.RunTasks(ctx, f.ecs, f.logs, 2, func(o *ecsx.StoppedOptions) {
				if stop {
					o.Stopper = f.ecs
				}
			})
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, map[bool]int{false: 0, true: 2}[stop], f.counts("ecs:StopTask"))
		}
		require.Len(t, f.running(), 2)
	})
}
