package ecrx

import (
	"context"
	"time"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// tries is how often something is tried in all when it fails for a passing
// reason.
const tries = 8

// ride calls fn until it succeeds, fails for good, or has failed tries times;
// the SDK has by then retried on its own where that is safe.
func ride[T any](ctx context.Context, every time.Duration, fn func() (T, error)) (T, error) {
	for n := 1; ; n++ {
		v, err := fn()
		if err == nil || n == tries || !awsretry.Transient(err) || ctx.Err() != nil {
			return v, err
		}
		if err := poll.Sleep(ctx, every); err != nil {
			return v, err
		}
	}
}
