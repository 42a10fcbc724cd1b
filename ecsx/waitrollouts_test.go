package ecsx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Ten services are watched by one call a poll.
func TestTenServicesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *rescuetest.Options) { o.Latency = 100 * time.Millisecond })
		td := f.bare(f.push("app", "1", rescuetest.Runs()))
		names := []string{}
		for i := range 10 {
			names = append(names, fmt.Sprint("s", i))
			_, err := f.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: &names[i], TaskDefinition: &td, DesiredCount: aws.Int32(1), DeploymentConfiguration: breaker})
			require.NoError(t, err)
		}
		time.Sleep(5 * time.Minute)
		fine := f.bare(f.push("app", "2", rescuetest.RunsAfter(3*time.Minute)))
		bad := f.bare(f.push("app", "3", rescuetest.Exits(1, 5*time.Second, "FATAL: no")))
		var ds []ecsx.Deployment
		for i, name := range names {
			td := fine
			if i == 7 {
				td = bad
			}
			out, err := f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: &name, TaskDefinition: &td})
			require.NoError(t, err)
			ds = append(ds, ecsx.Deployment{Service: ecsx.Service{Cluster: "prod", Name: name}, ID: *out.Service.Deployments[0].Id, Record: aws.ToString(out.Service.CurrentServiceDeployment)})
		}
		f.cloud.ForgetCalls()
		start := time.Now()
		seen := map[string]int{}
		rs, err := ecsx.WaitRollouts(t.Context(), f.ecs, ds, func(o *ecsx.RolloutOptions) { o.Observe = func(r ecsx.Rollout) { seen[r.Deployment]++ } })
		rate := float64(len(f.cloud.Calls())) / time.Since(start).Seconds()
		t.Logf("10 services: %d calls in %s, %.2f a second\n%s", len(f.cloud.Calls()), time.Since(start).Round(time.Second), rate, rescuetest.CallCounts(f.cloud.Calls()))
		require.LessOrEqual(t, rate, 0.6)
		var e *ecsx.RolloutError
		require.ErrorAs(t, err, &e)
		require.Equal(t, "s7", e.Service.Name)
		require.Equal(t, ecsx.Outcome("rolled back"), e.Last.Outcome)
		require.Len(t, rs, 10)
		for i, r := range rs {
			require.Equal(t, i != 7, r.Outcome == "succeeded", "%d: %s", i, r)
			require.Positive(t, seen[ds[i].ID])
		}
		none, err := ecsx.WaitRollouts(t.Context(), f.ecs, nil)
		require.NoError(t, err)
		require.Empty(t, none)
	})
}

// Thousands of tasks that fail cost no more than a few.
func TestRateDoesNotDependOnTheNumberOfTasks(t *testing.T) {
	t.Parallel()
	for _, desired := range []int32{10, 400} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(o *rescuetest.Options) { o.Latency = 100 * time.Millisecond })
			f.serve(f.bare(f.push("app", "1", rescuetest.Runs())), desired)
			time.Sleep(10 * time.Minute)
			d := f.deploy(f.bare(f.push("app", "2", rescuetest.Exits(1, 5*time.Second, "FATAL: no"))))
			f.cloud.ForgetCalls()
			start := time.Now()
			require.Equal(t, ecsx.Outcome("rolled back"), f.ended(d).Outcome)
			rate := float64(len(f.cloud.Calls())) / time.Since(start).Seconds()
			t.Logf("%d tasks: %d calls in %s, %.2f a second\n%s", desired, len(f.cloud.Calls()), time.Since(start).Round(time.Second), rate, rescuetest.CallCounts(f.cloud.Calls()))
			require.LessOrEqual(t, rate, 0.6)
		})
	}
}

// An image that does not exist is reported with the first task that stops for it.
func TestFailFast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *rescuetest.Options) { o.Latency = 100 * time.Millisecond })
		f.serve(f.bare(f.push("app", "1", rescuetest.Runs())), 2)
		d := f.deploy(f.bare(f.ref("app", "gone")))
		r := f.ended(d)
		at := f.cloud.Now()
		require.Equal(t, ecsx.Outcome("failing"), r.Outcome)
		require.Contains(t, r.Reason, "gone")
		out, err := f.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), DesiredStatus: types.DesiredStatusStopped, StartedBy: &d.ID})
		require.NoError(t, err)
		tasks, err := f.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("prod"), Tasks: out.TaskArns})
		require.NoError(t, err)
		first := at
		for _, x := range tasks.Tasks {
			if x.StoppingAt.Before(first) {
				first = *x.StoppingAt
			}
		}
		t.Logf("%s after the first task began to stop", at.Sub(first).Round(100*time.Millisecond))
		require.LessOrEqual(t, at.Sub(first), 5*time.Second)
	})
}

