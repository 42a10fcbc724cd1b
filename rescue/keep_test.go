package rescue_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
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
		require.Equal(t, rescue.Result("rescued"), r.Result)
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

// ECS itself went back to the old revision, which serves and is kept: to deploy
// the new one to users who are served, the operator has to name it.
func TestForwardDoesNotRedeployAServiceThatWentBack(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.create(web("v1"))
		s.pushFailing("v2")
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, "Rate exceeded")
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2")))
		s.cloud.Advance(10 * time.Minute) // ECS goes back by itself; CloudFormation's rollback failed before it asked
		require.Equal(t, "2 of 2 run web:1", s.counts())
		for _, direction := range []rescue.Direction{rescue.Back, rescue.Hold} {
			p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: direction})
			require.NoError(t, err)
			require.Empty(t, redeploys(p))
			for _, x := range p.Steps {
				require.False(t, x.Unlock != nil && len(x.Unlock.Skips) > 0, "the cheapest way first")
			}
		}
		before := maps.Clone(s.starts)
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		require.Contains(t, strings.Join(p.Warnings, "\n"), "name web:2")
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		require.Equal(t, "2 of 2 run web:1", s.counts())
		require.Equal(t, before, s.starts, "users who are served are left alone")
	})
}

// While ECS is still bringing the old revision back, and nothing of that has failed,
// nothing needs to be skipped either; where it fails, or its image is gone, it does.
func TestAServiceOnItsWayBackNeedsNoSkip(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]bool{"its image is there": false, "its image is gone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				old := s.push("v1")
				s.create(web("v1"))
				if gone {
					s.deleteImage(old)
				}
				s.pushFailing("v2")
				s.cloud.FailResource("prod", "Web", simtype.OnRollback, "Rate exceeded")
				require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2")))
				require.Equal(t, "0 of 2 run web:1", s.counts())
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold})
				require.NoError(t, err)
				for _, x := range p.Steps {
					if x.Unlock != nil {
						require.Equal(t, gone, len(x.Unlock.Skips) > 0)
					}
				}
				if gone {
					return
				}
				r, err := s.run(p)
				require.NoError(t, err, r)
				require.Equal(t, rescue.Result("rescued"), r.Result)
				require.Equal(t, "2 of 2 run web:1", s.counts())
			})
		})
	}
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
		s.pushProgram("v2", func(c *simtype.Container) {
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
				require.Equal(t, rescue.Result("rescued"), r.Result)
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
func TestSavepointCarriesWhatServes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edits []string
		field string
		stops bool // it cannot be carried
	}{
		"a variable":     {with(`Environment: [{Name: MODE, Value: s3cret}]`), "container web: Environment.MODE", false},
		"a secret":       {with(`Secrets: [{Name: KEY, ValueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/key"}]`), "Secrets.KEY", false},
		"a command":      {with(`Command: [serve, --new]`), "Command", false},
		"a port":         {with(`PortMappings: [{ContainerPort: 8080}]`), "PortMappings", false},
		"memory":         {with(`Memory: 256`), "Memory", false},
		"the task's cpu": {[]string{"      Family: web\n", "      Family: web\n      Cpu: '512'\n"}, "Cpu", false},
		"a role":         {[]string{"      Family: web\n", "      Family: web\n      TaskRoleArn: arn:aws:iam::123456789012:role/new\n"}, "TaskRoleArn", false},
		"a volume":       {[]string{"      Family: web\n", "      Family: web\n      Volumes: [{Name: data}]\n"}, "Volumes", false},
		"a health check": {[]string{"Interval: 10", "Interval: 20"}, "HealthCheck.Interval", false},
		"a container":    {[]string{"      ContainerDefinitions:\n", "      ContainerDefinitions:\n        - {Name: side, Image: !Sub \"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:side\", Essential: false}\n"}, "container side", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.push("side")
				_, err := ssm.NewFromConfig(s.cloud.Config()).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/key"), Type: ssmtypes.ParameterTypeString, Value: aws.String("x")})
				require.NoError(t, err)
				s.stuck(test.edits...)
				s.mended = true
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
				require.NoError(t, err)
				require.NotContains(t, p.String(), "s3cret")
				want := rescue.Result("rescued")
				if test.stops {
					requireStop(t, p, "savepoint", test.field)
					want = "served-with-debt"
				} else {
					require.Nil(t, p.Stop)
					require.Contains(t, p.String(), test.field, "what is written into the template is said")
				}
				before := s.starts["v1"]
				r, err := s.run(throughJSON(t, p, nil))
				require.NoError(t, err, r)
				require.Equal(t, want, r.Result, r)
				require.Equal(t, before, s.starts["v1"])
				require.Equal(t, "2 of 2", s.counts()[:6])
				if want == "rescued" {
					// What serves is the stack's own, and the same in all but its name.
					require.Equal(t, s.settings("web:2"), s.settings(s.counts()[len("2 of 2 run "):]))
				}
			})
		})
	}
}

// The same for a revision that was made by hand and serves: users are left alone
// until the savepoint, which starts the same.
func TestSavepointOfARevisionMadeByHand(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.mended = true
		s.serve(s.handMade("web:2", func(c *ecstypes.ContainerDefinition) {
			c.Environment = append(c.Environment, ecstypes.KeyValuePair{Name: aws.String("FIX"), Value: aws.String("1")})
		}))
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		require.Contains(t, p.String(), "Environment.FIX")
		started := s.starts["v2"]
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		require.Equal(t, "2 of 2 run web:4", s.counts())
		require.Equal(t, s.settings("web:3"), s.settings("web:4"))
		require.Equal(t, started+2, s.starts["v2"], "the savepoint alone has started tasks")
	})
}

// settings are what a revision has, images apart.
func (s *site) settings(revision string) string {
	s.t.Helper()
	out, err := s.ecs.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &revision})
	require.NoError(s.t, err)
	td := out.TaskDefinition
	slices.SortFunc(td.ContainerDefinitions, func(a, b ecstypes.ContainerDefinition) int { return strings.Compare(*a.Name, *b.Name) })
	for i := range td.ContainerDefinitions {
		td.ContainerDefinitions[i].Image = nil
	}
	data, err := json.MarshalIndent([]any{td.ContainerDefinitions, td.Cpu, td.Memory, td.TaskRoleArn, td.ExecutionRoleArn, td.Volumes, td.NetworkMode}, "", " ")
	require.NoError(s.t, err)
	return string(data)
}
