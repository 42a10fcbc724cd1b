package ecssim_test

import (
	"context"
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

	"github.com/stackrescue/stackrescue/internal/sim/clock"
	"github.com/stackrescue/stackrescue/internal/sim/door"
	"github.com/stackrescue/stackrescue/internal/sim/ecssim"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// bench is ECS alone with a registry that is a map.
type bench struct {
	t        *testing.T
	world    *world.World
	client   *ecs.Client
	images   map[string]string // reference -> digest
	programs map[string]simtype.Program
	lines    []string
	ecs      *ecssim.Service
}

// check asks the service whether it contradicts itself.
func (b *bench) check() (err error) {
	b.world.Do(func() { err = b.ecs.Check() })
	return err
}

func newBench(t *testing.T, s simtype.Switches) *bench {
	b := &bench{t: t, images: map[string]string{}, programs: map[string]simtype.Program{}}
	b.world = world.New(clock.New(time.Now(), 1), "123456789012", "us-east-1", &s)
	var table op.Table
	b.ecs = ecssim.New(b.world, ecssim.Deps{
		Pull: func(ref string) (string, error) {
			if d, ok := b.images[ref]; ok {
				return d, nil
			}
			if _, d, ok := strings.Cut(ref, "@"); ok {
				for _, have := range b.images {
					if have == d {
						return d, nil
					}
				}
			}
			return "", errors.New(ref + ": not found")
		},
		Program:     func(digest string) simtype.Program { return b.programs[digest] },
		GroupExists: func(_, group string) bool { return group != "gone" },
		Append: func(_, group, stream string, _ time.Time, line string) error {
			b.lines = append(b.lines, group+" "+stream[:strings.LastIndexByte(stream, '/')]+": "+line)
			return nil
		},
		Secret: func(from string) (string, error) {
			if strings.Contains(from, "missing") {
				return "", errors.New("ResourceNotFoundException: Secrets Manager can't find the specified secret.")
			}
			return "s3cret", nil
		},
	})
	b.ecs.Register(&table)
	b.client = ecs.NewFromConfig(door.Config("us-east-1", func(ctx context.Context, c door.Call) (out any, id string, err error) {
		time.Sleep(time.Millisecond)
		o, ok := table.ByInput(c.Input)
		if !ok {
			return nil, "", fmt.Errorf("no %s", c)
		}
		b.world.Do(func() { out, err = o.Call(ctx, op.Copy(c.Input)) })
		if err != nil {
			return nil, "id", op.Response(err, "id")
		}
		return op.Copy(out), "id", nil
	}))
	_, err := b.client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")})
	require.NoError(t, err)
	return b
}

func (b *bench) register(image string, edit func(*types.ContainerDefinition)) string {
	def := types.ContainerDefinition{
		Name: aws.String("app"), Image: &image,
		LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/app", "awslogs-stream-prefix": "web"}},
		HealthCheck:      &types.HealthCheck{Command: []string{"CMD", "true"}, Interval: aws.Int32(10), Retries: aws.Int32(3)},
	}
	if edit != nil {
		edit(&def)
	}
	out, err := b.client.RegisterTaskDefinition(b.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("app"), ContainerDefinitions: []types.ContainerDefinition{def}})
	require.NoError(b.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func (b *bench) create(td string, desired int32, cfg *types.DeploymentConfiguration) {
	_, err := b.client.CreateService(b.t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web"), TaskDefinition: &td, DesiredCount: &desired, DeploymentConfiguration: cfg})
	require.NoError(b.t, err)
}

func (b *bench) update(td string, force bool) string {
	out, err := b.client.UpdateService(b.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &td, ForceNewDeployment: force})
	require.NoError(b.t, err)
	return *out.Service.Deployments[0].Id
}

func (b *bench) service() types.Service {
	out, err := b.client.DescribeServices(b.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"web"}})
	require.NoError(b.t, err)
	require.Len(b.t, out.Services, 1)
	return out.Services[0]
}

func (b *bench) stopped() []types.Task {
	l, err := b.client.ListTasks(b.t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), ServiceName: aws.String("web"), DesiredStatus: types.DesiredStatusStopped})
	require.NoError(b.t, err)
	if len(l.TaskArns) == 0 {
		return nil
	}
	out, err := b.client.DescribeTasks(b.t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("prod"), Tasks: l.TaskArns})
	require.NoError(b.t, err)
	return out.Tasks
}

func (b *bench) history() []types.ServiceDeploymentBrief {
	out, err := b.client.ListServiceDeployments(b.t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String("prod"), Service: aws.String("web")})
	require.NoError(b.t, err)
	return out.ServiceDeployments
}

var breaker = &types.DeploymentConfiguration{
	MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200),
	DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
}

func healthy(c *simtype.Container) { c.SetHealthy(true) }

func TestRollingUpdateReplacesTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"], b.images["app:2"] = "sha256:1", "sha256:2"
		b.create(b.register("app:1", nil), 2, breaker)
		time.Sleep(2 * time.Minute)
		s := b.service()
		require.Len(t, s.Deployments, 1)
		require.Equal(t, types.DeploymentRolloutStateCompleted, s.Deployments[0].RolloutState)
		require.EqualValues(t, 2, s.RunningCount)
		require.Contains(t, *s.Events[0].Message, "has reached a steady state")

		id := b.update(b.register("app:2", nil), false)
		require.Len(t, b.service().Deployments, 2)
		time.Sleep(3 * time.Minute)
		s = b.service()
		require.Len(t, s.Deployments, 1)
		require.Equal(t, id, *s.Deployments[0].Id)
		require.Equal(t, types.DeploymentRolloutStateCompleted, s.Deployments[0].RolloutState)
		for _, task := range b.stopped() {
			require.Equal(t, "Scaling activity initiated by (deployment "+id+")", *task.StoppedReason)
			require.EqualValues(t, 143, *task.Containers[0].ExitCode)
		}
		h := b.history()
		require.Len(t, h, 2)
		require.Equal(t, types.ServiceDeploymentStatusSuccessful, h[0].Status)
	})
}

func TestCircuitBreakerRollsBackAndForgetsTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"], b.images["app:2"] = "sha256:1", "sha256:2"
		b.programs["sha256:2"] = func(c *simtype.Container) {
			c.Print("ERROR no such column")
			c.After(20*time.Second, func() { c.Exit(1) })
		}
		b.create(b.register("app:1", nil), 2, breaker)
		time.Sleep(2 * time.Minute)
		old := *b.service().Deployments[0].Id
		bad := b.update(b.register("app:2", nil), false)
		time.Sleep(5 * time.Minute)
		s := b.service()
		require.Len(t, s.Deployments, 1)
		require.Equal(t, old, *s.Deployments[0].Id, "the new PRIMARY is the deployment it went back to")
		require.Equal(t, types.DeploymentRolloutStateCompleted, s.Deployments[0].RolloutState)
		h := b.history()
		require.Equal(t, types.ServiceDeploymentStatusRollbackSuccessful, h[0].Status)

		stopped := b.stopped()
		require.NotEmpty(t, stopped)
		for _, task := range stopped {
			require.Equal(t, bad, *task.StartedBy)
			require.Equal(t, types.TaskStopCodeEssentialContainerExited, task.StopCode)
			require.EqualValues(t, 1, *task.Containers[0].ExitCode)
		}
		require.Contains(t, b.lines, "/app web/app: ERROR no such column")

		arn := *stopped[0].TaskArn
		time.Sleep(time.Hour)
		require.Empty(t, b.stopped())
		out, err := b.client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("prod"), Tasks: []string{arn}})
		require.NoError(t, err)
		require.Equal(t, "MISSING", *out.Failures[0].Reason)
	})
}

func TestRollbackFailsWhenTheOldImageIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"], b.images["app:2"] = "sha256:1", "sha256:2"
		b.programs["sha256:2"] = func(c *simtype.Container) {}
		cfg := *breaker
		cfg.MinimumHealthyPercent, cfg.MaximumPercent = aws.Int32(0), aws.Int32(100)
		b.create(b.register("app:1", nil), 2, &cfg)
		time.Sleep(2 * time.Minute)
		b.world.Do(func() { delete(b.images, "app:1") })
		b.update(b.register("app:2", nil), false)
		time.Sleep(40 * time.Minute)
		s := b.service()
		require.EqualValues(t, 0, s.RunningCount)
		require.Equal(t, types.DeploymentRolloutStateFailed, s.Deployments[0].RolloutState)
		require.Equal(t, types.ServiceDeploymentStatusRollbackFailed, b.history()[0].Status)
		var pull, health int
		for _, task := range b.stopped() {
			switch {
			case strings.HasPrefix(*task.StoppedReason, "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref app@sha256:1"):
				require.Nil(t, task.Containers[0].ExitCode)
				pull++
			case *task.StoppedReason == "Task failed container health checks":
				health++
			}
		}
		require.GreaterOrEqual(t, pull, 3)
		require.GreaterOrEqual(t, health, 3)
	})
}

func TestFirstDeploymentHasNoRollbackCandidate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.create(b.register("app:none", nil), 1, breaker)
		start := time.Now()
		var failures []time.Duration
		for seen := int32(0); seen < 3; time.Sleep(time.Second) {
			if n := b.service().Deployments[0].FailedTasks; n > seen {
				seen = n
				failures = append(failures, time.Since(start).Round(time.Minute))
			}
			require.Less(t, time.Since(start), time.Hour)
		}
		require.Equal(t, []time.Duration{2 * time.Minute, 4 * time.Minute, 11 * time.Minute}, failures)
		require.Equal(t, "No rollback candidate was found to run the rollback.", *b.history()[0].StatusReason)
	})
}