// The error has the causes, how often, and the application's own words.
func TestARolloutErrorHasCausesWithLogs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.bare(f.push("app", "1", rescuetest.Runs())), 2)
		d := f.deploy(f.bare(f.push("app", "2", rescuetest.Exits(1, 5*time.Second, "INFO starting", "FATAL: no such column users.plan"))))
		_, err := d.WaitRollout(t.Context(), f.ecs, func(o *ecsx.RolloutOptions) { o.Logs = f.logs })
		var e *ecsx.RolloutError
		require.ErrorAs(t, err, &e)
		require.Len(t, e.Causes, 1)
		require.Equal(t, "FATAL: no such column users.plan", e.Causes[0].Cause.Excerpt)
		require.GreaterOrEqual(t, e.Causes[0].Count, 3)
		require.True(t, e.Causes[0].First.Before(e.Causes[0].Last))
		require.NotEqual(t, e.Causes[0].FirstTask, e.Causes[0].LastTask)
		require.Len(t, e.Causes[0].Fingerprint, 16)
		require.Contains(t, err.Error(), "users.plan")
	})
}

// What has succeeded is watched for the soak time.
func TestSoak(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		program simtype.Program
		want    ecsx.Outcome
	}{
		"it stays":              {rescuetest.Runs(), "succeeded"},
		"it dies after minutes": {func(c *simtype.Container) { c.SetHealthy(true); c.After(4*time.Minute, func() { c.Exit(3) }) }, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 2)
				d := f.deploy(f.register("app", f.push("app", "2", test.program)))
				start := time.Now()
				r := f.ended(d, func(o *ecsx.RolloutOptions) { o.Soak = 10 * time.Minute })
				require.Equal(t, test.want, r.Outcome, r.Reason)
				if test.want == "succeeded" {
					require.GreaterOrEqual(t, time.Since(start), 10*time.Minute)
				}
			})
		})
	}
}

// A deployment that is no use is rolled back, but only to images that exist.
func TestRollBackOnlyToWhatExists(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		gone bool
		want ecsx.Outcome
	}{"the old image is there": {false, "rolled back"}, "the old image is gone": {true, "failing"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				none := &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(0), MaximumPercent: aws.Int32(100)}
				f.create(f.bare(f.push("app", "1", rescuetest.Runs())), 2, none)
				d := f.deploy(f.bare(f.ref("app", "gone")))
				if test.gone {
					_, err := ecr.NewFromConfig(f.cloud.Config()).BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: aws.String("1")}}})
					require.NoError(t, err)
				}
				asked := 0
				resolver := func(_ context.Context, ref string) (string, error) {
					asked++
					require.Contains(t, ref, "app:1@sha256:")
					if test.gone {
						return "", nil
					}
					return ref, nil
				}
				r := f.ended(d, func(o *ecsx.RolloutOptions) {
					o.RollBack = func(ctx context.Context, d ecsx.Deployment) error {
						return d.RollBack(ctx, f.ecs, resolver)
					}
				})
				require.Equal(t, test.want, r.Outcome, r.Reason)
				require.Equal(t, 1, asked)
				if test.gone {
					require.Contains(t, r.Problem, ecsx.ErrImageNotFound.Error())
					require.Zero(t, f.counts("ecs:StopServiceDeployment"))
					return
				}
				require.Equal(t, "user", r.By)
				require.Equal(t, 1, f.counts("ecs:StopServiceDeployment"))
				require.NoError(t, d.RollBack(t.Context(), f.ecs, resolver), "it has gone back already")
				require.Equal(t, 1, f.counts("ecs:StopServiceDeployment"))
				require.Error(t, d.RollBack(t.Context(), f.ecs, nil))
			})
		})
	}
}

// shaped answers with one state of a service for ever.
type shaped struct {
	ecsx.RolloutAPI
	service types.Service
	record  types.ServiceDeployment
	calls   map[string]int
}

func (s *shaped) DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	s.calls["DescribeServices"]++
	return &ecs.DescribeServicesOutput{Services: []types.Service{s.service}}, nil
}

func (s *shaped) DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error) {
	s.calls["DescribeServiceDeployments"]++
	return &ecs.DescribeServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeployment{s.record}}, nil
}

func (s *shaped) ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error) {
	s.calls["ListServiceDeployments"]++
	return &ecs.ListServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeploymentBrief{{ServiceDeploymentArn: aws.String("arn:rec"), Status: s.record.Status}}}, nil
}

func (s *shaped) ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	s.calls["ListTasks"]++
	return &ecs.ListTasksOutput{}, nil
}

