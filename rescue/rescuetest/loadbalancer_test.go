package rescuetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

const public = `
Parameters:
  Protect: {Type: String, Default: "false"}
Resources:
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties:
      Subnets: [subnet-1, subnet-2]
      SecurityGroups: [sg-1]
      LoadBalancerAttributes: [{Key: deletion_protection.enabled, Value: !Ref Protect}]
  Group: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: web, Port: 80, Protocol: HTTP, VpcId: vpc-1, TargetType: ip}}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: {LoadBalancerArn: !Ref Balancer, Port: 80, Protocol: HTTP, DefaultActions: [{Type: forward, TargetGroupArn: !Ref Group}]}
Outputs:
  Host: {Value: !GetAtt Balancer.DNSName}
  Full: {Value: !GetAtt Balancer.LoadBalancerFullName}
  Listener: {Value: !GetAtt Listener.ListenerArn}
`

// A stack makes a load balancer with a listener; what the API says of them fits
// together, and what is in use or protected is not deleted. At both doors.
func TestLoadBalancer(t *testing.T) {
	t.Parallel()
	for door, config := range map[string]func(*rescuetest.Cloud) aws.Config{"typed": (*rescuetest.Cloud).Config, "wire": (*rescuetest.Cloud).WireConfig} {
		synctest.Test(t, func(t *testing.T) {
			cloud := rescuetest.New()
			cfg := config(cloud)
			stacks, balancers, ctx := cfn.NewFromConfig(cfg), elb.NewFromConfig(cfg), t.Context()
			status := func() (cfntypes.StackStatus, map[string]string) {
				cloud.Advance(time.Hour)
				out, err := stacks.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: aws.String("edge")})
				require.NoError(t, err)
				values := map[string]string{}
				for _, o := range out.Stacks[0].Outputs {
					values[*o.OutputKey] = *o.OutputValue
				}
				return out.Stacks[0].StackStatus, values
			}
			_, err := stacks.CreateStack(ctx, &cfn.CreateStackInput{StackName: aws.String("edge"), TemplateBody: aws.String(public), Parameters: []cfntypes.Parameter{{ParameterKey: aws.String("Protect"), ParameterValue: aws.String("true")}}})
			require.NoError(t, err)
			at, outputs := status()
			require.Equal(t, cfntypes.StackStatusCreateComplete, at, door)

			lbs, err := balancers.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
			require.NoError(t, err)
			require.Len(t, lbs.LoadBalancers, 1)
			lb := lbs.LoadBalancers[0]
			assert.Equal(t, *lb.DNSName, outputs["Host"])
			assert.Contains(t, *lb.LoadBalancerArn, ":loadbalancer/"+outputs["Full"])
			assert.Equal(t, elbtypes.LoadBalancerStateEnumActive, lb.State.Code)
			assert.Equal(t, elbtypes.LoadBalancerTypeEnumApplication, lb.Type)
			assert.Equal(t, []string{"sg-1"}, lb.SecurityGroups)
			assert.Len(t, lb.AvailabilityZones, 2)

			listeners, err := balancers.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: lb.LoadBalancerArn})
			require.NoError(t, err)
			require.Len(t, listeners.Listeners, 1)
			assert.Equal(t, outputs["Listener"], *listeners.Listeners[0].ListenerArn)
			groups, err := balancers.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: lb.LoadBalancerArn})
			require.NoError(t, err)
			require.Len(t, groups.TargetGroups, 1)
			group := groups.TargetGroups[0]
			assert.Equal(t, []string{*lb.LoadBalancerArn}, group.LoadBalancerArns)
			assert.Equal(t, *group.TargetGroupArn, *listeners.Listeners[0].DefaultActions[0].TargetGroupArn)

			_, err = balancers.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: group.TargetGroupArn})
			require.ErrorContains(t, err, "ResourceInUse: Target group '"+*group.TargetGroupArn+"' is currently in use by a listener or a rule")
			_, err = balancers.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, DefaultActions: listeners.Listeners[0].DefaultActions})
			require.ErrorAs(t, err, new(*elbtypes.DuplicateListenerException))
			_, err = balancers.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"other"}})
			require.ErrorAs(t, err, new(*elbtypes.LoadBalancerNotFoundException))

			_, err = stacks.DeleteStack(ctx, &cfn.DeleteStackInput{StackName: aws.String("edge")})
			require.NoError(t, err)
			at, _ = status()
			require.Equal(t, cfntypes.StackStatusDeleteFailed, at, "deletion protection")
			_, err = balancers.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn, Attributes: []elbtypes.LoadBalancerAttribute{{Key: aws.String("deletion_protection.enabled"), Value: aws.String("false")}}})
			require.NoError(t, err)
			_, err = stacks.DeleteStack(ctx, &cfn.DeleteStackInput{StackName: aws.String("edge")})
			require.NoError(t, err)
			cloud.Advance(time.Hour)
			_, err = stacks.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: aws.String("edge")})
			require.ErrorContains(t, err, "does not exist")
			lbs, err = balancers.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
			require.NoError(t, err)
			assert.Empty(t, lbs.LoadBalancers)
		})
	}
}
