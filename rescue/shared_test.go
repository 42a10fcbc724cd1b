package rescue_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// paged are reads that come a page at a time: their number is the account's size.
var paged = []string{"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:ListChangeSets", "ecs:ListTasks", "ecr:DescribeImages"}

// A guard over an account reads once what its stacks share: 20 stacks with two
// services each in one cluster, of five repositories.
func TestGuardOfAnAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := rescuetest.New()
		cfg := cloud.Config()
		cfn := cloudformation.NewFromConfig(cfg)
		_, err := ecs.NewFromConfig(cfg).CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("shared")})
		require.NoError(t, err)
		for i := range 5 {
			name := fmt.Sprint("app", i)
			_, err := ecr.NewFromConfig(cfg).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
			require.NoError(t, err)
			_, err = cloud.PushImage(name, "one", rescuetest.Runs(), "v1")
			require.NoError(t, err)
		}
		var names []string
		for i := range 20 {
			body := "Resources:\n"
			for j := range 2 {
				body += fmt.Sprintf("  Task%d: {Type: AWS::ECS::TaskDefinition, Properties: {Family: f%d-%d, ContainerDefinitions: [{Name: app, Image: \"%s/app%d:v1\"}]}}\n", j, i, j, cloud.Registry(), i%5)
				body += fmt.Sprintf("  Service%d: {Type: AWS::ECS::Service, Properties: {ServiceName: s%d-%d, Cluster: shared, TaskDefinition: !Ref Task%d, DesiredCount: 1}}\n", j, i, j, j)
			}
			names = append(names, fmt.Sprint("stack", i))
			time.Sleep(time.Second) // as the limits of CloudFormation are
			_, err = cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &names[i], TemplateBody: &body})
			require.NoError(t, err)
		}
		time.Sleep(30 * time.Minute)
		round := func(cfg aws.Config) (texts []string, each float64) {
			cloud.ForgetCalls()
			for _, name := range names {
				g, err := rescue.Guard(t.Context(), cfg, name)
				require.NoError(t, err)
				text := g.String()
				g.At = time.Time{}
				texts = append(texts, text)
			}
			beyond := 0
			for _, c := range cloud.Calls() {
				if !strings.Contains(strings.Join(paged, " "), c.Action) {
					beyond++
				}
			}
			t.Logf("guard of 20 stacks and 40 services: %d calls, %.2f a service beyond pages", len(cloud.Calls()), float64(beyond)/40)
			return texts, float64(beyond) / 40
		}
		alone, _ := round(cfg)
		together, each := round(rescue.ShareReads(cfg))
		require.Equal(t, alone, together)
		require.LessOrEqual(t, each, 2.5)
		// An error is not kept.
		denied := rescue.ShareReads(cfg)
		cloud.Inject(simtype.Fault{Action: "ecr:GetLifecyclePolicy", Kind: simtype.Deny})
		g, err := rescue.Guard(t.Context(), denied, names[0])
		require.NoError(t, err)
		require.NotEmpty(t, g.Unknown())
		cloud.ClearFaults()
		g, err = rescue.Guard(t.Context(), denied, names[0])
		require.NoError(t, err)
		require.Empty(t, g.Unknown(), g)
	})
}
