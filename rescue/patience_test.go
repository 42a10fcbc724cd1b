package rescue_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/rescue"
)

func TestPatience(t *testing.T) {
	t.Parallel()
	name := func(s string) *string { return &s }
	service := types.Service{
		DesiredCount: 25, HealthCheckGracePeriodSeconds: aws.Int32(60), LoadBalancers: []types.LoadBalancer{{ContainerName: name("proxy")}},
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}},
	}
	def := types.TaskDefinition{TaskDefinitionArn: name("arn:aws:ecs:us-east-1:1:task-definition/app:7"), ContainerDefinitions: []types.ContainerDefinition{
		{Name: name("init"), Essential: aws.Bool(false), StartTimeout: aws.Int32(110)},
		{
			Name: name("app"), StopTimeout: aws.Int32(90), StartTimeout: aws.Int32(120),
			HealthCheck: &types.HealthCheck{Command: []string{"CMD-SHELL", "curl -f localhost:8081/live"}, StartPeriod: aws.Int32(30)},
			DependsOn:   []types.ContainerDependency{{ContainerName: name("init"), Condition: types.ContainerConditionSuccess}},
		},
		{Name: name("proxy"), HealthCheck: &types.HealthCheck{Command: []string{"NONE"}}, DependsOn: []types.ContainerDependency{{ContainerName: name("app"), Condition: types.ContainerConditionHealthy}}},
	}}
	read := func(container string) migrate.Patience {
		p, err := rescue.Patience(&service, &def, container)
		require.NoError(t, err)
		return p
	}
	want := migrate.Patience{
		GracePeriod: time.Minute, LoadBalanced: true, ContainerCheck: true, LiveCheck: true, StartPeriod: 30 * time.Second,
		StopTimeout: 90 * time.Second, Breaker: 13, Rollback: true,
	}
	require.Equal(t, want, read("app"))
	require.Equal(t, want, read(""), "the first essential one")
	def.ContainerDefinitions[1].HealthCheck.Command[1] = "./healthy.sh"
	want.LiveCheck, want.StartTimeout = false, 2*time.Minute
	require.Equal(t, want, read("app"), "the proxy waits for a health that may depend on the migration")
	require.Equal(t, 110*time.Second, read("init").StartTimeout, "a one-shot container that app waits for")
	require.False(t, read("proxy").ContainerCheck)
	_, err := rescue.Patience(&service, &def, "nope")
	require.EqualError(t, err, "task definition app:7 has no container nope")
	_, err = rescue.Patience(nil, &def, "")
	require.Error(t, err)

	b := service.DeploymentConfiguration.DeploymentCircuitBreaker
	for _, c := range []struct {
		kind           types.ThresholdType
		value, desired int32
		want           int
	}{
		// The examples of the document, and the bounds.
		{"", 0, 1, 3}, {"", 0, 25, 13}, {"", 0, 400, 200}, {"", 0, 1000, 200},
		{types.ThresholdTypeBoundedPercent, 10, 100, 10}, {types.ThresholdTypeUnboundedPercent, 50, 1000, 500},
		{types.ThresholdTypeUnboundedPercent, 10, 1, 1}, {types.ThresholdTypeCount, 7, 1, 7},
	} {
		b.ThresholdConfiguration, service.DesiredCount = nil, c.desired
		if c.kind != "" {
			b.ThresholdConfiguration = &types.ThresholdConfiguration{Type: c.kind, Value: c.value}
		}
		require.Equal(t, c.want, read("app").Breaker, c)
	}
	b.Enable = false
	require.Zero(t, read("app").Breaker)
}
