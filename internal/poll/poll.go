// Package poll is the one loop that waits: observe now, then once per
// interval, until the consumer has seen enough.
package poll

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// Options change a loop. The zero value is the default.
type Options struct {
	// Jitter is the largest share of the interval by which a wait is shorter or
	// longer, so that many waiters do not call at once. Defaults to 0.1; a
	// negative value means none.
	Jitter float64
	// Retried is told every error that the loop rides out, before it waits.
	Retried func(error)
}

// Every observes at once and then per interval, and yields what it saw. The
// interval is counted from the end of an observation.
//
// Throttling, server errors, broken connections and timeouts of single calls
// are ridden out until ctx ends, even when the SDK has given up on them. The
// first other error is yielded, alone and last. When ctx ends, the last error
// matches both ctx.Err() and context.Cause(ctx), and tells what was being
// ridden out, if anything. The sequence can be ranged over once.
func Every[T any](ctx context.Context, interval time.Duration, observe func(context.Context) (T, error), optFns ...func(*Options)) iter.Seq2[T, error] {
	opts := Options{Jitter: 0.1}
	for _, fn := range optFns {
		fn(&opts)
	}
	return func(yield func(T, error) bool) {
		var zero T
		var ridden error
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				yield(zero, Ended(ctx, ridden))
				return
			case <-timer.C:
			}
			v, err := observe(ctx)
			switch {
			case err == nil:
				ridden = nil
				if !yield(v, nil) {
					return
				}
			case ctx.Err() != nil:
				yield(zero, Ended(ctx, ridden))
				return
			case !Transient(err):
				yield(zero, err)
				return
			default:
				ridden = err
				if opts.Retried != nil {
					opts.Retried(err)
				}
			}
			timer.Reset(jittered(interval, opts.Jitter))
		}
	}
}

// Sleep waits d or until ctx ends, and then returns what [Ended] says.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Ended(ctx, nil)
	case <-timer.C:
		return nil
	}
}

// Transient reports whether the same call may well succeed a little later:
// throttling, server errors, broken connections, timeouts.
func Transient(err error) bool {
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary ||
		retry.IsErrorTimeouts(retry.DefaultTimeouts).IsErrorTimeout(err) == aws.TrueTernary
}

// Ended is the error of a wait that stopped because ctx did. It matches
// ctx.Err() and context.Cause(ctx), and last where that is not nil.
func Ended(ctx context.Context, last error) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	if last != nil {
		err = fmt.Errorf("%w (last answer: %w)", err, last)
	}
	return err
}

// jittered spreads d by up to share in both directions. crypto/rand is what
// the SDK's back-off uses too, so one call of cryptotest fixes both in a test.
func jittered(d time.Duration, share float64) time.Duration {
	if share <= 0 || d <= 0 {
		return d
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it crashes the program instead
	unit := float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
	return d + time.Duration(float64(d)*share*(2*unit-1))
}
