package ecssim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// A service is deleted in every state it can be in; it drains, ends INACTIVE
// without deployments or tasks, starts nothing more, and its name is free.
func TestDeleteService(t *testing.T) {
	breaker := &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}}
	for name, before := range map[string]func(b *bench){
		"steady":                func(b *bench) { b.world.Advance(10 * time.Minute) },
		"before its first task": func(*bench) {},
		"scaled to zero": func(b *bench) {
			b.world.Advance(10 * time.Minute)
			_, err := b.client.UpdateService(b.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), DesiredCount: aws.Int32(0)})
			require.NoError(b.t, err)
			b.world.Advance(10 * time.Minute)
		},
		"deploying what cannot be pulled": func(b *bench) {
			b.world.Advance(10 * time.Minute)
			b.update(b.register("app:gone", nil), false)
			b.world.Advance(4 * time.Minute)
		},
		"rolling back to what cannot be pulled": func(b *bench) {
			b.world.Advance(10 * time.Minute)
			delete(b.images, "app:1")
			b.update(b.register("app:gone", nil), false)
			b.world.Advance(20 * time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, simtype.Switches{})
				b.images["app:1"] = "sha256:1"
				b.create(b.register("app:1", nil), 2, breaker)
				before(b)
				_, err := b.client.DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), Force: aws.Bool(true)})
				require.NoError(t, err)
				assert.Equal(t, "DRAINING", *b.service().Status)
				b.world.Advance(3 * time.Minute)
				s := b.service()
				assert.Equal(t, "INACTIVE", *s.Status)
				assert.Empty(t, s.Deployments)
				assert.Zero(t, s.RunningCount+s.PendingCount+s.DesiredCount)
				events := len(s.Events)
				b.world.Advance(24 * time.Hour)
				assert.Len(t, b.service().Events, events, "nothing happens to a deleted service")
				records, err := b.client.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String("prod"), Service: aws.String("web")})
				require.NoError(t, err)
				for _, r := range records.ServiceDeployments {
					assert.NotNil(t, r.FinishedAt, "%s", r.Status)
				}

				b.images["app:1"] = "sha256:1"
				b.create(b.register("app:1", nil), 1, nil)
				b.world.Advance(10 * time.Minute)
				assert.Equal(t, int32(1), b.service().RunningCount)
			})
		})
	}
}

// Under an EXTERNAL controller a service has no deployment of its own.
func TestExternalServiceHasNoDeployment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		_, err := b.client.CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web"), DesiredCount: aws.Int32(2),
			DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeExternal}})
		require.NoError(t, err)
		_, err = b.client.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), DesiredCount: aws.Int32(1),
			LoadBalancers: []types.LoadBalancer{{TargetGroupArn: aws.String("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"), ContainerName: aws.String("app"), ContainerPort: aws.Int32(80)}}})
		require.NoError(t, err)
		b.world.Advance(time.Hour)
		assert.Empty(t, b.service().Deployments)
		_, err = b.client.DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), Force: aws.Bool(true)})
		require.NoError(t, err)
		assert.Equal(t, "INACTIVE", *b.service().Status)
	})
}
