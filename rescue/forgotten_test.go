package rescue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// ECS forgets a stopped task within the hour; what it printed stays in its
// stream, in a capture that is the first one as well.
func TestTheLogsOutliveTheTasks(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]time.Duration{"at once": time.Minute, "the next morning": 10 * time.Hour, "a week later": 7 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.stuck()
				time.Sleep(wait)
				d := s.diagnose()
				require.Contains(t, d.Causes.Update[0].Text, "FATAL: price service unreachable")
				require.Empty(t, d.Assumed)
			})
		})
	}
}

// A first deployment that fails takes the service with it; its tasks still say
// why, and no others do.
func TestADeletedServiceStillSaysWhy(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.createStack("base", "Resources:\n  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: prod}}\n  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /web}}\n")
		s.pushProgram("v1", rescuetest.Exits(3, 5*time.Second, "FATAL: DATABASE_URL is not set"))
		_, resources, _ := strings.Cut(web("v1"), "LogGroupName: /web}}\n")
		body := strings.NewReplacer("!Ref Cluster", "prod", "!Ref Logs", "/web").Replace("Resources:\n" + resources)
		_, err := s.cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("prod"), TemplateBody: &body})
		require.NoError(t, err)
		require.Equal(t, cfntypes.StackStatusRollbackComplete, s.rest("prod"))
		d := s.diagnose()
		require.Equal(t, rescue.Situation("not-rescuable"), d.Situation)
		require.Contains(t, d.Causes.Update[0].Text, "FATAL: DATABASE_URL is not set")
	})
}

// given is a stack whose pipeline registers the revision and hands it in.
const given = `
Parameters: {Revision: {Type: String}}
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: prod}}
  Web:
    Type: AWS::ECS::Service
    Properties: {ServiceName: web, Cluster: !Ref Cluster, TaskDefinition: !Ref Revision, DesiredCount: 2, DeploymentConfiguration: {MinimumHealthyPercent: 0, MaximumPercent: 100, DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}
`

// The revision comes as a parameter: no stack has a task definition. The savepoint
// sets the parameter.
func TestARevisionThatIsGiven(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		register := func(tag string) string {
			out, err := s.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"), ContainerDefinitions: []ecstypes.ContainerDefinition{{
				Name: aws.String("web"), Image: aws.String(s.cloud.Registry() + "/app:" + tag), Memory: aws.Int32(128),
				HealthCheck: &ecstypes.HealthCheck{Command: []string{"CMD", "true"}, Interval: aws.Int32(10), Retries: aws.Int32(3)},
			}}})
			require.NoError(t, err)
			return *out.TaskDefinition.TaskDefinitionArn
		}
		old := s.push("v1")
		s.create(given, "Revision", register("v1"))
		s.deleteImage(old)
		s.pushFailing("v2")
		second := register("v2")
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(given, "Revision", second))
		s.mended = true
		d := s.diagnose()
		require.Empty(t, d.Assumed)
		p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		require.Nil(t, p.Stop)
		require.Equal(t, []string{"web:2"}, redeploys(p))
		r, err := s.run(throughJSON(t, p, nil))
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		require.Equal(t, "2 of 2 run web:2", s.counts())
	})
}
