package ecsx_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
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

// inState shows one task in a state.
type inState struct {
	*ecs.Client
	arn, state string
}

func (s inState) DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput, optFns ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	out, err := s.Client.DescribeTasks(ctx, in, optFns...)
	if err != nil {
		return out, err
	}
	for i, x := range out.Tasks {
		if aws.ToString(x.TaskArn) != s.arn {
			continue
		}
		switch s.state {
		case "MISSING", "ACCESS_DENIED":
			out.Tasks = append(out.Tasks[:i:i], out.Tasks[i+1:]...)
			out.Failures = append(out.Failures, types.Failure{Arn: x.TaskArn, Reason: aws.String(s.state)})
		case "STOPPED":
		default:
			out.Tasks[i].LastStatus, out.Tasks[i].StoppedAt = aws.String(s.state), nil
		}
		break
	}
	return out, err
}

// TestEveryWaitEnds: whatever is asked for, whatever was handed over before and in
// whatever state a task is, the wait ends, with each task at most once, and says
// what is not final.
func TestEveryWaitEnds(t *testing.T) {
	t.Parallel()
	n := 0
	states := []string{"STOPPED", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "MISSING", "ACCESS_DENIED"}
	cursors := []string{"no cursor", "empty", "one", "all"}
	queries := []string{"cluster", "service", "deployment", "family", "definition", "id", "ARN", "both, twice", "deleted service", "since"}
	var all [][3]string
	for _, query := range queries {
		for _, state := range states {
			for _, seen := range cursors {
				all = append(all, [3]string{state, seen, query})
			}
		}
	}
	for _, c := range sample.Of(t, all, sample.Few(24, 60), func(c [3]string) string { return c[0] + c[1] }) {
		state, seen, query := c[0], c[1], c[2]
		{
			{
				n++
				synctest.Test(t, func(t *testing.T) {
					f := newFixture(t)
					td := f.bare(f.push("app", "1", rescuetest.Exits(3, time.Minute, "boom")))
					f.serve(td, 2)
					time.Sleep(5 * time.Minute)
					list, err := f.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), DesiredStatus: types.DesiredStatusStopped})
					require.NoError(t, err)
					_, err = f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), DesiredCount: aws.Int32(0)})
					require.NoError(t, err)
					time.Sleep(2 * time.Minute)
					svc, err := f.ecs.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"web"}})
					require.NoError(t, err)
					arn := list.TaskArns[0]
					q := map[string]ecsx.Query{
						"cluster": {}, "service": {Service: "web"}, "deployment": {Deployment: *svc.Services[0].Deployments[0].Id}, "family": {Family: "app"}, "definition": {TaskDefinitions: []string{"app"}},
						"id": {Tasks: []string{id(arn)}}, "ARN": {Tasks: []string{arn}}, "both, twice": {Tasks: []string{arn, id(arn), arn, list.TaskArns[1]}}, "deleted service": {Service: "web"}, "since": {TaskDefinitions: []string{td}, Since: time.Now().Add(-time.Hour)},
					}[query]
					q.Cluster = "prod"
					var api ecsx.StoppedTasksAPI = inState{f.ecs, arn, state}
					if query == "deleted service" {
						api = deletedService{api}
					}
					var cursor *ecsx.Cursor
					switch seen {
					case "empty":
						cursor = &ecsx.Cursor{}
					case "one", "all":
						all := map[string]time.Time{}
						for i, a := range list.TaskArns {
							if i == 0 || seen == "all" {
								all[a] = time.Now()
							}
						}
						cursor = &ecsx.Cursor{Version: 1, Seen: all}
					}
					start, got := time.Now(), map[string]int{}
					require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), api, f.logs, q, func(x ecsx.StoppedTask) error {
						got[id(x.ARN)]++
						if id(x.ARN) == id(arn) && state != "STOPPED" {
							require.True(t, x.Stopping || x.Expired || x.Problem != "", "%s, %s, %s", state, seen, query)
							b, err := json.Marshal(x)
							require.NoError(t, err)
							require.Regexp(t, `"(stopping|expired|problem)":`, string(b))
						}
						return nil
					}, func(o *ecsx.StoppedOptions) { o.Cursor, o.AtLeast = cursor, -1 }), "%s, %s, %s", state, seen, query)
					require.LessOrEqual(t, time.Since(start), 5*time.Minute, "%s, %s, %s", state, seen, query)
					for a, times := range got {
						require.Equal(t, 1, times, "%s: %s, %s, %s", a, state, seen, query)
					}
					known := seen == "one" || seen == "all"
					require.Equal(t, map[bool]int{true: 0, false: 1}[known], got[id(arn)], "%s, %s, %s", state, seen, query)
				})
			}
		}
	}
	t.Logf("%d combinations of query, cursor and state: each wait ends", n)
}