func TestSecretsAndLogGroupsAreLookedUp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit func(*types.ContainerDefinition)
		want string
	}{
		"secret": {func(d *types.ContainerDefinition) {
			d.Secrets = []types.Secret{{Name: aws.String("DB"), ValueFrom: aws.String("arn:aws:secretsmanager:us-east-1:123456789012:secret:missing")}}
		}, "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm"},
		"group": {func(d *types.ContainerDefinition) { d.LogConfiguration.Options["awslogs-group"] = "gone" },
			"ResourceInitializationError: failed to validate logger args"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, simtype.Switches{})
				b.images["app:1"] = "sha256:1"
				b.create(b.register("app:1", tc.edit), 1, breaker)
				time.Sleep(2 * time.Minute)
				require.True(t, strings.HasPrefix(*b.stopped()[0].StoppedReason, tc.want), *b.stopped()[0].StoppedReason)
			})
		})
	}
}

func TestRunTaskIsIdempotentByToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"] = "sha256:1"
		b.programs["sha256:1"] = func(c *simtype.Container) {
			c.Print(strings.Join(c.Command(), " ") + " " + c.Env("MODE") + " " + c.Env("DB"))
			c.After(time.Minute, func() { c.Exit(7) })
		}
		td := b.register("app:1", func(d *types.ContainerDefinition) {
			d.Secrets = []types.Secret{{Name: aws.String("DB"), ValueFrom: aws.String("arn:aws:secretsmanager:us-east-1:123456789012:secret:db")}}
		})
		in := &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td, ClientToken: aws.String("once"), Overrides: &types.TaskOverride{
			ContainerOverrides: []types.ContainerOverride{{Name: aws.String("app"), Command: []string{"migrate", "up"}, Environment: []types.KeyValuePair{{Name: aws.String("MODE"), Value: aws.String("one-off")}}}},
		}}
		first, err := b.client.RunTask(t.Context(), in)
		require.NoError(t, err)
		again, err := b.client.RunTask(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, *first.Tasks[0].TaskArn, *again.Tasks[0].TaskArn)
		in.Count = aws.Int32(2)
		_, err = b.client.RunTask(t.Context(), in)
		var conflict *types.ConflictException
		require.ErrorAs(t, err, &conflict)
		time.Sleep(2 * time.Minute)
		out, err := b.client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("prod"), Tasks: []string{*first.Tasks[0].TaskArn}})
		require.NoError(t, err)
		require.Equal(t, "STOPPED", *out.Tasks[0].LastStatus)
		require.EqualValues(t, 7, *out.Tasks[0].Containers[0].ExitCode)
		require.Equal(t, []string{"/app web/app: migrate up one-off s3cret"}, b.lines)
	})
}

func TestDependenciesOrderContainers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["init:1"], b.images["app:1"] = "sha256:i", "sha256:1"
		var order []string
		b.programs["sha256:i"] = func(c *simtype.Container) {
			order = append(order, "init")
			c.After(time.Minute, func() { order = append(order, "init done"); c.Exit(0) })
		}
		b.programs["sha256:1"] = func(c *simtype.Container) { order = append(order, "app"); healthy(c) }
		_, err := b.client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("app"), ContainerDefinitions: []types.ContainerDefinition{
			{Name: aws.String("app"), Image: aws.String("app:1"), DependsOn: []types.ContainerDependency{{ContainerName: aws.String("init"), Condition: types.ContainerConditionSuccess}}},
			{Name: aws.String("init"), Image: aws.String("init:1"), Essential: aws.Bool(false)},
		}})
		require.NoError(t, err)
		b.create("app", 1, breaker)
		time.Sleep(3 * time.Minute)
		require.EqualValues(t, 1, b.service().RunningCount)
		require.Equal(t, []string{"init", "init done", "app"}, order)
	})
}

func TestInactiveRevisionsCannotBeDeployed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"] = "sha256:1"
		td := b.register("app:1", nil)
		b.create(td, 1, breaker)
		_, err := b.client.DeregisterTaskDefinition(t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &td})
		require.NoError(t, err)
		_, err = b.client.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &td})
		var ce *types.ClientException
		require.ErrorAs(t, err, &ce)
		require.Equal(t, "TaskDefinition is inactive", *ce.Message)
		time.Sleep(2 * time.Minute)
		require.EqualValues(t, 1, b.service().RunningCount, "tasks of an INACTIVE revision still start")
	})
}

func TestLoadBalancerHealthStopsTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"] = "sha256:1"
		b.programs["sha256:1"] = func(c *simtype.Container) {}
		td := b.register("app:1", func(d *types.ContainerDefinition) { d.HealthCheck = nil })
		_, err := b.client.CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web"), TaskDefinition: &td, DesiredCount: aws.Int32(1),
			HealthCheckGracePeriodSeconds: aws.Int32(120), DeploymentConfiguration: breaker,
			LoadBalancers: []types.LoadBalancer{{TargetGroupArn: aws.String("arn:tg"), ContainerName: aws.String("app"), ContainerPort: aws.Int32(80)}}})
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		require.Empty(t, b.stopped(), "failures in the grace period do not count")
		time.Sleep(2 * time.Minute)
		require.Equal(t, "Task failed ELB health checks in (target-group arn:tg)", *b.stopped()[0].StoppedReason)
		require.EqualValues(t, 1, b.service().Deployments[0].FailedTasks)
	})
}