// States of native strategies, alarms and users, with the record known and not.
func TestOutcomesByShape(t *testing.T) {
	t.Parallel()
	dep := func(id, status string, state types.DeploymentRolloutState, reason string) types.Deployment {
		return types.Deployment{Id: &id, Status: &status, RolloutState: state, RolloutStateReason: &reason, TaskDefinition: aws.String("arn:td:2"), DesiredCount: 2, RunningCount: 2}
	}
	svc := func(ds ...types.Deployment) types.Service {
		return types.Service{Status: aws.String("ACTIVE"), ServiceName: aws.String("web"), DesiredCount: 2, Deployments: ds, CurrentServiceDeployment: aws.String("arn:rec")}
	}
	d, o := dep("D", "PRIMARY", "IN_PROGRESS", "ECS deployment D in progress."), dep("O", "ACTIVE", "COMPLETED", "")
	gone := svc(dep("O", "PRIMARY", "COMPLETED", "ECS deployment O completed."))
	back := svc(dep("O", "PRIMARY", "IN_PROGRESS", "ECS deployment rolling back to ecs-svc/1 because of alarm."), dep("D", "ACTIVE", "IN_PROGRESS", ""))
	draining := svc(d)
	draining.Status = aws.String("DRAINING")
	hook := types.DeploymentLifecycleHookDetail{HookId: aws.String("h"), Status: types.DeploymentLifecycleHookStatusAwaitingAction}
	for name, test := range map[string]struct {
		service types.Service
		record  types.ServiceDeployment
		want    ecsx.Outcome
		by      string
	}{
		"paused":                     {svc(d, o), types.ServiceDeployment{Status: "IN_PROGRESS", LifecycleStage: "PRE_SCALE_UP", LifecycleHookDetails: []types.DeploymentLifecycleHookDetail{hook}}, "paused", ""},
		"a stage that never ends":    {svc(d, o), types.ServiceDeployment{Status: "IN_PROGRESS", LifecycleStage: "PRE_SCALE_UP"}, "stalled", ""},
		"a hook failed":              {svc(d, o), types.ServiceDeployment{Status: "ROLLBACK_SUCCESSFUL", StatusReason: aws.String("Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed.")}, "rolled back", "hook"},
		"it bakes":                   {svc(dep("D", "PRIMARY", "COMPLETED", "ECS deployment D completed.")), types.ServiceDeployment{Status: "IN_PROGRESS", LifecycleStage: "BAKE_TIME"}, ecsx.Outcome("in progress"), ""},
		"superseded":                 {svc(dep("N", "PRIMARY", "IN_PROGRESS", "ECS deployment N in progress.")), types.ServiceDeployment{Status: "STOPPED"}, "superseded", ""},
		"rolled back by an alarm":    {gone, types.ServiceDeployment{Status: "ROLLBACK_SUCCESSFUL", StatusReason: aws.String("Service deployment rolled back because alarm(s) were triggered: [cpu].")}, "rolled back", "alarm"},
		"rolling back by an alarm":   {back, types.ServiceDeployment{Status: "ROLLBACK_IN_PROGRESS"}, ecsx.Outcome("rolling back"), "alarm"},
		"rollback failed":            {gone, types.ServiceDeployment{Status: "ROLLBACK_FAILED", StatusReason: aws.String("No rollback candidate was found to run the rollback.")}, "rollback failed", ""},
		"failed, shown as draining":  {svc(dep("O", "PRIMARY", "COMPLETED", "ECS deployment O completed."), dep("D", "DRAINING", "FAILED", "ECS deployment circuit breaker: tasks failed to start.")), types.ServiceDeployment{Status: "ROLLBACK_SUCCESSFUL"}, "rolled back", "circuit breaker"},
		"the service is on its way":  {draining, types.ServiceDeployment{}, "gone", ""},
		"a user stopped it":          {gone, types.ServiceDeployment{Status: "ROLLBACK_SUCCESSFUL", StatusReason: aws.String("Service deployment rolled back because of user initiated stop.")}, "rolled back", "user"},
		"an early success, the rest": {svc(dep("D", "PRIMARY", "IN_PROGRESS", ""), o), types.ServiceDeployment{Status: "SUCCESSFUL"}, "succeeded", ""},
	} {
		for _, record := range []string{"arn:rec", ""} {
			synctest.Test(t, func(t *testing.T) {
				api := &shaped{service: test.service, record: test.record, calls: map[string]int{}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				got := ecsx.Rollout{Outcome: "succeeded"}
				_, err := ecsx.Deployment{Service: ecsx.Service{Cluster: "prod", Name: "web"}, ID: "D", Record: record}.WaitRollout(ctx, api)
				if e, ok := errors.AsType[*ecsx.RolloutError](err); ok {
					got = e.Last
					require.Equal(t, !got.Outcome.Final(), errors.Is(e.Err, context.DeadlineExceeded), name)
				}
				require.Equal(t, test.want, got.Outcome, "%s, record %q: %v", name, record, err)
				if test.by != "" || got.Outcome != "succeeded" {
					require.Equal(t, test.by, got.By, name)
				}
				calls := 0
				for _, n := range api.calls {
					calls += n
				}
				require.LessOrEqual(t, calls, 2200, "%s: %v", name, api.calls)
			})
		}
	}
}
