// Package poll is the one loop that waits: observe now, then once per
// interval, until the consumer has seen enough.
package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/stackrescue/stackrescue/internal/clock"
)

// Options change a loop. The zero value is the default.
type Options struct {
	// Jitter is the largest share of the interval by which a wait is shorter or
	// longer, so that many waiters do not call at once. Defaults to 0.1; a
	// negative value means none.
	Jitter float64
	// Transient reports whether an observation that failed with the error is
	// repeated; nil means that none is.
	Transient func(error) bool
	// Next is called before each wait and returns how long it is, jitter aside; nil
	// and 0 are the interval.
	Next func() time.Duration
	// Retried is called with every error after which the loop goes on, before it
	// waits.
	Retried func(error)
}

// Every observes at once and then per interval, and yields what it saw. The
// interval is counted from the end of an observation.
//
// Observations that fail with a transient error are repeated until ctx is done.
// The first other error is yielded, alone and last. When ctx ends, the last
// error matches both ctx.Err() and context.Cause(ctx), and contains the
// transient error that was being retried, if any. The sequence can be ranged
// over once.
func Every[T any](ctx context.Context, interval time.Duration, observe func(context.Context) (T, error), optFns ...func(*Options)) iter.Seq2[T, error] {
	opts := Options{Jitter: 0.1}
	for _, fn := range optFns {
		fn(&opts)
	}
	return func(yield func(T, error) bool) {
		var zero T
		var last error
		for first := true; ; first = false {
			var wait time.Duration
			if !first {
				wait = interval
				if opts.Next != nil {
					wait = cmp.Or(opts.Next(), interval)
				}
				wait = jittered(ctx, wait, opts.Jitter)
			}
			if clock.Sleep(ctx, wait) != nil {
				yield(zero, Ended(ctx, last))
				return
			}
			v, err := observe(ctx)
			switch {
			case err == nil:
				last = nil
				if !yield(v, nil) {
					return
				}
			case clock.Err(ctx) != nil:
				yield(zero, Ended(ctx, last))
				return
			case opts.Transient == nil || !opts.Transient(err):
				yield(zero, err)
				return
			default:
				last = err
				if opts.Retried != nil {
					opts.Retried(err)
				}
			}
		}
	}
}

// Sleep waits d or until ctx is done, and then returns what [Ended] says.
func Sleep(ctx context.Context, d time.Duration) error {
	if clock.Sleep(ctx, d) != nil {
		return Ended(ctx, nil)
	}
	return nil
}

// Ended is the error of a wait that stopped because ctx did. It matches
// ctx.Err() and context.Cause(ctx), and last where that is not nil.
func Ended(ctx context.Context, last error) error {
	err := clock.Err(ctx)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	if last != nil {
		err = fmt.Errorf("%w (last answer: %w)", err, last)
	}
	return err
}

// jittered spreads d by up to share in both directions.
func jittered(ctx context.Context, d time.Duration, share float64) time.Duration {
	if share <= 0 || d <= 0 {
		return d
	}
	return d + time.Duration(float64(d)*share*(2*clock.Jitter(ctx)-1))
}
