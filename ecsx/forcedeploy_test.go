package ecsx_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// known resolves a reference to what the map has for it, or to itself.
func known(m map[string]string) func(context.Context, string) (string, error) {
	return func(_ context.Context, ref string) (string, error) {
		if to, ok := m[ref]; ok {
			return to, nil
		}
		return ref, nil
	}
}

func TestForceDeployLatestChangesImagesAndServes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 2)
		v2 := f.push("app", "2", rescuetest.Runs())
		d, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, known(map[string]string{f.ref("app", "1"): v2}))
		require.NoError(t, err)
		require.True(t, d.Registered)
		require.Equal(t, []ecsx.ImageChange{{Container: "app", From: f.ref("app", "1"), To: v2}, {Container: "proxy", From: f.ref("proxy", "1"), To: f.ref("proxy", "1")}}, d.Images)
		r, err := d.WaitRollout(t.Context(), f.ecs)
		require.NoError(t, err)
		require.Equal(t, ecsx.Outcome("succeeded"), r.Outcome)
		require.Equal(t, 2, r.Running)

		td, err := f.ecs.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &d.TaskDefinition, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
		require.NoError(t, err)
		from, ours := ecsx.ClonedFrom(td.Tags)
		require.True(t, ours)
		require.NotEmpty(t, from)

		again, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, known(nil))
		require.NoError(t, err)
		require.False(t, again.Registered)
		require.Equal(t, d.TaskDefinition, again.TaskDefinition)
		require.NotEqual(t, d.ID, again.ID)
	})
}

func TestForceDeployLatestDeploysNoRevisionOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		td := f.register("app", f.push("app", "1", rescuetest.Runs()))
		f.serve(td, 1)
		d, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, known(nil))
		require.NoError(t, err)
		require.NotEqual(t, td, d.TaskDefinition, "an equal revision that a stack may own is cloned all the same")
	})
}

func TestForceDeployLatestRefusesBeforeAnyChange(t *testing.T) {
	t.Parallel()
	unknown := errors.New("access denied")
	for name, tc := range map[string]struct {
		resolver func(context.Context, string) (string, error)
		edit     func(*fixture)
		want     error
	}{
		"no image":      {func(context.Context, string) (string, error) { return "", nil }, nil, ecsx.ErrImageNotFound},
		"unknown image": {func(context.Context, string) (string, error) { return "", unknown }, nil, unknown},
		"no service":    {known(nil), func(f *fixture) { f.web.Name = "other" }, ecsx.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
				if tc.edit != nil {
					tc.edit(f)
				}
				f.cloud.ForgetCalls()
				_, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, tc.resolver)
				require.ErrorIs(t, err, tc.want)
				for _, c := range f.cloud.Calls() {
					require.False(t, c.Mutates(), c.Action)
				}
			})
		})
	}
}

func TestForceDeployLatestRefusesOtherControllers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		td := f.register("app", f.push("app", "1", rescuetest.Runs()))
		_, err := f.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web"), TaskDefinition: &td, DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy}})
		require.NoError(t, err)
		_, err = ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, known(nil))
		require.ErrorIs(t, err, ecsx.ErrUnsupportedController)
		require.ErrorContains(t, err, "aws deploy create-deployment")
	})
}

// Whatever goes wrong with one call, the end is one registered revision and
// one new deployment.
func TestForceDeployLatestUnderFaults(t *testing.T) {
	t.Parallel()
	actions := []string{"ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition", "ecs:UpdateService"}
	for _, action := range actions {
		for name, kind := range map[string]simtype.FaultKind{"throttle": simtype.Throttle, "500": simtype.ServerError, "lost": simtype.LostResponse} {
			t.Run(action+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFixture(t)
					f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
					f.cloud.ForgetCalls()
					f.cloud.Inject(simtype.Fault{Action: action, Nth: 1, Kind: kind})
					d, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, known(nil))
					require.NoError(t, err)
					f.cloud.ClearFaults()
					_, err = d.WaitRollout(t.Context(), f.ecs)
					require.NoError(t, err)
					done := map[string]int{}
					for _, c := range f.cloud.Calls() {
						if c.Done && c.Mutates() {
							done[c.Action]++
						}
					}
					require.Equal(t, map[string]int{"ecs:RegisterTaskDefinition": 1, "ecs:UpdateService": 1}, done)
				})
			})
		}
	}
}

func TestWaitRolloutTellsHowItEnded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		run     simtype.Program
		between func(*fixture)
		patient bool
		want    ecsx.Outcome
		cause   ecsx.Class
	}{
		"rolled back":       {run: rescuetest.Exits(1, 5*time.Second, "ERROR boom"), want: "rolled back", cause: "application"},
		"failing fast":      {run: nil, want: "failing", cause: "image-missing"},
		"waits for verdict": {run: nil, patient: true, want: "rolled back", cause: "image-missing"},
		"superseded": {run: rescuetest.Runs(), between: func(f *fixture) {
			_, err := ecsx.ForceDeployLatest(f.t.Context(), f.ecs, f.web, known(nil))
			require.NoError(f.t, err)
		}, want: "superseded"},
		"deleted": {run: rescuetest.Runs(), between: func(f *fixture) {
			_, err := f.ecs.DeleteService(f.t.Context(), &ecs.DeleteServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), Force: aws.Bool(true)})
			require.NoError(f.t, err)
		}, want: "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 2)
				ref := f.ref("app", "2")
				if tc.run != nil {
					f.push("app", "2", tc.run)
				}
				d, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, known(map[string]string{f.ref("app", "1"): ref}))
				require.NoError(t, err)
				if tc.between != nil {
					tc.between(f)
				}
				_, err = d.WaitRollout(t.Context(), f.ecs, func(o *ecsx.RolloutOptions) {
					if tc.patient {
						o.Patience = -1
					}
				})
				e, ok := errors.AsType[*ecsx.RolloutError](err)
				require.True(t, ok, err)
				require.Equal(t, tc.want, e.Last.Outcome, e.Error())
				if tc.cause != "" {
					require.NotNil(t, e.Cause)
					require.Equal(t, tc.cause, e.Cause.Class)
				}
			})
		})
	}
}

func TestRunTaskTellsTheTruth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		image := f.push("app", "1", func(c *simtype.Container) {
			c.Print("arguments " + c.Command()[0])
			c.After(time.Minute, func() {
				if c.Command()[0] == "fail" {
					c.Print("FATAL: cannot migrate")
					c.Exit(2)
				}
				c.Exit(0)
			})
		})
		c := f.container("app", image)
		_, err := f.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("job"), ContainerDefinitions: []types.ContainerDefinition{c}})
		require.NoError(t, err)
		run := func(token, arg string) (*ecsx.StoppedTask, error) {
			return ecsx.TaskSpec{Cluster: "prod", TaskDefinition: "job", Token: token, Overrides: []ecsx.ContainerOverride{{Container: "app", Command: []string{arg}}}}.RunTask(t.Context(), f.ecs, f.logs)
		}
		task, err := run("a", "ok")
		require.NoError(t, err)
		require.Equal(t, ecsx.Class("succeeded"), task.Cause.Class)
		require.Equal(t, "arguments ok", task.Containers[0].Log.Lines[0].Message)

		again, err := run("a", "ok")
		require.NoError(t, err)
		require.Equal(t, task.ARN, again.ARN, "the same token adopts the task")

		_, err = run("b", "fail")
		e, ok := errors.AsType[*ecsx.TaskError](err)
		require.True(t, ok, err)
		require.Equal(t, "container app exited with 2: FATAL: cannot migrate", e.Task.Cause.Summary)
	})
}
