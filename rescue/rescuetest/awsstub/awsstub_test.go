package awsstub_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

type (
	describe    = ecs.DescribeServicesInput
	describeOut = ecs.DescribeServicesOutput
)

func TestAnswersByInputType(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := awsstub.New()
		awsstub.On(stub, func(_ context.Context, in *describe) (*describeOut, error) {
			return &describeOut{Services: []ecstypes.Service{{ServiceName: &in.Services[0]}}}, nil
		})
		start := time.Now()
		out, err := ecs.NewFromConfig(stub.Config()).DescribeServices(t.Context(), &describe{Services: []string{"web"}})
		require.NoError(t, err)
		require.Equal(t, "web", *out.Services[0].ServiceName)
		id, ok := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
		require.True(t, ok)
		require.NotEmpty(t, id)
		calls := stub.Calls()
		require.Len(t, calls, 1)
		require.Equal(t, "ECS.DescribeServices", calls[0].String())
		require.Equal(t, start, calls[0].At)
		require.Equal(t, []string{"web"}, calls[0].Input.(*describe).Services)
		require.Equal(t, time.Millisecond, time.Since(start))
	})
}

func TestRetriesThrottlesAndServerErrorsOnly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err   error
		calls int
	}{
		"throttle":     {&smithy.GenericAPIError{Code: "ThrottlingException"}, 3},
		"server error": {&ecstypes.ServerException{Message: aws.String("boom")}, 3},
		"denied":       {&smithy.GenericAPIError{Code: "AccessDeniedException"}, 1},
		"client error": {&ecstypes.ClusterNotFoundException{}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				stub := awsstub.New()
				awsstub.On(stub, func(context.Context, *describe) (*describeOut, error) { return nil, tc.err })
				_, err := ecs.NewFromConfig(stub.Config()).DescribeServices(t.Context(), &describe{Services: []string{"web"}})
				require.ErrorIs(t, err, tc.err)
				require.Len(t, stub.Calls(), tc.calls)
			})
		})
	}
}

func TestMistakesNameTheOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := awsstub.New()
		client := ecs.NewFromConfig(stub.Config())
		_, err := client.DescribeServices(t.Context(), &describe{Services: []string{"web"}})
		require.ErrorContains(t, err, "unexpected call ECS.DescribeServices")

		awsstub.On(stub, func(context.Context, *describe) (*describeOut, error) { return nil, nil })
		_, err = client.DescribeServices(t.Context(), &describe{Services: []string{"web"}})
		require.ErrorContains(t, err, "ecs.DescribeServices: handler returned neither")

		awsstub.On(stub, func(context.Context, *describe) (*ecs.UpdateServiceOutput, error) {
			return &ecs.UpdateServiceOutput{}, nil
		})
		_, err = client.DescribeServices(t.Context(), &describe{Services: []string{"web"}})
		require.ErrorContains(t, err, "ecs.DescribeServices: handler returns ecs.UpdateServiceOutput")
	})
}

func TestValuesAreCopiedBothWays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := awsstub.New()
		state := &describeOut{Services: []ecstypes.Service{{Deployments: []ecstypes.Deployment{{Id: aws.String("d1")}}}}}
		var seen *describe
		awsstub.On(stub, func(_ context.Context, in *describe) (*describeOut, error) {
			seen = in
			in.Services[0] = "changed by the stub"
			return state, nil
		})
		in := &describe{Services: []string{"web"}}
		out, err := ecs.NewFromConfig(stub.Config()).DescribeServices(t.Context(), in)
		require.NoError(t, err)
		*out.Services[0].Deployments[0].Id = "changed by the caller"
		require.Equal(t, "d1", *state.Services[0].Deployments[0].Id)
		require.Equal(t, "web", in.Services[0])
		require.Equal(t, "web", stub.Calls()[0].Input.(*describe).Services[0])
		require.NotSame(t, in, seen)
	})
}

func TestBodiesPassThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := awsstub.New()
		stored := map[string]string{}
		awsstub.On(stub, func(_ context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
			b, err := io.ReadAll(in.Body)
			stored[*in.Key] = string(b)
			return &s3.PutObjectOutput{}, err
		})
		awsstub.On(stub, func(_ context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
			return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(stored[*in.Key]))}, nil
		})
		client := s3.NewFromConfig(stub.Config())
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: strings.NewReader("hello")})
		require.NoError(t, err)
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
		require.NoError(t, err)
		b, err := io.ReadAll(out.Body)
		require.NoError(t, err)
		require.Equal(t, "hello", string(b))
	})
}

func TestCancelledWhileAnswering(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := awsstub.New()
		stub.Latency = time.Hour
		awsstub.On(stub, func(context.Context, *describe) (*describeOut, error) { return &describeOut{}, nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := ecs.NewFromConfig(stub.Config()).DescribeServices(ctx, &describe{Services: []string{"web"}})
		require.Error(t, err)
		require.True(t, errors.Is(err, context.DeadlineExceeded), err)
	})
}
