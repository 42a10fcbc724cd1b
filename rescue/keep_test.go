package rescue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func redeploys(p *rescue.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		if s.Redeploy != nil {
			out = append(out, s.Redeploy.From[strings.LastIndex(s.Redeploy.From, "/")+1:])
		}
	}
	return out
}

// Users who are served are left alone: by a revision made by hand, too.
func TestServedUsersAreLeftAlone(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.mended = true
		hand := s.handMade("web:2", func(*ecstypes.ContainerDefinition) {})
		s.serve(hand)
		require.Equal(t, "2 of 2 run web:3", s.counts())
		before := s.starts["v2"]
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		require.Empty(t, redeploys(p))
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Rescued, r.Result)
		require.Equal(t, before+2, s.starts["v2"], "only the savepoint has started tasks")
	})
}

// The operator may name the revision, by ARN or as "family:revision".
func TestANamedRevisionIsDeployed(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.mended = true
		s.serve(s.handMade("web:2", func(*ecstypes.ContainerDefinition) {}))
		d := s.diagnose()
		for _, name := range []string{"web:2", "arn:aws:ecs:us-east-1:123456789012:task-definition/web:2"} {
			p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward, Revisions: map[string]string{"prod/web": name}})
			require.NoError(t, err)
			require.Equal(t, []string{"web:2"}, redeploys(p))
		}
		_, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward, Revisions: map[string]string{"prod/web": "web:9"}})
		require.ErrorIs(t, err, rescue.ErrDirection)
		require.ErrorContains(t, err, "web:9")
		_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward, Revisions: map[string]string{"prod/wbe": "web:2"}})
		require.ErrorContains(t, err, "prod/wbe", "a name that matches nothing is not ignored")
	})
}

// ECS itself went back to the old revision, which serves. Forward would deploy
// the new one to users who are served: the operator has to say so.
func TestForwardDoesNotRedeployAServiceThatWentBack(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.create(web("v1"))
		s.pushFailing("v2")
		s.cloud.FailResource("prod", "Web", rescuetest.OnRollback, "Rate exceeded")
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2")))
		s.cloud.Advance(10 * time.Minute) // ECS goes back by itself; CloudFormation's rollback failed before it asked
		require.Equal(t, "2 of 2 run web:1", s.counts())
		s.refuses(rescue.Choices{Direction: rescue.Forward}, rescue.ErrDirection, "web:1", "web:2", "users who are served")
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Back})
		require.NoError(t, err)
		require.Empty(t, redeploys(p))
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, "2 of 2 run web:1", s.counts())
	})
}

// twoServices is [web] with a second service whose update waits for the first.
func twoServices(tag string) string {
	return web(tag) + `
  SideTask:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: side
      ContainerDefinitions:
        - {Name: side, Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:side-` + tag + `", HealthCheck: {Command: [CMD, "true"], Interval: 10, Retries: 3}}
  Side:
    Type: AWS::ECS::Service
    DependsOn: Web
    Properties: {ServiceName: side, Cluster: !Ref Cluster, TaskDefinition: !Ref SideTask, DesiredCount: 1, DeploymentConfiguration: {MinimumHealthyPercent: 0, MaximumPercent: 100, DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}
`
}

// A service that the update never came to is not deployed to, as long as what
// it runs can be started again.
func TestAServiceTheUpdateNeverCameToIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]bool{"its image is there": false, "its image is gone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				old := s.push("v1")
				side := s.push("side-v1")
				s.create(twoServices("v1"))
				s.deleteImage(old)
				if gone {
					s.deleteImage(side)
				}
				s.pushFailing("v2")
				s.push("side-v2")
				require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(twoServices("v2")))
				s.mended = true
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
				require.NoError(t, err)
				if gone {
					require.ElementsMatch(t, []string{"web:2", "side:2"}, redeploys(p))
					require.Contains(t, strings.Join(p.Warnings, "\n"), "cannot start another task")
				} else {
					require.Equal(t, []string{"web:2"}, redeploys(p))
				}
				starts := s.starts["side-v1"]
				r, err := s.run(p)
				require.NoError(t, err, r)
				require.Equal(t, starts, s.starts["side-v1"])
				if !gone {
					require.Zero(t, s.starts["side-v2"])
				}
			})
		})
	}
}

