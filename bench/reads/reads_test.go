package reads

import (
	"errors"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

const template = `
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: app
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: ecs-tasks.amazonaws.com}}]
  Function:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: resize, Role: !GetAtt Role.Arn, Code: {ZipFile: "x"}}
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties: {ResourceId: service/prod/web, ScalableDimension: "ecs:service:DesiredCount", ServiceNamespace: ecs, MinCapacity: 2, MaxCapacity: 8}
`

// The SDK's own serialisers and parsers judge both doors: in an empty account,
// and with resources of a stack.
func TestReads(t *testing.T) {
	for name, door := range map[string]func(*rescuetest.Cloud) aws.Config{"typed": (*rescuetest.Cloud).Config, "wire": (*rescuetest.Cloud).WireConfig} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := rescuetest.New()
				cfg, ctx := door(c), t.Context()
				functions, roles, targets := lambda.NewFromConfig(cfg), iam.NewFromConfig(cfg), applicationautoscaling.NewFromConfig(cfg)

				fs, err := functions.ListFunctions(ctx, &lambda.ListFunctionsInput{})
				require.NoError(t, err)
				require.Empty(t, fs.Functions)
				_, err = roles.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("app")})
				_, missing := errors.AsType[*iamtypes.NoSuchEntityException](err)
				require.True(t, missing, err)
				ts, err := targets.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{ServiceNamespace: scaling.ServiceNamespaceEcs})
				require.NoError(t, err)
				require.Empty(t, ts.ScalableTargets)
				_, err = functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("resize")})
				require.Error(t, err)

				_, err = cloudformation.NewFromConfig(c.Config()).CreateStack(ctx, &cloudformation.CreateStackInput{
					StackName: aws.String("s"), TemplateBody: aws.String(template), Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam},
				})
				require.NoError(t, err)
				c.Advance(time.Hour)

				fs, err = functions.ListFunctions(ctx, &lambda.ListFunctionsInput{MaxItems: aws.Int32(10)})
				require.NoError(t, err)
				require.Len(t, fs.Functions, 1)
				require.Equal(t, "resize", *fs.Functions[0].FunctionName)
				require.Equal(t, "Zip", string(fs.Functions[0].PackageType))
				r, err := roles.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("app")})
				require.NoError(t, err)
				require.Equal(t, "arn:aws:iam::123456789012:role/app", *r.Role.Arn)
				policy, err := url.QueryUnescape(*r.Role.AssumeRolePolicyDocument)
				require.NoError(t, err)
				require.Contains(t, policy, "ecs-tasks.amazonaws.com")
				ts, err = targets.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{
					ServiceNamespace: scaling.ServiceNamespaceEcs, ResourceIds: []string{"service/prod/web"}, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount,
				})
				require.NoError(t, err)
				require.Len(t, ts.ScalableTargets, 1)
				require.EqualValues(t, 8, *ts.ScalableTargets[0].MaxCapacity)
				require.WithinDuration(t, c.Now(), *ts.ScalableTargets[0].CreationTime, 2*time.Hour)

				n := 0
				for _, call := range c.Calls() {
					if call.Action == "application-autoscaling:DescribeScalableTargets" || call.Action == "iam:GetRole" || call.Action == "lambda:ListFunctions" {
						n++
					}
				}
				require.Equal(t, 6, n, "calls are recorded under IAM's names")
			})
		})
	}
}
