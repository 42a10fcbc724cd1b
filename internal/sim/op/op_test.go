package op_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var table op.Table
	op.On(&table, func(_ context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
		return &ecs.DescribeClustersOutput{Clusters: []types.Cluster{{ClusterName: &in.Clusters[0]}}}, nil
	})
	op.On(&table, func(context.Context, *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) { return nil, nil })
	all := table.All()
	require.Len(t, all, 2)
	require.Equal(t, "ecr.ListImages", all[0].String())
	o, ok := table.ByInput(&ecs.DescribeClustersInput{})
	require.True(t, ok)
	out, err := o.Call(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{"c"}})
	require.NoError(t, err)
	require.Equal(t, "c", *out.(*ecs.DescribeClustersOutput).Clusters[0].ClusterName)
	_, err = o.Call(t.Context(), &ecr.ListImagesInput{})
	require.ErrorContains(t, err, "ecs.DescribeClusters: handler takes *ecs.DescribeClustersInput")
	_, err = all[0].Call(t.Context(), &ecr.ListImagesInput{})
	require.ErrorContains(t, err, "neither an output nor an error")
	for _, in := range []any{nil, 3, &ecs.ListTasksInput{}} {
		_, ok := table.ByInput(in)
		require.False(t, ok)
	}
}

func TestCopySharesNothingButReaders(t *testing.T) {
	t.Parallel()
	now := time.Now()
	in := &ecs.RegisterTaskDefinitionInput{Family: aws.String("f"), ContainerDefinitions: []types.ContainerDefinition{{
		Name: aws.String("app"), DockerLabels: map[string]string{"a": "b"}, Command: []string{"x"},
	}}}
	got := op.Copy(in)
	require.Equal(t, in, got)
	*got.Family, got.ContainerDefinitions[0].DockerLabels["a"], got.ContainerDefinitions[0].Command[0] = "other", "other", "other"
	require.Equal(t, "f", *in.Family)
	require.Equal(t, "b", in.ContainerDefinitions[0].DockerLabels["a"])
	require.Equal(t, "x", in.ContainerDefinitions[0].Command[0])

	task := op.Copy(types.Task{CreatedAt: &now})
	require.True(t, task.CreatedAt.Equal(now))
	require.NotSame(t, &now, task.CreatedAt)

	body := strings.NewReader("once")
	put := op.Copy(&s3.PutObjectInput{Body: body, Key: aws.String("k")})
	require.Same(t, body, put.Body)
	require.Nil(t, op.Copy((*ecs.ListTasksInput)(nil)))
}

func TestStatus(t *testing.T) {
	t.Parallel()
	require.Equal(t, http.StatusBadRequest, op.Status(&ecrtypes.ImageNotFoundException{}))
	require.Equal(t, http.StatusInternalServerError, op.Status(&ecrtypes.ServerException{}))
	require.Equal(t, http.StatusNotFound, op.Status(op.WithStatus(404, op.Error("ChangeSetNotFound", "x"))))
	require.Equal(t, http.StatusInternalServerError, op.Status(errors.New("plain")))
	var typed *ecrtypes.ImageNotFoundException
	require.ErrorAs(t, op.Response(&ecrtypes.ImageNotFoundException{}, "id"), &typed)
	plain := errors.New("plain")
	require.Same(t, plain, op.Response(plain, "id"))
}
