package rescue_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// fact is what a diagnosis is to know of one service: its users, and the names of its
// revisions; "-" for one that it cannot have.
type fact struct {
	state                        rescue.UserState
	serving, recorded, attempted string
}

// Other people's stacks: facts are right whatever the shape.
func TestFactsOfOtherShapes(t *testing.T) {
	t.Parallel()
	public := func(tag string) string {
		return strings.Replace(web(tag), `!Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:`+tag+`"`, "public.ecr.aws/nginx/nginx:1.27", 1)
	}
	for name, test := range map[string]struct {
		make   func(*site)
		option func(*rescue.Options)
		facts  map[string]fact
		is     rescue.Situation
		says   []string
		not    []string
	}{
		"another stack in the cluster": {
			make: func(s *site) {
				s.push("v1")
				s.pushProgram("w1", rescuetest.Exits(1, 20*time.Second, "FATAL: somebody else's"))
				s.create(web("v1"))
				_, resources, _ := strings.Cut(worker("DeploymentCircuitBreaker: {Enable: true, Rollback: true}", "DeploymentCircuitBreaker: {Enable: false, Rollback: false}"), "\n")
				body := "Resources:\n  Logs2: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /other}}\n  WorkerTask:\n" + strings.NewReplacer("!Ref Cluster", "prod", "!Ref Logs", "!Ref Logs2").Replace(resources)
				_, err := s.cfn.CreateStack(s.t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("other"), TemplateBody: &body})
				require.NoError(s.t, err)
				time.Sleep(30 * time.Minute)
				s.cloud.ForgetCalls()
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy", not: []string{"somebody else's", "worker"},
		},
		"a service that nobody's stack has": {
			make: func(s *site) {
				s.push("v1")
				s.create(web("v1"))
				_, err := s.ecs.CreateService(s.t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web-2"), TaskDefinition: aws.String("web:1"), DesiredCount: aws.Int32(1)})
				require.NoError(s.t, err)
				time.Sleep(10 * time.Minute)
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy", not: []string{"web-2"},
		},
		"created outside under a like name, and fails": {
			make: func(s *site) {
				s.push("v1")
				s.create(web("v1"))
				s.pushFailing("v9")
				bad := s.handMade("web:1", func(c *ecstypes.ContainerDefinition) {
					c.Image = aws.String(strings.Replace(*c.Image, ":v1", ":v9", 1))
				})
				_, err := s.ecs.CreateService(s.t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web-canary"), TaskDefinition: &bad, DesiredCount: aws.Int32(1)})
				require.NoError(s.t, err)
				time.Sleep(10 * time.Minute)
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy", not: []string{"price service"},
		},
		"names that CloudFormation makes": {
			make: func(s *site) {
				s.push("v1")
				s.create(web("v1", "      ServiceName: web\n", "", "      Family: web\n", ""))
			},
			facts: map[string]fact{"": {"served", "-", "-", "-"}}, is: "healthy",
		},
		"a public image": {
			make:  func(s *site) { s.create(public("v1")) },
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy", not: []string{"cannot run"},
		},
		"a sidecar that dies and does not matter": {
			make: func(s *site) {
				s.push("v1")
				s.pushProgram("side1", rescuetest.Exits(1, 5*time.Second, "sidecar gone"))
				s.create(web("v1", "        - Name: web\n", "        - {Name: proxy, Essential: false, Image: !Sub \"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:side1\"}\n        - Name: web\n"))
				time.Sleep(10 * time.Minute)
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy",
		},
		"a sidecar that matters has a check, and fails it": {
			make: func(s *site) {
				s.push("v1")
				s.push("side1")
				s.create(web("v1", "        - Name: web\n", "        - {Name: proxy, Essential: true, HealthCheck: {Command: [CMD, x], Interval: 5, Retries: 10}, Image: !Sub \"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:side1\"}\n        - Name: web\n"))
				s.pushProgram("side1", rescuetest.NeverHealthy("loading"))
				_, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), ForceNewDeployment: true})
				require.NoError(s.t, err)
				time.Sleep(45 * time.Second)
			},
			facts: map[string]fact{"prod/web": {"not-served", "web:1", "web:1", "web:1"}}, is: "degraded", says: []string{"0 of 2 running tasks pass their health checks"},
		},
		"a daemon": {
			make: func(s *site) {
				s.push("v1")
				s.create(web("v1", "      DesiredCount: 2\n", "      SchedulingStrategy: DAEMON\n"))
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy",
		},
		"an autoscaler went to zero": {
			make: func(s *site) { s.push("v1"); s.create(web("v1", "      DesiredCount: 2\n", "")); s.scale(0) },
			option: func(o *rescue.Options) {
				o.Minimum = func(context.Context, ecsx.Service) (int, bool, error) { return 0, true, nil }
			},
			facts: map[string]fact{"prod/web": {"scaled-to-zero", "", "web:1", "web:1"}}, is: "healthy", says: []string{"the minimum of its scalable target is 0"},
		},
		"an autoscaler would not have gone to zero": {
			make: func(s *site) { s.push("v1"); s.create(web("v1", "      DesiredCount: 2\n", "")); s.scale(0) },
			option: func(o *rescue.Options) {
				o.Minimum = func(context.Context, ecsx.Service) (int, bool, error) { return 1, true, nil }
			},
			facts: map[string]fact{"prod/web": {"not-served", "", "web:1", "web:1"}}, is: "degraded",
		},
		"a family instead of a revision": {
			make: func(s *site) {
				s.push("v1")
				s.create(web("v1", "TaskDefinition: !Ref Task", "TaskDefinition: web", "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Task\n"))
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy",
		},
		"family and revision, written out": {
			make: func(s *site) {
				s.push("v1")
				s.create(web("v1", "TaskDefinition: !Ref Task", "TaskDefinition: 'web:1'", "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Task\n"))
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy",
		},
		"family and revision, written out, stuck": {
			make: func(s *site) {
				out := func(tag, revision string) string {
					return web(tag, "TaskDefinition: !Ref Task", "TaskDefinition: '"+revision+"'", "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Task\n")
				}
				old := s.push("v1")
				s.create(out("v1", "web:1"))
				s.deleteImage(old)
				s.pushFailing("v2")
				require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(out("v2", "web:2")))
			},
			facts: map[string]fact{"prod/web": {"not-served", "", "web:1", "web:2"}}, is: "stuck", says: []string{"price service unreachable", "app:v1 is missing"},
		},
		"a service that a condition takes out": {
			make: func(s *site) {
				s.push("v1")
				s.push("w1")
				s.create("Conditions: {No: !Equals [a, b]}" + web("v1") + strings.Replace(worker(), "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    Condition: No\n", 1))
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy",
		},
		"siblings that failed both": {
			make: func(s *site) {
				leaf := func(n, tag string) string {
					body := strings.NewReplacer("ClusterName: prod", "ClusterName: "+n, "/web", "/"+n, "Family: web", "Family: "+n, "ServiceName: web", "ServiceName: "+n).Replace(web(tag))
					s.putTemplate(n+"-"+tag+".yaml", body)
					return "{Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: \"https://templates.s3.us-east-1.amazonaws.com/" + n + "-" + tag + ".yaml\"}}\n"
				}
				root := func(tag string) string { return "Resources:\n  A: " + leaf("a", tag) + "  B: " + leaf("b", tag) }
				old := s.push("v1")
				s.create(root("v1"))
				s.deleteImage(old)
				s.pushFailing("v2")
				require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(root("v2")))
			},
			facts: map[string]fact{"a/a": {"not-served", "", "a:1", "a:2"}, "b/b": {"not-served", "", "b:1", "b:2"}}, is: "stuck", says: []string{"price service unreachable"},
		},
		"a nested stack that failed a month ago": {
			make: func(s *site) {
				s.putTemplate("data-a.yaml", "Resources: {Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: a}}}")
				s.putTemplate("data-b.yaml", "Resources: {Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: b}}}")
				root := func(data, tag string) string {
					return strings.Replace(web(tag), "Resources:\n", "Resources:\n  Data: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: \"https://templates.s3.us-east-1.amazonaws.com/data-"+data+".yaml\"}}\n", 1)
				}
				old := s.push("v1")
				s.create(root("a", "v1"))
				child := ""
				for _, x := range s.diagnose().Stacks {
					if x.Depth == 1 {
						child = x.Name
					}
				}
				s.cloud.FailResource(child, "Topic", simtype.OnUpdate, "last month's trouble")
				require.EqualValues(s.t, "UPDATE_ROLLBACK_COMPLETE", s.update(root("b", "v1")))
				time.Sleep(30 * 24 * time.Hour)
				s.deleteImage(old)
				s.pushFailing("v2")
				require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(root("a", "v2")))
			},
			facts: map[string]fact{"prod/web": {"not-served", "", "web:1", "web:2"}}, is: "stuck", says: []string{"price service unreachable"}, not: []string{"last month's trouble"},
		},
		"resources in a loop": {
			make: func(s *site) {
				s.push("v1")
				s.create("Transform: AWS::LanguageExtensions" + web("v1") + "  Fn::ForEach::Queues:\n    - Q\n    - [Orders, Mails]\n    - Queue${Q}: {Type: AWS::SQS::Queue, Properties: {}}\nOutputs:\n  Fn::ForEach::Out:\n    - Q\n    - [Orders, Mails]\n    - Url${Q}: {Value: !Sub \"queue-${Q}\"}\n")
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", "web:1"}}, is: "healthy",
		},
		"the cluster went with its service": {
			make: func(s *site) {
				s.push("v1")
				s.create(web("v1"))
				s.scale(0)
				s.deleteService()
				_, err := s.ecs.DeleteCluster(s.t.Context(), &ecs.DeleteClusterInput{Cluster: aws.String("prod")})
				require.NoError(s.t, err)
			},
			facts: map[string]fact{"prod/web": {"not-served", "", "web:1", "web:1"}}, is: "degraded", says: []string{"ECS has no such service"},
		},
		"updated well, and down since": {
			make: func(s *site) {
				s.push("v1")
				s.mended = true
				s.create(web("v1"))
				s.pushFailing("v2")
				require.EqualValues(s.t, "UPDATE_COMPLETE", s.update(web("v2")))
				s.mended = false
				s.serve("web:2")
			},
			facts: map[string]fact{"prod/web": {"not-served", "", "web:2", "web:2"}}, is: "degraded", not: []string{"web:1"},
		},
		"updated well twice, and failing since": {
			make: func(s *site) {
				s.push("v1")
				s.push("v2")
				s.create(web("v1"))
				require.EqualValues(s.t, "UPDATE_COMPLETE", s.update(web("v2")))
				s.pushProgram("v3", func(c *simtype.Container) {
					c.SetHealthy(true)
					c.After(3*time.Minute, func() { c.Exit(137) })
				})
				require.EqualValues(s.t, "UPDATE_COMPLETE", s.update(web("v3")))
				time.Sleep(30*time.Minute + 100*time.Second)
			},
			facts: map[string]fact{"prod/web": {"partly-served", "web:3", "web:3", "web:3"}}, is: "degraded", says: []string{"go on failing"}, not: []string{"web:2"},
		},
		"only a topic was updated since": {
			make: func(s *site) {
				topic := func(n string) string {
					return "  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: " + n + "}}\n"
				}
				s.push("v1")
				s.create(web("v1") + topic("a"))
				require.EqualValues(s.t, "UPDATE_COMPLETE", s.update(web("v1")+topic("b")))
			},
			facts: map[string]fact{"prod/web": {"served", "web:1", "web:1", ""}}, is: "healthy",
		},
		"mended by hand with a setting, while locked": {
			make: func(s *site) {
				s.stuck()
				s.mended = true
				s.serve(s.handMade("web:2", func(c *ecstypes.ContainerDefinition) {
					c.Environment = append(c.Environment, ecstypes.KeyValuePair{Name: aws.String("FIX"), Value: aws.String("1")})
				}))
			},
			facts: map[string]fact{"prod/web": {"served", "web:3", "web:1", "web:2"}}, is: "stuck", says: []string{"is set to web:3, and the stack's record has web:1"},
		},
		"mended by hand, then deregistered": {
			make: func(s *site) {
				s.stuck()
				s.mended = true
				fix := s.handMade("web:2", func(c *ecstypes.ContainerDefinition) { c.StopTimeout = aws.Int32(60) })
				s.serve(fix)
				s.deregisterNow(fix)
			},
			facts: map[string]fact{"prod/web": {"served", "web:3", "web:1", "web:2"}}, is: "stuck",
		},
		"half of it mended by hand": {
			make: func(s *site) {
				s.stuck()
				s.mended = true
				s.serve("web:2")
				s.pushProgram("v5", func(c *simtype.Container) { c.Print("slow") })
				slow := s.handMade("web:2", func(c *ecstypes.ContainerDefinition) {
					c.Image = aws.String(strings.Replace(*c.Image, ":v2", ":v5", 1))
				})
				_, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &slow, DeploymentConfiguration: &ecstypes.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(50), MaximumPercent: aws.Int32(100)}})
				require.NoError(s.t, err)
				time.Sleep(30 * time.Second)
			},
			facts: map[string]fact{"prod/web": {"partly-served", "", "web:1", "web:2"}}, is: "stuck", says: []string{"1 of 2 running tasks pass"},
		},
		"deployed by hand from another family": {
			make: func(s *site) {
				s.push("v1")
				s.create(web("v1"))
				td, err := s.ecs.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web:1")})
				require.NoError(s.t, err)
				_, err = s.ecs.RegisterTaskDefinition(s.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("hotfix"), ContainerDefinitions: td.TaskDefinition.ContainerDefinitions})
				require.NoError(s.t, err)
				s.serve("hotfix:1")
			},
			facts: map[string]fact{"prod/web": {"served", "hotfix:1", "web:1", "web:1"}}, is: "degraded", says: []string{"is set to hotfix:1, and the stack's record has web:1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				test.make(s)
				d := s.diagnose(test.option)
				text := d.String() + strings.Join(d.Debt, "\n")
				require.Len(t, d.Users, len(test.facts), text)
				for i, f := range d.Evidence().Services {
					want, named := test.facts[f.Service.String()]
					if !named {
						want = test.facts[""]
					}
					require.Equal(t, want.state, d.Users[i].State, text)
					for _, x := range [][3]string{{"serving", want.serving, f.Serving()}, {"recorded", want.recorded, f.Back}, {"attempted", want.attempted, f.Forward}} {
						if x[1] == "-" {
							require.NotEmpty(t, x[2], x[0])
							continue
						}
						require.Equal(t, x[1], lastID(x[2]), "%s\n%s", x[0], text)
					}
					require.Empty(t, f.RevisionsUnknown, text)
				}
				require.Equal(t, test.is, d.Situation, text)
				for _, want := range test.says {
					require.Contains(t, text, want)
				}
				for _, not := range test.not {
					require.NotContains(t, text, not)
				}
				require.Empty(t, d.Unknown, text)
			})
		})
	}
}
