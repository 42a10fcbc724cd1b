package clock_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/stackrescue/stackrescue/internal/clock"
)

// Without a clock in the context the standard calls are used, and so a
// bubble's time.
func TestStandardClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, clock.Sleep(t.Context(), time.Hour))
		require.Equal(t, time.Hour, clock.Now(t.Context()).Sub(start))

		ctx, cancel := clock.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, clock.Err(ctx))
		require.ErrorIs(t, clock.Sleep(ctx, time.Hour), context.DeadlineExceeded)
		require.ErrorIs(t, clock.Err(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Hour+time.Minute, time.Since(start))

		why := errors.New("shut down")
		ctx, cancel = clock.WithTimeoutCause(t.Context(), time.Minute, why)
		defer cancel()
		require.ErrorIs(t, clock.Sleep(ctx, time.Hour), context.DeadlineExceeded)
		require.Equal(t, why, context.Cause(ctx))

		ch := make(chan int, 1)
		ch <- 7
		v, ok, err := clock.Recv(t.Context(), ch)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, 7, v)
		_, _, err = clock.Recv(ctx, ch)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(ch)
		_, ok, err = clock.Recv(t.Context(), ch)
		require.NoError(t, err)
		require.False(t, ok)

		start = time.Now()
		lim := rate.NewLimiter(10, 1)
		for range 11 {
			require.NoError(t, clock.Allow(t.Context(), lim))
		}
		require.Equal(t, time.Second, time.Since(start).Round(time.Millisecond))
		for range 1000 {
			j := clock.Jitter(t.Context())
			require.True(t, j >= 0 && j < 1)
		}
	})
}

func TestGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g, ctx := clock.NewGroup(t.Context(), 2)
		for range 4 {
			g.Go(func() error { return clock.Sleep(ctx, time.Second) })
		}
		require.NoError(t, g.Wait())
		require.Equal(t, 2*time.Second, time.Since(start))

		bad := errors.New("bad")
		g, ctx = clock.NewGroup(t.Context(), 0)
		g.Go(func() error { return bad })
		g.Go(func() error { return clock.Sleep(ctx, time.Hour) })
		require.ErrorIs(t, g.Wait(), bad)
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

// fake is a clock of its own: every wait ends at once and moves its time.
type fake struct {
	mu  sync.Mutex
	now time.Time
}

func (f *fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fake) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fake) Sleep(_ context.Context, d time.Duration) error {
	f.pass(d)
	return nil
}

func (f *fake) WithTimeoutCause(ctx context.Context, _ time.Duration, _ error) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

func (f *fake) Until(_ context.Context, ready func() bool) error {
	for !ready() {
		f.pass(time.Second)
		time.Sleep(time.Millisecond)
	}
	return nil
}

func (f *fake) Go(fn func())    { go fn() }
func (f *fake) Jitter() float64 { return 0.25 }

// A clock in the context is asked for everything.
func TestClockOfTheContext(t *testing.T) {
	t.Parallel()
	f := &fake{now: time.Unix(0, 0)}
	ctx := clock.With(t.Context(), f)
	begin := time.Now()
	require.NoError(t, clock.Sleep(ctx, 24*time.Hour))
	require.Equal(t, time.Unix(86400, 0), clock.Now(ctx))
	require.Equal(t, 0.25, clock.Jitter(ctx))
	lim := rate.NewLimiter(rate.Every(time.Hour), 1)
	for range 3 {
		require.NoError(t, clock.Allow(ctx, lim))
	}
	require.Equal(t, time.Unix(86400+2*3600, 0), clock.Now(ctx))
	bounded, cancel := clock.WithTimeout(ctx, time.Minute)
	cancel()
	require.Error(t, clock.Err(bounded))
	require.Error(t, clock.Sleep(bounded, time.Hour))
	ch := make(chan int, 1)
	ch <- 1
	v, _, err := clock.Recv(ctx, ch)
	require.NoError(t, err)
	require.Equal(t, 1, v)
	bad := errors.New("bad")
	g, gctx := clock.NewGroup(ctx, 3)
	g.Go(func() error { return clock.Sleep(gctx, time.Hour) })
	g.Go(func() error { return bad })
	require.ErrorIs(t, g.Wait(), bad)
	require.Less(t, time.Since(begin), 10*time.Second)
}

func BenchmarkSleep(b *testing.B) {
	b.Run("clock", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = clock.Sleep(b.Context(), 0)
		}
	})
	b.Run("timer", func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		for b.Loop() {
			timer := time.NewTimer(0)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
		}
	})
}

func BenchmarkNow(b *testing.B) {
	b.Run("clock", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = clock.Now(b.Context())
		}
	})
	b.Run("time", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = time.Now()
		}
	})
}
