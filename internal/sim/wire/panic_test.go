package wire

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// A panic of the simulator is an answer, in each protocol, and the server lives.
func TestPanicIsAnInternalFailure(t *testing.T) {
	t.Parallel()
	var table op.Table
	op.On(&table, func(context.Context, *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error) {
		panic("no deployments")
	})
	op.On(&table, func(context.Context, *cloudformation.DescribeStacksInput) (*cloudformation.DescribeStacksOutput, error) {
		panic("no stacks")
	})
	op.On(&table, func(context.Context, *s3.GetObjectInput) (*s3.GetObjectOutput, error) { panic("no objects") })
	srv := httptest.NewServer(New(&table, func(ctx context.Context, _ string, in any) (any, string, error) {
		o, _ := table.ByInput(in)
		out, err := o.Call(ctx, in)
		return out, "id", err
	}, Options{Region: "us-east-1"}))
	defer srv.Close()
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKID", "s", "")}
	for range 2 {
		_, err := ecs.NewFromConfig(cfg).DeleteService(t.Context(), &ecs.DeleteServiceInput{Service: aws.String("s")})
		require.ErrorContains(t, err, "StatusCode: 500")
		require.ErrorContains(t, err, "InternalFailure: the simulated ecs.DeleteService panicked: no deployments at panic_test.go:")
		_, err = cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
		require.ErrorContains(t, err, "the simulated cloudformation.DescribeStacks panicked: no stacks")
		_, err = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
		require.ErrorContains(t, err, "the simulated s3.GetObject panicked: no objects")
	}
	res, err := http.Get(srv.URL + "/?Action=DescribeStacks&Version=2010-05-15")
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, res.StatusCode)
	require.NoError(t, res.Body.Close())
}
