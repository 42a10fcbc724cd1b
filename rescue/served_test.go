package rescue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const throttled = `Resource handler returned message: "Rate exceeded" (HandlerErrorCode: Throttling)`

// The old revision serves until its next task starts, and the new one is known
// to fail: a deployment would end what serves.
func TestServedUsersAreNotGivenWhatIsKnownToFail(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		old := s.push("v1")
		s.create(web("v1"))
		s.pushFailing("v2")
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2")))
		time.Sleep(20 * time.Minute)
		s.deleteImage(old)
		require.Equal(t, "2 of 2 run web:1", s.counts())
		s.refuses(rescue.Choices{Direction: rescue.Forward}, rescue.ErrDirection, "cannot start another task", "price service unreachable")
		time.Sleep(3 * time.Hour) // ECS has forgotten the failed tasks
		s.refuses(rescue.Choices{Direction: rescue.Forward}, rescue.ErrDirection, "cannot start another task", "web:2 would be deployed to users who are served")
	})
}

// As many tasks run as are wanted: they are left alone, whatever ECS says of
// the latest deployment.
func TestServedWhileTheLatestDeploymentFailed(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		edits := []string{"Rollback: true", "Rollback: false", "MinimumHealthyPercent: 0, MaximumPercent: 100", "MinimumHealthyPercent: 100, MaximumPercent: 200"}
		s.push("v1")
		s.create(web("v1", edits...))
		s.pushFailing("v2")
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2", edits...)))
		require.Equal(t, rescue.UserState("partly-served"), s.diagnose().Users[0].State)
		s.refuses(rescue.Choices{Direction: rescue.Forward}, rescue.ErrDirection, "would be deployed to users who are served")
	})
}

// A service that the failed update created serves: the clean-up would delete
// it.
func TestCleanUpDeletesAServiceThatServes(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		old := s.push("v1")
		s.push("w1")
		s.create(web("v1"))
		s.deleteImage(old)
		s.pushFailing("v2")
		body := strings.Replace(web("v2"), "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Worker\n", 1) + worker()
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(body))
		s.refuses(rescue.Choices{Direction: rescue.Hold}, rescue.ErrDirection, "service/prod/worker", "may serve users")
		require.Empty(t, s.deleted(), "nothing was deleted")
	})
}

// worker is a second service beside [web]'s.
func worker(edits ...string) string {
	_, body, _ := strings.Cut(web("w1", edits...), "LogGroupName: /web}}\n")
	return strings.NewReplacer("  Task:", "  WorkerTask:", "!Ref Task", "!Ref WorkerTask", "Family: web", "Family: worker", "  Web:", "  Worker:", "ServiceName: web", "ServiceName: worker").Replace(body)
}

// A served service reads a parameter of the store that somebody has changed
// since: the savepoint, which nobody asked to deploy it, does not.
func TestSavepointLeavesAMovedParameterAlone(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		store := ssm.NewFromConfig(s.cloud.Config())
		set := func(v string) {
			_, err := store.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/level"), Value: &v, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)})
			require.NoError(t, err)
		}
		set("one")
		head := "Parameters: {Level: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /level}}"
		tail := worker(with("Environment: [{Name: LEVEL, Value: !Ref Level}]")...)
		old := s.push("v1")
		s.push("w1")
		s.create(head + web("v1") + tail)
		s.deleteImage(old)
		s.pushFailing("v2")
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(head+web("v2")+tail))
		set("two")
		s.mended = true
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		before := s.starts["w1"]
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		require.Contains(t, strings.Join(r.Follow, "\n"), "Level")
		require.Equal(t, before, s.starts["w1"], "the worker was deployed")
	})
}

// deleted are services that were deleted.
func (s *site) deleted() (out []string) {
	for _, d := range s.cloud.Record().Deletions {
		if d.Kind == "AWS::ECS::Service" {
			out = append(out, d.Name)
		}
	}
	return out
}

