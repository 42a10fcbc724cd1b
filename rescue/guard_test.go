package rescue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// rolling is how a team that keeps its users deploys.
var rolling = []string{"MinimumHealthyPercent: 0, MaximumPercent: 100", "MinimumHealthyPercent: 100, MaximumPercent: 200"}

func (s *site) guard(optFns ...func(*rescue.GuardOptions)) *rescue.GuardReport {
	s.cloud.ForgetCalls()
	g, err := rescue.Guard(s.t.Context(), s.cloud.Config(), "prod", optFns...)
	require.NoError(s.t, err)
	require.Empty(s.t, s.mutated())
	data, err := json.Marshal(g)
	require.NoError(s.t, err)
	var back rescue.GuardReport
	require.NoError(s.t, json.Unmarshal(data, &back))
	require.Equal(s.t, g.String(), back.String())
	return g
}

func (s *site) policy(text string) {
	_, err := s.ecr.PutLifecyclePolicy(s.t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: &text})
	require.NoError(s.t, err)
}

const (
	byTime  = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":%d},"action":{"type":"expire"}}]}`
	byCount = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":%d},"action":{"type":"expire"}}]}`
)

// Guard finds the one thing that a rollback from here would stumble over, and
// says nothing of a stack that has none.
func TestGuard(t *testing.T) {
	t.Parallel()
	secret := func(s *site) string {
		out, err := secretsmanager.NewFromConfig(s.cloud.Config()).CreateSecret(s.t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("key"), SecretString: aws.String("x")})
		require.NoError(s.t, err)
		return *out.ARN
	}
	for name, test := range map[string]struct {
		edits func(*site) []string
		then  func(*site)
		// finds is a text of the check that fails; none: all hold.
		finds string
	}{
		"healthy":                        {},
		"a policy that keeps enough":     {then: func(s *site) { s.policy(fmt.Sprintf(byCount, 100)) }},
		"a policy of a year":             {then: func(s *site) { s.policy(fmt.Sprintf(byTime, 365)) }},
		"a secret that is there":         {edits: func(s *site) []string { return with(`Secrets: [{Name: KEY, ValueFrom: "` + secret(s) + `"}]`) }},
		"the image is gone":              {then: func(s *site) { s.deleteImage(s.digest) }, finds: "app:v1 is there"},
		"the image will be gone by time": {then: func(s *site) { s.policy(fmt.Sprintf(byTime, 7)) }, finds: "lifecycle rule"},
		"by count":                       {then: func(s *site) { s.policy(fmt.Sprintf(byCount, 1)) }, finds: "lifecycle rule"},
		"the secret is gone": {edits: func(s *site) []string { return with(`Secrets: [{Name: KEY, ValueFrom: "` + secret(s) + `"}]`) }, then: func(s *site) {
			_, err := secretsmanager.NewFromConfig(s.cloud.Config()).DeleteSecret(s.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("key"), ForceDeleteWithoutRecovery: aws.Bool(true)})
			require.NoError(s.t, err)
		}, finds: "secret"},
		"the log group is gone": {then: func(s *site) {
			_, err := cloudwatchlogs.NewFromConfig(s.cloud.Config()).DeleteLogGroup(s.t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/web")})
			require.NoError(s.t, err)
		}, finds: "log group /web"},
		"no breaker": {edits: func(*site) []string {
			return []string{", DeploymentCircuitBreaker: {Enable: true, Rollback: true}", ""}
		}, finds: "ends by itself"},
		"a breaker without a way":  {edits: func(*site) []string { return []string{"Rollback: true", "Rollback: false"} }, finds: "taken back by itself"},
		"everything is stopped":    {edits: func(*site) []string { return []string{rolling[1], rolling[0]} }, finds: "tasks serve while"},
		"another revision":         {then: func(s *site) { s.serve(s.handMade("web:1", func(*ecstypes.ContainerDefinition) {})) }, finds: "stack's own revision"},
		"the revision is inactive": {then: func(s *site) { s.deregister("web:1") }, finds: "is ACTIVE"},
		"a pending change set": {then: func(s *site) {
			_, err := s.cfn.CreateChangeSet(s.t.Context(), &cloudformation.CreateChangeSetInput{StackName: aws.String("prod"), ChangeSetName: aws.String("later"), TemplateBody: aws.String(web("v1", append(rolling, "DesiredCount: 2", "DesiredCount: 3")...))})
			require.NoError(s.t, err)
			time.Sleep(time.Minute)
		}, finds: "change set"},
		"the tag was pushed again": {then: func(s *site) {
			_, err := s.cloud.PushImage("app", "other", rescuetest.Runs(), "v1")
			require.NoError(s.t, err)
		}, finds: "names what runs"},
		"the tag was moved to an older image": {edits: func(s *site) []string {
			_, err := s.cloud.PushImage("app", "older", rescuetest.Runs(), "v0")
			require.NoError(s.t, err)
			return nil
		}, then: func(s *site) {
			_, err := s.cloud.PushImage("app", "older", rescuetest.Runs(), "v1")
			require.NoError(s.t, err)
		}, finds: "names what runs"},
		"another tag of what runs": {then: func(s *site) {
			_, err := s.cloud.PushImage("app", "v1", rescuetest.Runs(), "v1", "stable")
			require.NoError(s.t, err)
		}},
		"scaled to nothing": {then: func(s *site) { s.scale(0) }, finds: "users of prod/web"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.digest = s.push("v1")
				edits := rolling
				if test.edits != nil {
					edits = append(edits[:2:2], test.edits(s)...)
				}
				s.create(web("v1", edits...))
				time.Sleep(10 * time.Minute)
				if test.then != nil {
					test.then(s)
				}
				g := s.guard()
				require.Empty(t, g.Unknown())
				if test.finds == "" {
					require.Empty(t, g.Failed(), g)
					require.Contains(t, g.String(), "a rollback from here would succeed")
					return
				}
				require.NotEmpty(t, g.Failed())
				found := false
				for _, c := range g.Failed() {
					found = found || strings.Contains(c.String(), test.finds)
				}
				require.True(t, found, g)
			})
		})
	}
}

