package ecsx

import (
	"context"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/stackrescue/stackrescue/internal/clock"
)

// family is operations that share a token bucket of AWS's (docs/aws/ecs.md 1.8):
// burst calls at once, and rate a second from then on.
type family struct {
	burst, rate float64
	operations  []string
}

var families = []family{
	{100, 20, []string{"DescribeTasks", "ListTasks"}},
	{100, 20, []string{"DescribeServices", "ListServices"}},
	{50, 20, []string{"DescribeServiceDeployments", "ListServiceDeployments"}},
	{50, 20, []string{"DescribeServiceRevisions"}},
	{50, 20, []string{"DescribeTaskDefinition", "ListTaskDefinitions"}},
	{20, 1, []string{"RegisterTaskDefinition", "DeregisterTaskDefinition"}},
	{50, 5, []string{"UpdateService"}},
	{100, 40, []string{"RunTask", "StopTask"}},
}

// logRate is how many calls of FilterLogEvents a region takes a second
// (docs/aws/ecs.md 1.6).
func logRate(region string) float64 {
	switch region {
	case "us-east-1":
		return 25
	case "eu-central-1", "ap-northeast-3", "ap-southeast-3", "ca-west-1", "il-central-1":
		return 5
	}
	return 10
}

// Limit returns a copy of cfg whose clients of ECS and CloudWatch Logs together
// make no more than half of the calls that AWS's documented rates allow an account:
// the other half is left to pipelines, autoscaling and people. A call that has to
// wait does so until its context is done. Clients of other services are not
// limited.
func Limit(cfg aws.Config) aws.Config {
	l := &limits{buckets: map[string]*rate.Limiter{}}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("ecsx.Limit", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			if b := l.bucket(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx), awsmiddleware.GetRegion(ctx)); b != nil {
				if err := clock.Allow(ctx, b); err != nil {
					return middleware.FinalizeOutput{}, middleware.Metadata{}, &aws.RequestCanceledError{Err: err}
				}
			}
			return next.HandleFinalize(ctx, in)
		}), "Retry", middleware.After)
	})
	return cfg
}

// limits are the buckets of one configuration, by family and region.
type limits struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// bucket is the one of an operation; nil where it is not limited.
func (l *limits) bucket(service, operation, region string) *rate.Limiter {
	var f family
	switch {
	case service == "CloudWatch Logs" && operation == "FilterLogEvents":
		f = family{logRate(region), logRate(region), []string{operation}}
	case service == "ECS":
		i := slices.IndexFunc(families, func(f family) bool { return slices.Contains(f.operations, operation) })
		if i < 0 {
			return nil
		}
		f = families[i]
	default:
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := region + " " + f.operations[0]
	if l.buckets[key] == nil {
		l.buckets[key] = rate.NewLimiter(rate.Limit(f.rate/2), max(1, int(f.burst/2)))
	}
	return l.buckets[key]
}
