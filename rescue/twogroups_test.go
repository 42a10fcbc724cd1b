package rescue_test

import (
	"context"
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
)

// healthOf is a load balancer whose groups have two targets each in a state.
type healthOf map[string]elbtypes.TargetHealthStateEnum

func (h healthOf) DescribeTargetHealth(_ context.Context, in *elb.DescribeTargetHealthInput, _ ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error) {
	out := &elb.DescribeTargetHealthOutput{}
	for group, state := range h {
		for range 2 {
			if strings.Contains(*in.TargetGroupArn, group) {
				out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, elbtypes.TargetHealthDescription{TargetHealth: &elbtypes.TargetHealth{State: state}})
			}
		}
	}
	return out, nil
}

// A service behind several target groups serves where all of them find it healthy.
func TestSeveralTargetGroups(t *testing.T) {
	t.Parallel()
	const healthy, unhealthy = elbtypes.TargetHealthStateEnumHealthy, elbtypes.TargetHealthStateEnumUnhealthy
	two := strings.NewReplacer("LoadBalancers: [{TargetGroupArn: !Ref Group, ContainerName: web, ContainerPort: 80}]", "LoadBalancers: [{TargetGroupArn: !Ref Group, ContainerName: web, ContainerPort: 80}, {TargetGroupArn: !Ref Admin, ContainerName: web, ContainerPort: 80}]").
		Replace(balanced("v1")) + "  Admin: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: admin, Port: 80, Protocol: HTTP, VpcId: vpc-1, TargetType: ip, HealthCheckPath: /admin, HealthCheckIntervalSeconds: 10, UnhealthyThresholdCount: 3}}\n"
	for name, test := range map[string]struct {
		health, admin elbtypes.TargetHealthStateEnum
		state         rescue.UserState
		says          string
	}{
		"both find it healthy": {healthy, healthy, "served", "2 of 2"},
		"one does not":         {healthy, unhealthy, "not-served", "admin"},
		"the other does not":   {unhealthy, healthy, "not-served", "web"},
		"neither does":         {unhealthy, unhealthy, "not-served", "unhealthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.push("v1")
				s.create(two)
				time.Sleep(10 * time.Minute)
				d := s.diagnose(func(o *rescue.Options) {
					o.TargetHealth = healthOf{"targetgroup/web/": test.health, "targetgroup/admin/": test.admin}
				})
				require.Equal(t, test.state, d.Users[0].State, d)
				require.Contains(t, d.Users[0].String(), test.says)
				require.Len(t, d.Evidence().Services[0].TargetGroups, 2)
			})
		})
	}
}