// An image that is about to be deployed must be there and stay.
func TestGuardOfWhatIsToBeDeployed(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.create(web("v1", rolling...))
		next := s.cloud.Registry() + "/app:v2"
		g := s.guard(func(o *rescue.GuardOptions) { o.Images = []string{next} })
		require.Len(t, g.Failed(), 1)
		require.Contains(t, g.Failed()[0].What, "app:v2, to be deployed")
		s.push("v2")
		g = s.guard(func(o *rescue.GuardOptions) { o.Images = []string{next} })
		require.Empty(t, g.Failed(), g)
	})
}

// The image of a scheduled task is gone: no service tells.
func TestGuardOfATaskThatNoServiceRuns(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		job := s.push("job")
		s.create(web("v1", rolling...) + "  Job: {Type: AWS::ECS::TaskDefinition, Properties: {Family: job, ContainerDefinitions: [{Name: job, Memory: 64, Image: !Sub \"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:job\"}]}}\n")
		require.Empty(t, s.guard().Failed())
		s.deleteImage(job)
		failed := s.guard().Failed()
		require.Len(t, failed, 1)
		require.Contains(t, failed[0].What, "app:job of job:1")
	})
}

// What could not be read is neither good nor bad, and is counted apart.
func TestGuardThatMayNotRead(t *testing.T) {
	t.Parallel()
	for action, what := range map[string]string{
		"ecr:GetLifecyclePolicy": "lifecycle rule", "ecs:ListTasks": "stay up", "logs:DescribeLogGroups": "log group /web", "ecr:DescribeImages": "app:v1", "cloudformation:ListChangeSets": "change set",
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.push("v1")
				s.create(web("v1", rolling...))
				s.deny(action)
				g := s.guard()
				require.Empty(t, g.Failed(), g)
				require.Len(t, g.Unknown(), 1, g)
				require.Contains(t, g.Unknown()[0].String(), what)
				require.Contains(t, g.String(), "as far as was seen")
			})
		})
	}
}

// A parameter of SSM's store is read by a function of the program's.
func TestGuardOfParameters(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		_, err := ssm.NewFromConfig(s.cloud.Config()).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/app/key"), Type: ssmtypes.ParameterTypeString, Value: aws.String("x")})
		require.NoError(t, err)
		s.push("v1")
		s.create(web("v1", append(rolling[:2:2], with(`Secrets: [{Name: KEY, ValueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/app/key"}]`)...)...))
		for _, there := range []bool{true, false} {
			asked := ""
			g := s.guard(func(o *rescue.GuardOptions) {
				o.Parameter = func(_ context.Context, name string) (bool, error) { asked = name; return there, nil }
			})
			require.Equal(t, "/app/key", asked)
			require.Equal(t, there, len(g.Failed()) == 0, g)
		}
	})
}

