package cfnx

import (
	"context"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"golang.org/x/time/rate"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/clock"
)

// callsPerSecond is how many calls of each of a snapshot's actions CloudFormation
// takes a second; how many at once is not published (docs/aws/cfn.md 8.6).
const callsPerSecond = 10

// paced makes the calls of a snapshot at once until CloudFormation throttles one, and
// as fast as it takes them from then on: the SDK waits up to several seconds after a
// throttled call, by the end of which the others are through.
type paced struct {
	SnapshotAPI
	stacks, events, resources, templates *pacer
}

func pace(api SnapshotAPI) *paced {
	limit := func() *pacer { return &pacer{limit: rate.NewLimiter(callsPerSecond, 1)} }
	return &paced{api, limit(), limit(), limit(), limit()}
}

// pacer is the pace of one action.
type pacer struct {
	throttled atomic.Bool
	limit     *rate.Limiter
}

// call makes a call without the SDK's own retries, and again with them where that did
// not do.
func call[O any](ctx context.Context, p *pacer, fn func(...func(*cfn.Options)) (O, error), optFns []func(*cfn.Options)) (O, error) {
	if !p.throttled.Load() {
		out, err := fn(append(optFns[:len(optFns):len(optFns)], func(o *cfn.Options) { o.Retryer = aws.NopRetryer{} })...)
		if err == nil || !awsretry.Transient(err) || clock.Err(ctx) != nil {
			return out, err
		}
		if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary {
			p.throttled.Store(true)
		}
	}
	if p.throttled.Load() {
		if err := clock.Allow(ctx, p.limit); err != nil {
			var none O
			return none, err
		}
	}
	return fn(optFns...)
}

func (p *paced) DescribeStacks(ctx context.Context, in *cfn.DescribeStacksInput, optFns ...func(*cfn.Options)) (*cfn.DescribeStacksOutput, error) {
	return call(ctx, p.stacks, func(o ...func(*cfn.Options)) (*cfn.DescribeStacksOutput, error) {
		return p.SnapshotAPI.DescribeStacks(ctx, in, o...)
	}, optFns)
}

func (p *paced) DescribeStackEvents(ctx context.Context, in *cfn.DescribeStackEventsInput, optFns ...func(*cfn.Options)) (*cfn.DescribeStackEventsOutput, error) {
	return call(ctx, p.events, func(o ...func(*cfn.Options)) (*cfn.DescribeStackEventsOutput, error) {
		return p.SnapshotAPI.DescribeStackEvents(ctx, in, o...)
	}, optFns)
}

func (p *paced) ListStackResources(ctx context.Context, in *cfn.ListStackResourcesInput, optFns ...func(*cfn.Options)) (*cfn.ListStackResourcesOutput, error) {
	return call(ctx, p.resources, func(o ...func(*cfn.Options)) (*cfn.ListStackResourcesOutput, error) {
		return p.SnapshotAPI.ListStackResources(ctx, in, o...)
	}, optFns)
}

func (p *paced) GetTemplate(ctx context.Context, in *cfn.GetTemplateInput, optFns ...func(*cfn.Options)) (*cfn.GetTemplateOutput, error) {
	return call(ctx, p.templates, func(o ...func(*cfn.Options)) (*cfn.GetTemplateOutput, error) {
		return p.SnapshotAPI.GetTemplate(ctx, in, o...)
	}, optFns)
}
