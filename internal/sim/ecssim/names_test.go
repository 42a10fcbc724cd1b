package ecssim_test

import (
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// An ARN is nobody's name: what is made under one could never be found again.
func TestNamesWithInvalidCharacters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simtype.Switches{})
		b.images["app:1"] = "sha256:1"
		td := b.register("app:1", nil)
		for _, name := range []string{"arn:aws:ecs:us-east-1:123456789012:service/prod/web", "a b", ""} {
			_, err := b.client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &name, ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("a"), Image: aws.String("app:1")}}})
			require.ErrorContains(t, err, "Family contains invalid characters.")
			_, err = b.client.CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: &name, TaskDefinition: &td})
			require.ErrorContains(t, err, "Service name contains invalid characters.")
			_, err = b.client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: &name})
			require.ErrorContains(t, err, "Cluster name contains invalid characters.")
		}
	})
}