// A revision that the clean-up of a successful update deleted is not the one
// that the update made.
func TestForwardDoesNotGoBackToADeletedRevision(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.create(web("v1"))
		up := true
		s.pushProgram("v2", func(c *rescuetest.Container) {
			if !up {
				c.After(5*time.Second, func() { c.Exit(1) })
				return
			}
			c.SetHealthy(true)
		})
		require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(web("v2")))
		up = false
		s.serve("web:2")
		before := s.starts["v1"]
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		require.Equal(t, []string{"web:2"}, redeploys(p))
		up = true
		_, err = s.run(p)
		require.ErrorIs(t, err, rescue.ErrPartly, "the service runs on a clone of the stack's own revision")
		require.Equal(t, before, s.starts["v1"], "old code was started")
	})
}

// The revisions are found by the service's own reference.
func TestRevisionsAreFoundByReference(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]string{
		"by Ref":           {},
		"by GetAtt":        {"TaskDefinition: !Ref Task", "TaskDefinition: !GetAtt Task.TaskDefinitionArn"},
		"without a family": {"      Family: web\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				old := s.push("v1")
				s.create(web("v1", edits...))
				s.deleteImage(old)
				s.pushFailing("v2")
				require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2", edits...)))
				s.mended = true
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
				require.NoError(t, err)
				r, err := s.run(p)
				require.NoError(t, err, r)
				require.Equal(t, rescue.Rescued, r.Result)
				require.Zero(t, s.starts["v1"]-2, "old code was started")
			})
		})
	}
}

// A revision that cannot be followed is not guessed.
func TestARevisionThatCannotBeFollowedIsNotGuessed(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		edits := []string{"TaskDefinition: !Ref Task", "TaskDefinition: !If [Yes, !Ref Task, !Ref Task]"}
		old := s.push("v1")
		body := func(tag string) string {
			return "Parameters: {Hush: {Type: String, NoEcho: true, Default: a}}\nConditions: {Yes: !Equals [!Ref Hush, a]}\n" + web(tag, edits...)
		}
		s.create(body("v1"))
		s.deleteImage(old)
		s.pushFailing("v2")
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(body("v2")))
		s.refuses(rescue.Choices{Direction: rescue.Forward}, rescue.ErrUnknown, "is an expression whose value is not known")
		s.refuses(rescue.Choices{Direction: rescue.Back}, rescue.ErrUnknown)
	})
}

// A savepoint that would start anything but what is kept, with other images, is
// refused when the plan is made.
func TestNoSavepointThatDiffersInMoreThanImages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edits []string
		field string
	}{
		"a variable":     {with(`Environment: [{Name: MODE, Value: s3cret}]`), "container web: Environment.MODE"},
		"a secret":       {with(`Secrets: [{Name: KEY, ValueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/key"}]`), "Secrets.KEY"},
		"a command":      {with(`Command: [serve, --new]`), "Command"},
		"a port":         {with(`PortMappings: [{ContainerPort: 8080}]`), "PortMappings"},
		"memory":         {with(`Memory: 256`), "Memory"},
		"the task's cpu": {[]string{"      Family: web\n", "      Family: web\n      Cpu: '512'\n"}, "Cpu"},
		"a role":         {[]string{"      Family: web\n", "      Family: web\n      TaskRoleArn: arn:aws:iam::123456789012:role/new\n"}, "TaskRoleArn"},
		"a volume":       {[]string{"      Family: web\n", "      Family: web\n      Volumes: [{Name: data}]\n"}, "Volumes"},
		"a health check": {[]string{"Interval: 10", "Interval: 20"}, "HealthCheck.Interval"},
		"a container":    {[]string{"      ContainerDefinitions:\n", "      ContainerDefinitions:\n        - {Name: side, Image: !Sub \"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:side\", Essential: false}\n"}, "container side"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.push("side")
				s.stuck(test.edits...)
				p := s.stops(rescue.Choices{Direction: rescue.Forward}, rescue.KindSavepoint, test.field)
				require.NotContains(t, p.String(), "s3cret")
				// The way that makes no savepoint is still there.
				_, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold})
				require.NoError(t, err)
			})
		})
	}
}

// The same for a revision that was made by hand and serves.
func TestNoSavepointOfARevisionMadeByHand(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.mended = true
		s.serve(s.handMade("web:2", func(c *ecstypes.ContainerDefinition) {
			c.Environment = append(c.Environment, ecstypes.KeyValuePair{Name: aws.String("FIX"), Value: aws.String("1")})
		}))
		s.cloud.ForgetCalls()
		p := s.stops(rescue.Choices{Direction: rescue.Forward}, rescue.KindSavepoint, "Environment.FIX")
		require.Empty(t, s.mutated())
		started := s.starts["v2"]
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.ServedWithDebt, r.Result)
		require.Equal(t, "2 of 2 run web:3", s.counts())
		require.Equal(t, started, s.starts["v2"], "users who are served are left alone")
	})
}
