package rescue_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// site is an account with one stack in which things go wrong.
type site struct {
	t     *testing.T
	cloud *rescuetest.Cloud
	cfn   *cloudformation.Client
	ecs   *ecs.Client
	ecr   *ecr.Client
	// starts counts the containers that were started, by tag.
	starts map[string]int
	// digest is that of an image which a test deletes later.
	digest string
	// mended lets the images that fail run.
	mended bool
}

func inSite(t *testing.T, test func(*testing.T, *site), optFns ...func(*rescuetest.Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newSite(t, optFns...)) })
}

func newSite(t *testing.T, optFns ...func(*rescuetest.Options)) *site {
	t.Helper()
	c := rescuetest.New(optFns...)
	s := &site{t: t, cloud: c, cfn: cloudformation.NewFromConfig(c.Config()), ecs: ecs.NewFromConfig(c.Config()), ecr: ecr.NewFromConfig(c.Config()), starts: map[string]int{}}
	_, err := s.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	require.NoError(t, err)
	return s
}

// push makes an image whose containers run.
func (s *site) push(tag string) string {
	return s.pushProgram(tag, func(c *simtype.Container) { c.SetHealthy(true) })
}

// pushFailing makes an image whose containers exit until the site is mended.
func (s *site) pushFailing(tag string) string {
	return s.pushProgram(tag, func(c *simtype.Container) {
		if s.mended {
			c.SetHealthy(true)
			return
		}
		c.Print("FATAL: price service unreachable")
		c.After(5*time.Second, func() { c.Exit(1) })
	})
}

func (s *site) pushProgram(tag string, run simtype.Program) string {
	d, err := s.cloud.PushImage("app", tag, func(c *simtype.Container) { s.starts[tag]++; run(c) }, tag)
	require.NoError(s.t, err)
	return d
}

func (s *site) deleteImage(digest string) {
	_, err := s.ecr.BatchDeleteImage(s.t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &digest}}})
	require.NoError(s.t, err)
}

// web is a template with one service of two tasks; edits are pairs of what is
// replaced by what.
func web(tag string, edits ...string) string {
	body := `
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: prod}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /web}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: web
      ContainerDefinitions:
        - Name: web
          Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:` + tag + `"
          HealthCheck: {Command: [CMD, "true"], Interval: 10, Retries: 3}
          LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: !Ref Logs, awslogs-region: !Ref AWS::Region, awslogs-stream-prefix: w}}
  Web:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: web
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DesiredCount: 2
      DeploymentConfiguration: {MinimumHealthyPercent: 0, MaximumPercent: 100, DeploymentCircuitBreaker: {Enable: true, Rollback: true}}
`
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(body, edits[i]) {
			panic("the template has no " + edits[i])
		}
		body = strings.Replace(body, edits[i], edits[i+1], 1)
	}
	return body
}

// with adds a line to the container of [web].
func with(line string) []string {
	return []string{"          HealthCheck:", "          " + line + "\n          HealthCheck:"}
}

func parameters(kv []string) []cfntypes.Parameter {
	var out []cfntypes.Parameter
	for i := 0; i < len(kv); i += 2 {
		out = append(out, cfntypes.Parameter{ParameterKey: &kv[i], ParameterValue: &kv[i+1]})
	}
	return out
}

func (s *site) create(body string, kv ...string) {
	s.createStack("prod", body, kv...)
}

func (s *site) createStack(name, body string, kv ...string) {
	_, err := s.cfn.CreateStack(s.t.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &body, Parameters: parameters(kv), Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam, cfntypes.CapabilityCapabilityAutoExpand}})
	require.NoError(s.t, err)
	require.Equal(s.t, cfntypes.StackStatusCreateComplete, s.rest(name))
}

// update returns the status that the stack comes to rest in.
func (s *site) update(body string, kv ...string) cfntypes.StackStatus {
	s.begin(body, kv...)
	return s.rest("prod")
}

// begin begins an update.
func (s *site) begin(body string, kv ...string) {
	_, err := s.cfn.UpdateStack(s.t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("prod"), TemplateBody: &body, Parameters: parameters(kv), Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam, cfntypes.CapabilityCapabilityAutoExpand}})
	require.NoError(s.t, err)
}

func (s *site) rest(stack string) cfntypes.StackStatus {
	for range 5000 {
		time.Sleep(10 * time.Second)
		if st := s.status(stack); !strings.HasSuffix(string(st), "_IN_PROGRESS") {
			return st
		}
	}
	s.t.Fatal("the stack does not come to rest")
	return ""
}