// TestOutcomesUnderEverySwitch runs a success, a rollback, a crash loop and a pause
// with a bake in clouds that differ in what nobody could confirm.
func TestOutcomesUnderEverySwitch(t *testing.T) {
	t.Parallel()
	clouds := map[string]func(*simtype.Switches){"default": func(*simtype.Switches) {}, "stale reads": func(s *simtype.Switches) { s.StaleReads = 3 }, "late logs": func(s *simtype.Switches) { s.LogDelay = 32 * time.Second }}
	for field, values := range new(simtype.Switches).Values() {
		for _, v := range values {
			clouds[field+"="+v] = func(s *simtype.Switches) { reflect.ValueOf(s).Elem().FieldByName(field).SetString(v) }
		}
		if f, ok := reflect.TypeFor[simtype.Switches]().FieldByName(field); ok && f.Type.Kind() == reflect.Bool {
			clouds[field] = func(s *simtype.Switches) { reflect.ValueOf(s).Elem().FieldByName(field).SetBool(true) }
		}
	}
	for _, name := range sample.Quarter(t, slices.Sorted(maps.Keys(clouds)), nil) {
		change := clouds[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for kind, test := range map[string]struct {
				program simtype.Program
				want    []ecsx.Outcome
			}{
				"success":    {rescuetest.Runs(), []ecsx.Outcome{"succeeded"}},
				"rollback":   {rescuetest.Exits(1, 5*time.Second, "FATAL: no"), []ecsx.Outcome{"rolled back"}},
				"unhealthy":  {rescuetest.NeverHealthy("loading"), []ecsx.Outcome{"rolled back"}},
				"crash loop": {rescuetest.Exits(1, 20*time.Second, "FATAL: no"), []ecsx.Outcome{"rolled back", "stalled"}}, // whether such tasks count is a switch
				"paused":     {rescuetest.Runs(), []ecsx.Outcome{"paused"}},
			} {
				synctest.Test(t, func(t *testing.T) {
					f := newFixture(t, func(o *rescuetest.Options) { change(&o.Switches) })
					register := f.register
					if kind == "crash loop" {
						register = func(_, image string) string { return f.bare(image) }
					}
					f.serve(register("app", f.push("app", "1", rescuetest.Runs())), 2)
					td := register("app", f.push("app", "2", test.program))
					in := &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &td}
					if kind == "paused" {
						in.DeploymentConfiguration = &types.DeploymentConfiguration{
							Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(5),
							LifecycleHooks: []types.DeploymentLifecycleHook{{TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostScaleUp}}},
						}
					}
					before, err := f.ecs.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"web"}})
					require.NoError(t, err)
					out, err := f.ecs.UpdateService(t.Context(), in)
					require.NoError(t, err)
					d := ecsx.Deployment{Service: f.web, ID: *out.Service.Deployments[0].Id, Record: aws.ToString(out.Service.CurrentServiceDeployment), Previous: *before.Services[0].Deployments[0].Id}
					r := f.ended(d, func(o *ecsx.RolloutOptions) { o.Patience = -1 })
					require.Contains(t, test.want, r.Outcome, "%s: %s", kind, fmt.Sprint(r, r.Reason))
					if r.Outcome == "succeeded" {
						require.Equal(t, []int{2, 2, 0}, []int{r.Desired, r.Running, r.Pending}, "numbers of the moment of the outcome")
					}
					if kind == "paused" {
						require.NoError(t, d.Continue(t.Context(), f.ecs, r.Hook.ID, false))
						start := time.Now()
						require.Equal(t, ecsx.Outcome("succeeded"), f.ended(d).Outcome)
						require.GreaterOrEqual(t, time.Since(start), 5*time.Minute, "it bakes first")
					}
				})
			}
		})
	}
	t.Logf("%d clouds, five outcomes each", len(clouds))
}
