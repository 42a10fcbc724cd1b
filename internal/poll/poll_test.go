package poll_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/poll"
)

var (
	errThrottled   = errors.New("throttled")
	errUnavailable = errors.New("unavailable")
	errDenied      = errors.New("denied")
	errLease       = errors.New("lease lost")
)

func passes(o *poll.Options) {
	o.Transient = func(err error) bool { return errors.Is(err, errThrottled) || errors.Is(err, errUnavailable) }
}

func TestEveryTimeline(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var log strings.Builder
		note := func(format string, a ...any) {
			fmt.Fprintf(&log, "%8.3fs %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, a...))
		}
		answers := []error{nil, errThrottled, errUnavailable, nil, errDenied}
		n := 0
		observe := func(context.Context) (int, error) {
			n++
			time.Sleep(100 * time.Millisecond)
			return n, answers[n-1]
		}
		for v, err := range poll.Every(t.Context(), 10*time.Second, observe, passes, func(o *poll.Options) {
			o.Retried = func(err error) { note("retried %v", err) }
		}) {
			note("%d %v", v, err)
		}
		note("end")
		require.Equal(t, golden, log.String())
	})
}

const golden = `   0.100s 1 <nil>
  10.035s retried throttled
  20.000s retried unavailable
  30.818s 4 <nil>
  40.315s 0 denied
  40.315s end
`

func TestEveryWithoutJitterKeepsTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		for range poll.Every(t.Context(), time.Minute, func(context.Context) (int, error) { return 0, nil }, func(o *poll.Options) { o.Jitter = -1 }) {
			if at = append(at, time.Since(start)); len(at) == 3 {
				break
			}
		}
		require.Equal(t, []time.Duration{0, time.Minute, 2 * time.Minute}, at)
	})
}

func TestEveryJitterStaysInBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		last, n := time.Now(), 0
		for range poll.Every(t.Context(), time.Second, func(context.Context) (int, error) { return 0, nil }, func(o *poll.Options) { o.Jitter = 0.5 }) {
			gap := time.Since(last)
			if last = time.Now(); n > 0 {
				require.InDelta(t, time.Second, gap, float64(500*time.Millisecond))
			}
			if n++; n == 200 {
				break
			}
		}
	})
}

func TestEveryEndsWithContext(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ctx    func(context.Context) (context.Context, context.CancelFunc)
		answer error
		is     []error
	}{
		"deadline": {
			ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Hour)
			},
			is: []error{context.DeadlineExceeded},
		},
		"deadline while throttled": {
			ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Hour)
			},
			answer: errThrottled,
			is:     []error{context.DeadlineExceeded, errThrottled},
		},
		"cause": {
			ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(time.Minute, func() { cancel(errLease) })
				return ctx, func() { cancel(nil) }
			},
			is: []error{context.Canceled, errLease},
		},
		"cause of a deadline": {
			ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(ctx, time.Minute, errLease)
			},
			is: []error{context.DeadlineExceeded, errLease},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := tc.ctx(t.Context())
				defer cancel()
				var errs []error
				for _, err := range poll.Every(ctx, 7*time.Second, func(context.Context) (int, error) { return 0, tc.answer }, passes) {
					if err != nil {
						errs = append(errs, err)
					}
				}
				require.Len(t, errs, 1)
				for _, want := range tc.is {
					require.ErrorIs(t, errs[0], want)
				}
			})
		})
	}
}

func TestEveryEndsWhileObserving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, err := range poll.Every(ctx, time.Minute, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, errors.New("call was cut off")
		}) {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}

// Without Transient the first error ends the loop.
func TestEveryWithoutTransient(t *testing.T) {
	t.Parallel()
	n := 0
	for _, err := range poll.Every(t.Context(), time.Minute, func(context.Context) (int, error) { n++; return 0, errThrottled }) {
		require.ErrorIs(t, err, errThrottled)
	}
	require.Equal(t, 1, n)
}

func TestSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, poll.Sleep(t.Context(), time.Hour))
		require.Equal(t, time.Hour, time.Since(start))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, poll.Sleep(ctx, time.Hour), context.DeadlineExceeded)
	})
}
