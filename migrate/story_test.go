package migrate_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// fleet deploys a service of six replicas, with a health check and a circuit
// breaker, and returns how its deployment ended, once enough says so as well.
// init, where it is true, puts a one-shot container before the application.
func fleet(t *testing.T, init bool, enough func() bool, program simtype.Program) types.Deployment {
	cloud := rescuetest.New()
	_, err := ecr.NewFromConfig(cloud.Config()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	require.NoError(t, err)
	_, err = cloud.PushImage("app", "v2", program, "v2")
	require.NoError(t, err)
	client := ecs.NewFromConfig(cloud.Config())
	_, err = client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")})
	require.NoError(t, err)
	containers := []types.ContainerDefinition{{
		Name: aws.String("app"), Image: aws.String(cloud.Registry() + "/app:v2"), Memory: aws.Int32(128),
		HealthCheck: &types.HealthCheck{Command: []string{"CMD", "curl", "-f", "localhost:8081/live"}, Interval: aws.Int32(10), Retries: aws.Int32(3)},
	}}
	if init {
		containers[0].DependsOn = []types.ContainerDependency{{ContainerName: aws.String("init"), Condition: types.ContainerConditionSuccess}}
		containers = append(containers, types.ContainerDefinition{
			Name: aws.String("init"), Image: containers[0].Image, Memory: aws.Int32(128), Essential: aws.Bool(false),
		})
	}
	_, err = client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("app"), ContainerDefinitions: containers})
	require.NoError(t, err)
	_, err = client.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("prod"), ServiceName: aws.String("app"), TaskDefinition: aws.String("app"), DesiredCount: aws.Int32(6),
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: false}},
	})
	require.NoError(t, err)
	for range 3600 { // for an hour
		out, err := client.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"app"}})
		require.NoError(t, err)
		d := out.Services[0].Deployments[0]
		if d.RolloutState != types.DeploymentRolloutStateInProgress && enough() {
			// Let everything that runs come to its end.
			_, err := client.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("app"), DesiredCount: aws.Int32(0)})
			require.NoError(t, err)
			for range 120 {
				time.Sleep(time.Second)
				_, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod")})
				require.NoError(t, err)
			}
			return d
		}
		time.Sleep(time.Second)
	}
	t.Fatal("the deployment has not ended in an hour")
	return types.Deployment{}
}

// migration takes five minutes, and begins anew when it was cut short.
type migration struct {
	applied atomic.Bool
	begun   atomic.Int32
	active  atomic.Int32
}

func (m *migration) run(ctx context.Context, _ migrate.Fence) error {
	m.begun.Add(1)
	defer m.active.Add(-1)
	if m.active.Add(1) > 1 {
		return errors.New("two at once")
	}
	if err := wait(ctx, 5*time.Minute); err != nil {
		return err
	}
	m.applied.Store(true)
	return nil
}

func (m *migration) probe(context.Context) (migrate.State, error) {
	return migrate.State{Done: m.applied.Load()}, nil
}

// TestTheStory deploys the same fleet twice. In the old way every replica
// migrates at start, behind a lock, and is healthy when it has: the health
// check kills the one that works and those that wait, and the circuit breaker
// trips. With this package the fleet comes up.
func TestTheStory(t *testing.T) {
	t.Parallel()
	t.Run("old way", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var m migration
			holder := ""
			d := fleet(t, false, func() bool { return true }, func(c *simtype.Container) {
				c.OnStop(func() {
					if holder == c.TaskARN() {
						holder = ""
					}
					c.Exit(143)
				})
				var look func()
				look = func() {
					switch {
					case m.applied.Load():
						c.SetHealthy(true)
						return
					case holder == "":
						holder = c.TaskARN()
						m.begun.Add(1)
						c.After(5*time.Minute, func() { m.applied.Store(true) })
					}
					c.After(time.Second, look)
				}
				look()
			})
			require.Equal(t, types.DeploymentRolloutStateFailed, d.RolloutState)
			require.False(t, m.applied.Load())
			require.GreaterOrEqual(t, d.FailedTasks, int32(3), "the breaker's threshold for six replicas")
			t.Logf("begun %d times, %d tasks failed", m.begun.Load(), d.FailedTasks)
		})
	})
	t.Run("one leader", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var m migration
			var store migratetest.Memory
			var ready atomic.Int32
			d := fleet(t, false, func() bool { return ready.Load() == 6 }, func(c *simtype.Container) {
				r, err := migrate.New(store.Client(), "app", m.probe, migrate.Func(m.run), func(o *migrate.RunOptions) { o.Owner = c.TaskARN() })
				if err != nil {
					c.Exit(1)
					return
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() {
					_, err := r.Run(ctx)
					ended <- err
				}()
				stop := func() {
					cancel()
					c.Exit(143)
				}
				c.OnStop(stop)
				var look func()
				look = func() {
					c.SetHealthy(!r.Health().Wedged) // what /live answers
					select {
					case err := <-ended:
						if err != nil {
							c.Exit(1)
						} else {
							ready.Add(1)
						}
					default:
						c.After(time.Second, look)
					}
				}
				look()
			})
			require.Equal(t, types.DeploymentRolloutStateCompleted, d.RolloutState)
			require.Zero(t, d.FailedTasks)
			require.Equal(t, int32(1), m.begun.Load())
			t.Logf("begun %d times, no task failed, %d replicas ready", m.begun.Load(), ready.Load())
		})
	})
}

// TestOneShotContainers migrates in a container that the application of each
// task depends on. That is one migration per task, unless it is under the lock.
func TestOneShotContainers(t *testing.T) {
	t.Parallel()
	for _, lock := range []bool{false, true} {
		t.Run(map[bool]string{false: "no lock", true: "lock"}[lock], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var m migration
				var store migratetest.Memory
				var ready atomic.Int32
				done := func() bool { return ready.Load() == 6 || !lock }
				d := fleet(t, true, done, func(c *simtype.Container) {
					if c.Name() == "app" {
						ready.Add(1)
						c.SetHealthy(true)
						return
					}
					ended := make(chan error, 1)
					go func() {
						if !lock {
							ended <- m.run(t.Context(), 0)
							return
						}
						r, err := migrate.New(store.Client(), "app", m.probe, migrate.Func(m.run), func(o *migrate.RunOptions) { o.Owner = c.TaskARN() })
						if err == nil {
							_, err = r.Run(t.Context())
						}
						ended <- err
					}()
					var look func()
					look = func() {
						select {
						case err := <-ended:
							c.Exit(map[bool]int{true: 0, false: 1}[err == nil])
						default:
							c.After(time.Second, look)
						}
					}
					look()
				})
				if !lock {
					require.Greater(t, m.begun.Load(), int32(5), "one per task, at the least")
					require.NotEqual(t, types.DeploymentRolloutStateCompleted, d.RolloutState)
					return
				}
				require.Equal(t, types.DeploymentRolloutStateCompleted, d.RolloutState)
				require.Zero(t, d.FailedTasks)
				require.Equal(t, int32(1), m.begun.Load())
			})
		})
	}
}
