package migrate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// term is one time of leadership: a hold, and until when it is to be trusted.
type term struct {
	hold Hold
	opts LeadOptions
	// note is asked for with every renewal; nil leaves the note alone.
	note func() []byte
	// onRetry is called with the error of each renewal that did not succeed.
	onRetry func(error)
	// renewed is called after each one that did. Nil for nothing.
	renewed func()

	mu     sync.Mutex
	until  time.Time
	lost   error
	cancel context.CancelCauseFunc
	alarm  *time.Timer
}

// newTerm begins a term that was asked for at sent, a time read before the
// request went out.
func newTerm(hold Hold, sent time.Time, o LeadOptions) *term {
	return &term{hold: hold, opts: o, until: sent.Add(o.trust())}
}

// trusted is nil while nobody else can have taken over.
func (t *term) trusted() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost == nil && !time.Now().Before(t.until) {
		t.lose(fmt.Errorf("%w: no renewal for %s", ErrLeaseLost, t.opts.trust()))
	}
	return t.lost
}

// lose ends the work. The first cause stays.
func (t *term) lose(cause error) {
	if t.lost == nil {
		t.lost = cause
		if t.cancel != nil {
			t.cancel(cause)
		}
	}
}

// do runs fn while it renews the lease. fn's context ends with the cause
// [ErrLeaseLost] when the lease cannot be trusted any longer, whatever the
// calls to the store do. do returns when fn and the heartbeat have.
func (t *term) do(ctx context.Context, fn func(context.Context) error) error {
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.mu.Lock()
	t.cancel = cancel
	t.alarm = time.AfterFunc(time.Until(t.until), func() { _ = t.trusted() })
	t.mu.Unlock()
	// The heartbeat must outlast a cancelled ctx: the work may still be on its
	// way to an end.
	beat, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { t.beat(beat) })
	defer func() {
		stop()
		wg.Wait()
		t.alarm.Stop()
	}()
	if err := t.trusted(); err != nil {
		return err
	}
	err := fn(work)
	if lost := t.trusted(); lost != nil {
		if err == nil || errors.Is(err, ErrLeaseLost) {
			return lost
		}
		return fmt.Errorf("%w (%w)", lost, err)
	}
	return err
}

// beat renews until ctx ends or the lease is lost.
func (t *term) beat(ctx context.Context) {
	// Counted from when the last one was sent, as the trust is.
	wait := time.NewTimer(time.Until(t.until.Add(t.opts.Heartbeat - t.opts.trust())))
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		next := time.Now().Add(t.opts.Heartbeat)
		if err := t.renew(ctx); err != nil {
			if t.trusted() != nil {
				return
			}
			next = time.Now().Add(t.opts.Lease / 16)
		}
		wait.Reset(time.Until(next))
	}
}

// renew asks for more time once.
func (t *term) renew(ctx context.Context) error {
	var note []byte
	if t.note != nil {
		note = t.note()
	}
	sent := time.Now()
	ctx, cancel := context.WithTimeout(ctx, t.opts.perCall())
	defer cancel()
	err := t.hold.Renew(ctx, note)
	t.mu.Lock()
	switch {
	case errors.Is(err, ErrLeaseLost):
		t.lose(err)
	case err == nil && t.lost == nil && time.Now().Before(t.until):
		t.until = sent.Add(t.opts.trust())
		t.alarm.Reset(time.Until(t.until))
	}
	t.mu.Unlock()
	if err == nil && t.renewed != nil {
		t.renewed()
	}
	if err != nil && t.onRetry != nil && ctx.Err() != context.Canceled {
		t.onRetry(err)
	}
	return err
}

// end gives the key up. A note goes with it only while the lease is trusted:
// then it is the last moment at which it can be written.
func (t *term) end(ctx context.Context, note []byte) error {
	patience := min(10*time.Second, t.opts.Lease)
	lost := t.trusted()
	if lost != nil {
		note = nil
	} else if note != nil {
		patience = min(patience, time.Until(t.until))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := t.hold.Release(ctx, note); lost == nil {
		return err
	}
	return lost
}
