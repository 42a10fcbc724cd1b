package rescue_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// flatApp is a stack with one service; IMAGE, COUNT, HEAD and MORE are for the
// cases to fill in.
const flatApp = `HEADResources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: flat}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: web
      ContainerDefinitions:
SIDE        - Name: app
          Image: IMAGE
          HealthCheck: {Command: [CMD, "true"], Interval: 10, Retries: 3}
  Web:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: web
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DesiredCount: COUNT
      DeploymentConfiguration: {MinimumHealthyPercent: 0, MaximumPercent: 100, DeploymentCircuitBreaker: {Enable: true, Rollback: true}}
MORE`

const flatRegistry = "123456789012.dkr.ecr.us-east-1.amazonaws.com/"

// The savepoint is rendered before anything is done: where it
// could not be changed the plan ends before it, with the place to change; and what
// nobody asked to change is left alone.
func TestPlanRendersTheSavepoint(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		head, side, image, count, more string
		// next is what replaces TAG in the update; the template before has v1.
		// names are what the stop must name; none: there is a savepoint.
		names []string
		// scaled is the number of tasks that the service was scaled to.
		scaled int
		// debt is what is left open.
		debt string
	}{
		"literal":           {image: flatRegistry + "app:TAG"},
		"mapping":           {head: "Mappings: {V: {app: {tag: TAG}}}\n", image: `!Join [":", ["` + flatRegistry + `app", !FindInMap [V, app, tag]]]`},
		"if":                {head: "Conditions: {Yes: !Equals [a, a]}\n", image: `!If [Yes, "` + flatRegistry + `app:TAG", "gone.example/x:1"]`},
		"import of another": {side: "        - {Name: side, Image: !ImportValue sidecar, Essential: false}\n", image: flatRegistry + "app:TAG"},
		"import":            {image: `!Sub ["` + flatRegistry + `app:${T}", {T: !ImportValue app-tag}]`},
		"ssm parameter":     {head: "Parameters: {Tag: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /app/tag}}\n", image: `!Sub "` + flatRegistry + `app:${Tag}"`},
		"dynamic reference": {image: `!Sub "` + flatRegistry + `app:{{resolve:ssm:/app/tag}}"`},
		"count by if":       {head: "Conditions: {Big: !Equals [a, b]}\n", image: flatRegistry + "app:TAG", count: "!If [Big, 4, 2]", scaled: 6},
		"count by mapping":  {head: "Mappings: {N: {prod: {n: 2}}}\n", image: flatRegistry + "app:TAG", count: "!FindInMap [N, prod, n]", scaled: 6},
		"count by import":   {image: flatRegistry + "app:TAG", count: "!ImportValue two", scaled: 6},
		"scheduled task gone": {image: flatRegistry + "app:TAG", more: "  Cron: {Type: AWS::ECS::TaskDefinition, Properties: {Family: cron, ContainerDefinitions: [{Name: cron, Image: " + flatRegistry + "gone:v1}]}}\n",
			debt: "gone:v1"},
		"scheduled task by import": {image: flatRegistry + "app:TAG", more: "  Cron: {Type: AWS::ECS::TaskDefinition, Properties: {Family: cron, ContainerDefinitions: [{Name: cron, Image: !ImportValue sidecar}]}}\n"},
		"function gone":            {image: flatRegistry + "app:TAG", more: "  Fn: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Role: 'arn:aws:iam::123456789012:role/x', Code: {ImageUri: " + flatRegistry + "gone:v1}}}\n", debt: "gone:v1"},
		"too large for the call":   {image: flatRegistry + "app:TAG", more: "# " + strings.Repeat("x", 52_000) + "\n", names: []string{"stack prod", "must be in S3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &account{t: t, cloud: rescuetest.New()}
				cfg := c.cloud.Config()
				c.cfn = cloudformation.NewFromConfig(cfg)
				old := c.push("app", "v1", rescuetest.Runs())
				c.push("side", "7", rescuetest.Runs())
				c.push("gone", "v0", rescuetest.Runs())
				lost := c.push("gone", "v1", rescuetest.Runs()) // a function cannot be created without its image
				c.create("platform", "Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs:\n  S: {Value: "+flatRegistry+"side:7, Export: {Name: sidecar}}\n  T: {Value: v1, Export: {Name: app-tag}}\n  N: {Value: '2', Export: {Name: two}}\n")
				c.parameter("/app/tag", "v1")
				count := test.count
				if count == "" {
					count = "2"
				}
				body := func(tag string) string {
					s := strings.NewReplacer("HEAD", test.head, "SIDE", test.side, "IMAGE", test.image, "COUNT", count, "MORE", test.more).Replace(flatApp)
					return strings.ReplaceAll(s, "TAG", tag)
				}
				c.create("prod", body("v1"))
				if test.scaled > 0 {
					_, err := ecs.NewFromConfig(cfg).UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("flat"), Service: aws.String("web"), DesiredCount: aws.Int32(int32(test.scaled))})
					require.NoError(t, err)
					time.Sleep(10 * time.Minute)
				}
				_, err := ecr.NewFromConfig(cfg).BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &old}}})
				require.NoError(t, err)
				_, err = ecr.NewFromConfig(cfg).BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("gone"), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &lost}}})
				require.NoError(t, err)
				ready := false
				c.push("app", "v2", func(x *simtype.Container) {
					if !ready {
						x.After(5*time.Second, func() { x.Exit(1) })
						return
					}
					x.SetHealthy(true)
				})
				c.parameter("/app/tag", "v2")
				next := body("v2")
				next = strings.NewReplacer("!ImportValue app-tag", "v2", "resolve:ssm:/app/tag}}", "resolve:ssm:/app/tag:2}}").Replace(next)
				require.Equal(t, "UPDATE_ROLLBACK_FAILED", c.update("prod", next))
				ready = true

				d, err := rescue.Diagnose(t.Context(), cfg, "prod")
				require.NoError(t, err)
				p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward})
				if test.names != nil {
					require.NoError(t, err)
					requireStop(t, p, "savepoint", test.names...)
					require.Len(t, p.Stop.Problems, 1)
				}
				require.NoError(t, err)
				r, err := rescue.Run(t.Context(), cfg, p, confirmed)
				require.NoError(t, err, "%s", r)
				want := rescue.Result("rescued")
				if test.names != nil || test.debt != "" {
					want = "served-with-debt"
					require.Contains(t, strings.Join(r.Debt, "\n"), test.debt)
				}
				require.Equal(t, want, r.Result, r)
				if test.scaled > 0 {
					require.Equal(t, test.scaled, r.Users[0].Desired)
				}
			})
		})
	}
}

