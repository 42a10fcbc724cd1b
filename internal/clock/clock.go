// Package clock is the one place where the library waits, sets deadlines and
// reads the time. It uses the standard calls, and so the clock of a
// testing/synctest bubble, unless the context carries another clock: the seam
// for simulated time.
package clock

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

// Clock is a time other than the machine's. Its methods do what the functions
// of this package say, for contexts that carry it.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
	WithTimeoutCause(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc)
	// Until waits until ready returns true, which it may ask for at any time, or
	// until ctx is done.
	Until(ctx context.Context, ready func() bool) error
	// Go runs fn in a goroutine that takes part in the clock's time.
	Go(fn func())
	// Jitter is a number in [0,1) by a sequence that is the clock's own.
	Jitter() float64
}

type key struct{}

// With returns a context whose waits and deadlines are those of c.
func With(ctx context.Context, c Clock) context.Context { return context.WithValue(ctx, key{}, c) }

func from(ctx context.Context) Clock {
	c, _ := ctx.Value(key{}).(Clock)
	return c
}

// Now is the current time.
func Now(ctx context.Context) time.Time {
	if c := from(ctx); c != nil {
		return c.Now()
	}
	return time.Now()
}

// Err is ctx.Err(), or context.DeadlineExceeded as soon as a deadline of ctx
// has passed by its clock.
func Err(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if end, ok := ctx.Deadline(); ok && from(ctx) == nil && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return nil
}

// Sleep waits d, or until ctx is done and then returns its error.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c := from(ctx); c != nil {
		return c.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Recv receives from ch; ok is false if ch is closed. It returns ctx's error
// if ctx is done first.
func Recv[T any](ctx context.Context, ch <-chan T) (v T, ok bool, err error) {
	if c := from(ctx); c != nil {
		err = c.Until(ctx, func() bool {
			select {
			case v, ok = <-ch:
				return true
			default:
				return false
			}
		})
		return v, ok, err
	}
	select {
	case v, ok = <-ch:
		return v, ok, nil
	case <-ctx.Done():
		return v, false, ctx.Err()
	}
}

// WithTimeout is context.WithTimeout.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return WithTimeoutCause(ctx, d, nil)
}

// WithTimeoutCause is context.WithTimeoutCause.
func WithTimeoutCause(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	if c := from(ctx); c != nil {
		return c.WithTimeoutCause(ctx, d, cause)
	}
	return context.WithTimeoutCause(ctx, d, cause)
}

// Allow waits until lim lets one event happen. It returns an error at once if
// that is later than ctx's deadline, and gives its place back if ctx is done
// first.
func Allow(ctx context.Context, lim *rate.Limiter) error {
	c := from(ctx)
	if c == nil {
		return lim.Wait(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	now := c.Now()
	r := lim.ReserveN(now, 1)
	if !r.OK() {
		return context.DeadlineExceeded
	}
	d := r.DelayFrom(now)
	if d == 0 {
		return nil
	}
	if err := c.Sleep(ctx, d); err != nil {
		r.CancelAt(c.Now())
		return err
	}
	return nil
}

// Jitter is a random number in [0,1).
func Jitter(ctx context.Context) float64 {
	if c := from(ctx); c != nil {
		return c.Jitter()
	}
	// crypto/rand is what the SDK's back-off uses too, so one call of cryptotest
	// fixes both in a test. It never fails: it crashes the program instead.
	var b [8]byte
	_, _ = rand.Read(b[:])
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

// Group is an errgroup.Group whose goroutines take part in the time of the
// context that it was made with.
type Group struct {
	*errgroup.Group
	ctx context.Context
}

// NewGroup returns a group of at most limit goroutines at a time, and a context
// that is cancelled when one of them fails or Wait returns. A limit of 0 or
// less is none.
func NewGroup(ctx context.Context, limit int) (*Group, context.Context) {
	g, gctx := errgroup.WithContext(ctx)
	if limit > 0 {
		g.SetLimit(limit)
	}
	return &Group{g, ctx}, gctx
}

// Go runs fn in a goroutine of the group; it waits while the limit is reached.
func (g *Group) Go(fn func() error) {
	c := from(g.ctx)
	if c == nil {
		g.Group.Go(fn)
		return
	}
	done := make(chan error, 1)
	g.Group.Go(func() error { return <-done })
	c.Go(func() { done <- fn() })
}

// Wait waits for the group's goroutines and returns the first error.
func (g *Group) Wait() error {
	if c := from(g.ctx); c != nil {
		done := make(chan error, 1)
		go func() { done <- g.Group.Wait() }()
		var err error
		_ = c.Until(context.WithoutCancel(g.ctx), func() bool {
			select {
			case err = <-done:
				return true
			default:
				return false
			}
		})
		return err
	}
	return g.Group.Wait()
}