// Resources that could not be read are not a stack without services.
func TestUnreadResourcesAreNotHealthy(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.create(web("v1"))
		s.deny("cloudformation:ListStackResources")
		d := s.diagnose()
		require.Equal(t, rescue.Situation("unknown"), d.Situation)
		require.Contains(t, strings.Join(d.Unknown, "\n"), "resources of stack prod")
		for _, direction := range []rescue.Direction{rescue.Forward, rescue.Hold, rescue.Back} {
			s.refuses(rescue.Choices{Direction: direction}, rescue.ErrUnknown, "AccessDenied")
		}
	})
}

// Results of another plan's run do not open the door to this one.
func TestDoneOfAnotherPlan(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.mended = true
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		s.cloud.ForgetCalls()
		_, err = s.run(p, func(o *rescue.Options) { o.Done = []rescue.StepResult{{ID: "9-freeze", Outcome: "done"}} })
		require.ErrorIs(t, err, rescue.ErrPlan)
		require.Empty(t, s.mutated())
	})
}

// An image that went after the plan was made is found before anything is done.
func TestImageGoneAfterThePlan(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		s.deleteImage(s.push("v2"))
		s.cloud.ForgetCalls()
		_, err = s.run(p)
		require.ErrorIs(t, err, rescue.ErrChanged)
		require.Empty(t, s.mutated())
	})
}

// A run failed, a person has mended the service by hand since, and the run is
// taken up again: the fix stays.
func TestResumedRunLeavesAHandMadeFix(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		first, err := s.run(p)
		require.Error(t, err, "v2 still fails")
		s.push("v3")
		fix := s.handMade("web:2", func(c *ecstypes.ContainerDefinition) {
			c.Image = aws.String(strings.Replace(*c.Image, ":v2", ":v3", 1))
		})
		s.serve(fix)
		before := s.counts()
		require.Contains(t, before, "2 of 2")
		s.mended = true
		_, err = s.run(p, func(o *rescue.Options) { o.Done = first.Steps })
		require.ErrorIs(t, err, rescue.ErrChanged)
		require.Equal(t, before, s.counts())
	})
}

// A permission that the failed update gave is named by nothing that uses it.
func TestCleanUpTakesAPermission(t *testing.T) {
	t.Parallel()
	for direction, refused := range map[rescue.Direction]bool{rescue.Forward: true, rescue.Hold: false} {
		t.Run(string(direction), func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				old := s.push("v1")
				s.create(web("v1"))
				s.pushFailing("v2")
				s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
				policy := "  Access: {Type: AWS::IAM::Policy, Properties: {PolicyName: access, Roles: [app], PolicyDocument: {Version: '2012-10-17', Statement: []}}}\n"
				if refused {
					s.deleteImage(old)
				}
				require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2", "  Web:\n    Type: AWS::ECS::Service\n", policy+"  Web:\n    Type: AWS::ECS::Service\n    DependsOn: Access\n")))
				if refused {
					named := rescue.Choices{Direction: direction, Revisions: map[string]string{"prod/web": "web:2"}}
					s.stops(named, "unlock", "Access", "web:2 works without it is not known")
					named.Accept = []string{"prod.Access"}
					p, err := rescue.MakePlan(s.diagnose(), named)
					require.NoError(t, err)
					require.Nil(t, p.Stop, "accepted by name")
					return
				}
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: direction})
				require.NoError(t, err, "web:1 has run without")
				require.NotEmpty(t, p.Steps)
			})
		})
	}
}

// A capture that could not read the events does not hide those of the one
// before, and nothing is unlocked on them.
func TestPoorerCaptureKeepsTheEvents(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		dir := t.TempDir()
		keep := func(o *rescue.Options) { o.Evidence = dir }
		rich := s.diagnose(keep)
		require.NotEmpty(t, rich.Causes.Rollback)
		s.deny("cloudformation:DescribeStackEvents")
		s.diagnose(keep)
		b, err := rescue.OpenBundle(dir)
		require.NoError(t, err)
		d := b.Explain()
		require.Len(t, d.Causes.Update, len(rich.Causes.Update))
		require.Len(t, d.Causes.Rollback, len(rich.Causes.Rollback))
		require.NotContains(t, d.String(), "no task could be placed")
		require.Contains(t, strings.Join(d.Unknown, "\n"), "events of stack prod")
		_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward})
		require.ErrorIs(t, err, rescue.ErrUnknown)
	})
}