// No false alarm on stacks that are fine, whatever they look like.
func TestGuardOfRandomHealthyStacks(t *testing.T) {
	t.Parallel()
	n := sample.Count(t, 15, 200)
	alarms, unknown := 0, 0
	for seed := range n {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		inSite(t, func(t *testing.T, s *site) {
			tag := fmt.Sprintf("v%d", r.IntN(9))
			s.push(tag)
			edits := append([]string(nil), rolling...)
			if r.IntN(2) == 0 {
				edits = append(edits, "DesiredCount: 2", fmt.Sprintf("DesiredCount: %d", r.IntN(4)))
			}
			if r.IntN(2) == 0 {
				edits = append(edits, with(`Environment: [{Name: MODE, Value: fast}]`)...)
			}
			if r.IntN(3) == 0 {
				edits = append(edits, "          HealthCheck: {Command: [CMD, \"true\"], Interval: 10, Retries: 3}\n", "")
			}
			body := web(tag, edits...)
			if r.IntN(2) == 0 {
				s.push("w1")
				body += worker(rolling...)
			}
			s.create(body)
			if r.IntN(2) == 0 {
				s.push("next")
				require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(strings.Replace(body, ":"+tag+`"`, `:next"`, 1)))
			}
			if r.IntN(2) == 0 {
				s.policy(fmt.Sprintf(byCount, 20+r.IntN(100)))
			}
			time.Sleep(time.Duration(r.IntN(100)) * time.Hour)
			g := s.guard()
			unknown += len(g.Unknown())
			if len(g.Failed()) > 0 {
				alarms++
				t.Logf("seed %d: %s", seed, g)
			}
		})
	}
	t.Logf("guard: %d random healthy stacks, %d false alarms, %d checks not known", n, alarms, unknown)
	require.LessOrEqual(t, alarms*20, n)
}

// A guard of a stack costs few calls.
func TestGuardsCalls(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.create(web("v1", rolling...))
		s.guard()
		n := len(s.cloud.Calls())
		t.Logf("guard of one stack with one service: %d calls", n)
		require.LessOrEqual(t, n, 16)
	})
}

func (s *site) deregister(revision string) {
	_, err := s.ecs.DeregisterTaskDefinition(s.t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &revision})
	require.NoError(s.t, err)
}

// A function of the stack runs an image, too: by its template, or as Lambda says.
func TestGuardOfFunctions(t *testing.T) {
	t.Parallel()
	asked := func(f rescue.ImageUser, err error) func(*rescue.GuardOptions) {
		return func(o *rescue.GuardOptions) {
			o.Function = func(context.Context, string) (rescue.ImageUser, error) { return f, err }
		}
	}
	for name, test := range map[string]struct {
		then          func(*site)
		option        func(*rescue.GuardOptions)
		failed, known string
	}{
		"fine":            {},
		"asked":           {option: asked(rescue.ImageUser{State: "Active"}, nil)},
		"gone":            {then: func(s *site) { s.deleteImage(s.digest) }, failed: "app:fn1 is missing"},
		"will be gone":    {then: func(s *site) { s.policy(fmt.Sprintf(byTime, 7)) }, failed: "lifecycle rule"},
		"failed":          {option: asked(rescue.ImageUser{State: "Failed", Reason: "too large"}, nil), failed: "Lambda says Failed: too large"},
		"another":         {option: asked(rescue.ImageUser{State: "Active", Images: []string{"123456789012.dkr.ecr.us-east-1.amazonaws.com/app:fn9"}}, nil), failed: "app:fn9 is missing"},
		"may not be read": {option: asked(rescue.ImageUser{}, errors.New("AccessDenied: lambda:GetFunction")), known: "lambda:GetFunction"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.push("v1")
				s.digest = s.push("fn1")
				s.create(web("v1", rolling...) + function)
				if test.then != nil {
					test.then(s)
				}
				g := s.guard(func(o *rescue.GuardOptions) {
					if test.option != nil {
						test.option(o)
					}
				})
				require.Equal(t, test.failed == "", len(g.Failed()) == 0, g)
				require.Equal(t, test.known == "", len(g.Unknown()) == 0, g)
				require.Contains(t, g.String(), test.failed)
				require.Contains(t, g.String(), test.known)
			})
		})
	}
}

// Whether a tag names what runs is not known where the record of what runs may not be
// read; where no tag can have moved, nobody asks.
func TestGuardOfTagsThatMayNotRead(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.create(web("v1", rolling...))
		s.deny("ecs:DescribeServiceRevisions")
		require.Empty(t, s.guard().Unknown())
		_, err := s.cloud.PushImage("app", "other", rescuetest.Runs(), "v1")
		require.NoError(t, err)
		g := s.guard()
		require.Empty(t, g.Failed(), g)
		require.Len(t, g.Unknown(), 1, g)
		require.Contains(t, g.Unknown()[0].String(), "the tags of service prod/web name what runs")
	})
}