func (s *site) status(stack string) cfntypes.StackStatus {
	out, err := s.cfn.DescribeStacks(s.t.Context(), &cloudformation.DescribeStacksInput{StackName: &stack})
	require.NoError(s.t, err)
	return out.Stacks[0].StackStatus
}

// stuck is the usual trouble: v1 is gone, v2 fails, the stack is locked.
func (s *site) stuck(edits ...string) {
	old := s.push("v1")
	s.create(web("v1"))
	s.deleteImage(old)
	s.pushFailing("v2")
	require.Equal(s.t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2", edits...)))
}

// serve sets the service to a revision by hand and waits.
func (s *site) serve(revision string) {
	_, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &revision, ForceNewDeployment: true})
	require.NoError(s.t, err)
	time.Sleep(15 * time.Minute)
}

// handMade registers a revision like another one, edited.
func (s *site) handMade(from string, edit func(*ecstypes.ContainerDefinition)) string {
	td, err := s.ecs.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &from})
	require.NoError(s.t, err)
	x := td.TaskDefinition
	edit(&x.ContainerDefinitions[0])
	out, err := s.ecs.RegisterTaskDefinition(s.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: x.Family, ContainerDefinitions: x.ContainerDefinitions, ExecutionRoleArn: x.ExecutionRoleArn, TaskRoleArn: x.TaskRoleArn, NetworkMode: x.NetworkMode, Cpu: x.Cpu, Memory: x.Memory, RequiresCompatibilities: x.RequiresCompatibilities})
	require.NoError(s.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func (s *site) scale(n int32) { s.scaleOf("web", n) }

func (s *site) scaleOf(service string, n int32) {
	_, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: &service, DesiredCount: &n})
	require.NoError(s.t, err)
	time.Sleep(10 * time.Minute)
}

func (s *site) diagnose(optFns ...func(*rescue.Options)) *rescue.Diagnosis {
	d, err := rescue.Diagnose(s.t.Context(), s.cloud.Config(), "prod", optFns...)
	require.NoError(s.t, err)
	return d
}

func (s *site) run(p *rescue.Plan, optFns ...func(*rescue.Options)) (*rescue.Report, error) {
	return rescue.Run(s.t.Context(), s.cloud.Config(), p, append([]func(*rescue.Options){confirmed}, optFns...)...)
}

// refuses requires that no plan is made, for a reason that names all facts, and
// with a next step.
func (s *site) refuses(c rescue.Choices, is error, facts ...string) {
	s.t.Helper()
	p, err := rescue.MakePlan(s.diagnose(), c)
	require.ErrorIs(s.t, err, is, "%s", p)
	for _, f := range facts {
		require.ErrorContains(s.t, err, f)
	}
	var e *rescue.Error
	require.ErrorAs(s.t, err, &e)
	require.NotEmpty(s.t, e.Next, err)
}

// stops requires that the plan of a direction ends before the steps of a kind,
// for a reason that names all facts, and with a next step.
func (s *site) stops(c rescue.Choices, before rescue.Kind, facts ...string) *rescue.Plan {
	s.t.Helper()
	p, err := rescue.MakePlan(s.diagnose(), c)
	require.NoError(s.t, err)
	requireStop(s.t, p, before, facts...)
	return p
}

func requireStop(t *testing.T, p *rescue.Plan, before rescue.Kind, facts ...string) {
	t.Helper()
	require.NotNil(t, p.Stop, "%s", p)
	require.Equal(t, before, p.Stop.Before, p.Stop)
	for _, f := range facts {
		require.Contains(t, p.Stop.String(), f)
	}
	require.NotEmpty(t, p.Debt, "what is left open is said")
	for _, x := range p.Steps {
		require.NotEqual(t, before, x.Kind)
		require.False(t, before == "unlock" && x.Kind == "savepoint")
	}
}

// counts are running and desired tasks and the revision.
func (s *site) counts() string {
	out, err := s.ecs.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"web"}})
	require.NoError(s.t, err)
	if len(out.Services) == 0 {
		return "no service"
	}
	v := out.Services[0]
	return fmt.Sprintf("%d of %d run %s", v.RunningCount, v.DesiredCount, (*v.TaskDefinition)[strings.LastIndex(*v.TaskDefinition, "/")+1:])
}

// mutated are the calls that changed something since the cloud last forgot its
// calls.
func (s *site) mutated() []string {
	var out []string
	for _, c := range s.cloud.Calls() {
		if c.Mutates() {
			out = append(out, c.Action)
		}
	}
	return out
}