// account is a simulated account with the calls that a case needs.
type account struct {
	t     *testing.T
	cloud *rescuetest.Cloud
	cfn   *cloudformation.Client
}

func (a *account) push(repository, tag string, p simtype.Program) string {
	a.t.Helper()
	_, _ = ecr.NewFromConfig(a.cloud.Config()).CreateRepository(a.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository})
	digest, err := a.cloud.PushImage(repository, repository+" "+tag, p, tag)
	require.NoError(a.t, err)
	return digest
}

func (a *account) parameter(name, value string) {
	a.t.Helper()
	_, err := ssm.NewFromConfig(a.cloud.Config()).PutParameter(a.t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)})
	require.NoError(a.t, err)
}

var capable = []types.Capability{types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand}

func (a *account) create(stack, body string) {
	a.t.Helper()
	_, err := a.cfn.CreateStack(a.t.Context(), &cloudformation.CreateStackInput{StackName: &stack, TemplateBody: a.body(body), TemplateURL: a.url(body), Capabilities: capable})
	require.NoError(a.t, err)
	require.Equal(a.t, "CREATE_COMPLETE", a.rest(stack))
}

func (a *account) update(stack, body string) string {
	a.t.Helper()
	_, err := a.cfn.UpdateStack(a.t.Context(), &cloudformation.UpdateStackInput{StackName: &stack, TemplateBody: a.body(body), TemplateURL: a.url(body), Capabilities: capable})
	require.NoError(a.t, err)
	return a.rest(stack)
}

func (a *account) rest(stack string) string {
	a.t.Helper()
	for range 5000 {
		out, err := a.cfn.DescribeStacks(a.t.Context(), &cloudformation.DescribeStacksInput{StackName: &stack})
		require.NoError(a.t, err)
		if st := string(out.Stacks[0].StackStatus); !strings.HasSuffix(st, "_IN_PROGRESS") {
			return st
		}
		time.Sleep(10 * time.Second)
	}
	a.t.Fatal("the stack never rests")
	return ""
}

// body is a template as the call takes it, nil for one that is too large.
func (a *account) body(template string) *string {
	if len(template) > 51_200 {
		return nil
	}
	return &template
}

// url is where a template is that is too large for the call.
func (a *account) url(template string) *string {
	if len(template) <= 51_200 {
		return nil
	}
	a.t.Helper()
	key := fmt.Sprintf("%d.yaml", len(template))
	return a.put("big", key, template)
}

func (a *account) put(bucket, key, body string) *string {
	a.t.Helper()
	api := s3.NewFromConfig(a.cloud.Config())
	_, _ = api.CreateBucket(a.t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	_, err := api.PutObject(a.t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
	require.NoError(a.t, err)
	return aws.String("https://" + bucket + ".s3.us-east-1.amazonaws.com/" + key)
}
