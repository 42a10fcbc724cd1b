// Package awsretry knows which of AWS's errors pass by themselves, and has the
// one loop that repeats a change whose answer may have been lost.
package awsretry

import (
	"context"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// Transient reports whether the same call may well succeed a little later:
// throttling, server errors, broken connections, timeouts.
func Transient(err error) bool {
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary ||
		retry.IsErrorTimeouts(retry.DefaultTimeouts).IsErrorTimeout(err) == aws.TrueTernary
}

// Every is [poll.Every] with [Transient] errors retried until ctx is done, even
// when the SDK has given up on them.
func Every[T any](ctx context.Context, interval time.Duration, observe func(context.Context) (T, error), optFns ...func(*poll.Options)) iter.Seq2[T, error] {
	return poll.Every(ctx, interval, observe, append([]func(*poll.Options){func(o *poll.Options) { o.Transient = Transient }}, optFns...)...)
}

// Read calls fn until it succeeds, fails with an error that is not transient,
// or has failed tries times; the SDK has by then retried each on its own.
func Read[T any](ctx context.Context, interval time.Duration, tries int, fn func(context.Context) (T, error)) (T, error) {
	for n := 1; ; n++ {
		v, err := fn(ctx)
		if err == nil || n >= tries || !Transient(err) || clock.Err(ctx) != nil {
			return v, err
		}
		if serr := poll.Sleep(ctx, interval); serr != nil {
			return v, serr
		}
	}
}
