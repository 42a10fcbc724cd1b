package rescue_test

import (
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// balanced is [web] behind a load balancer.
func balanced(tag string) string {
	body := web(tag, append(rolling[:2:2], with("PortMappings: [{ContainerPort: 80}]")...)...)
	body = strings.Replace(body, "      DesiredCount: 2\n", "      DesiredCount: 2\n      HealthCheckGracePeriodSeconds: 3600\n      LoadBalancers: [{TargetGroupArn: !Ref Group, ContainerName: web, ContainerPort: 80}]\n", 1)
	return body + "  Group: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: web, Port: 80, Protocol: HTTP, VpcId: vpc-1, TargetType: ip, HealthCheckPath: /health, HealthCheckIntervalSeconds: 10, UnhealthyThresholdCount: 3}}\n"
}

// Tasks that run and that the load balancer does not find healthy serve nobody.
// Without its word, or where it may not be read, a task that runs is one that
// serves, and the diagnosis says that it was not asked.
func TestTargetHealthIsAFact(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ask, deny bool
		answer    int
		state     rescue.UserState
	}{
		"healthy":   {ask: true, answer: 200, state: "served"},
		"unhealthy": {ask: true, answer: 500, state: "not-served"},
		"not asked": {answer: 500, state: "served"},
		"denied":    {ask: true, deny: true, answer: 500, state: "served"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				var running []*simtype.Container
				answer := 200
				s.pushProgram("v1", func(c *simtype.Container) {
					c.SetHealthy(true)
					c.Answer("/health", answer)
					running = append(running, c)
				})
				s.create(balanced("v1"))
				time.Sleep(10 * time.Minute)
				answer = test.answer
				for _, c := range running {
					c.Answer("/health", answer)
				}
				s.cloud.Advance(time.Minute)
				if test.deny {
					s.deny("elasticloadbalancing:DescribeTargetHealth")
				}
				d := s.diagnose(func(o *rescue.Options) {
					if test.ask {
						o.TargetHealth = elb.NewFromConfig(s.cloud.Config())
					}
				})
				require.Equal(t, test.state, d.Users[0].State, d)
				require.Equal(t, test.deny, len(d.Unknown) > 0, d)
				require.Equal(t, !test.ask || test.deny, d.Users[0].NotRead != "", "what was not asked is said")
				if test.state == "not-served" {
					require.Contains(t, d.Users[0].Why, "unhealthy")
				}
			})
		})
	}
}

// Tasks that die every two minutes are as many as are wanted at most moments.
func TestACrashLoopDoesNotServe(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.pushProgram("v1", func(c *simtype.Container) {
			c.SetHealthy(true)
			c.After(2*time.Minute, func() {
				c.Print("FATAL: out of connections")
				c.Exit(1)
			})
		})
		s.create(web("v1", append(rolling[:2:2], ", DeploymentCircuitBreaker: {Enable: true, Rollback: true}", "")...))
		time.Sleep(30 * time.Minute)
		for range 20 {
			if strings.HasPrefix(s.counts(), "2 of 2") {
				break
			}
			time.Sleep(7 * time.Second)
		}
		require.Equal(t, "2 of 2 run web:1", s.counts())
		d := s.diagnose()
		require.Equal(t, rescue.UserState("partly-served"), d.Users[0].State)
		require.Contains(t, d.Users[0].Why, "out of connections")
		require.Equal(t, rescue.Situation("degraded"), d.Situation)
		// To start the same once more is for the operator to name.
		s.refuses(rescue.Choices{Direction: rescue.Serve}, rescue.ErrDirection, "out of connections")
		p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Serve, Revisions: map[string]string{"prod/web": "web:1"}})
		require.NoError(t, err)
		require.Equal(t, []string{"web:1"}, redeploys(p))
	})
}
