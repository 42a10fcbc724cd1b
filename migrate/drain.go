package migrate

import (
	"context"
	"time"
)

// draining is a context that ends d after ctx does, with ctx's cause. The
// returned function ends it and everything that it started.
func draining(ctx context.Context, d time.Duration) (context.Context, func()) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	timers := make(chan *time.Timer, 1)
	stop := context.AfterFunc(ctx, func() {
		timers <- time.AfterFunc(d, func() { cancel(context.Cause(ctx)) })
	})
	return out, func() {
		if !stop() {
			(<-timers).Stop()
		}
		cancel(nil)
	}
}
