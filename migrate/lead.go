package migrate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// Lead runs fn while this process, of all that use the same key of the store,
// leads, and returns what fn does. It waits for its turn until ctx ends.
//
// fn's context is cancelled with the cause [ErrLeaseLost] before another
// process can lead, even if the store cannot be reached; then Lead returns an
// error that matches it, even if fn returns nil. Lead returns when fn does: an
// fn that does not end when its context does may overlap with the next leader,
// and only the fence, enforced by what it changes, keeps it from doing harm.
//
// Safe to repeat.
func Lead(ctx context.Context, store Store, key string, fn func(context.Context, Fence) error, optFns ...func(*LeadOptions)) error {
	var o LeadOptions
	for _, opt := range optFns {
		if opt != nil {
			opt(&o)
		}
	}
	if fn == nil {
		fn = func(context.Context, Fence) error { return errors.New("no function to run") }
	}
	lease, err := o.settled()
	if err == nil && (store == nil || key == "") {
		err = fmt.Errorf("%w: a store and a key are needed", ErrStore)
	}
	if err != nil {
		return fmt.Errorf("lead %s: %w", key, err)
	}
	emit := serial(o.Observe)
	c := candidate{store: store, key: key, opts: lease}
	c.onRetry = func(err error) { emit(Event{Kind: kindRetrying, Err: err}) }
	for _, err := range poll.Every(ctx, lease.Interval, c.poll, c.retries) {
		if err != nil {
			return fmt.Errorf("lead %s: %w", key, err)
		}
		if c.term != nil {
			break
		}
	}
	t := c.term
	t.onRetry = c.onRetry
	err = t.do(ctx, func(ctx context.Context) error { return fn(ctx, t.hold.Fence()) })
	if end := t.end(ctx, nil); err == nil && errors.Is(end, ErrLeaseLost) {
		err = end
	}
	if err != nil {
		return fmt.Errorf("lead %s: %w", key, err)
	}
	return nil
}

// candidate tries to become the leader.
type candidate struct {
	store Store
	key   string
	opts  LeadOptions
	// onRetry is called with each error that is retried.
	onRetry func(error)

	watch watch
	last  Record
	term  *term
	// lastErr is the store's since it last answered, and consecutiveErrs how
	// many there were.
	lastErr         error
	consecutiveErrs int
}

// retries sets up the poll loop of a candidate.
func (c *candidate) retries(o *poll.Options) { o.Jitter, o.Retried = 0.15, c.onRetry }

// poll reads, and acquires where it may. Errors of the store are retried.
func (c *candidate) poll(ctx context.Context) (struct{}, error) {
	if c.watch.since.IsZero() {
		return struct{}{}, c.acquire(ctx, Version{}) // likely free: one call
	}
	expired, err := c.read(ctx)
	if err == nil && expired {
		err = c.acquire(ctx, c.watch.seen)
	}
	return struct{}{}, err
}

// read reads the record, and reports whether the key may be acquired.
func (c *candidate) read(ctx context.Context) (bool, error) {
	call, cancel := context.WithTimeout(ctx, c.opts.perLook())
	defer cancel()
	sent := time.Now()
	rec, err := c.store.Read(call, c.key)
	if err != nil {
		return false, c.retry(ctx, sent, err)
	}
	c.answered(rec)
	// Our own owner means that an earlier Acquire succeeded but its response was
	// lost.
	return c.watch.expired(rec, time.Now()) || rec.Owner == c.opts.Owner, nil
}

// acquire tries once. That another one holds the key is no error.
func (c *candidate) acquire(ctx context.Context, over Version) error {
	sent := time.Now()
	call, cancel := context.WithTimeout(ctx, c.opts.perClaim())
	defer cancel()
	hold, err := c.store.Acquire(call, c.key, Claim{Owner: c.opts.Owner, Lease: c.opts.Lease, Over: over})
	if held, ok := errors.AsType[*HeldError](err); ok {
		c.answered(held.Record)
		c.watch.expired(held.Record, time.Now())
		return nil
	}
	if err != nil {
		return c.retry(ctx, sent, err)
	}
	c.term = newTerm(hold, sent, c.opts)
	if c.term.trusted() != nil {
		// The answer took longer than it is worth: the record says since when.
		if err := c.term.end(ctx, nil); err != nil {
			c.onRetry(err)
		}
		c.term = nil
	}
	return nil
}

// silence is how long a call is under way before it counts as one that is not
// answered.
const silence = time.Second

// answered notes a record that was read.
func (c *candidate) answered(r Record) { c.last, c.lastErr, c.consecutiveErrs = r, nil, 0 }

// retry lets the loop go on after an error of the store, unless it matches
// [ErrStore]. From the second error in a row on it waits, up to a lease: a call
// that timed out has cost a connection, and a store that is too busy to open
// them would never get over all who try. sent is when the call was made.
func (c *candidate) retry(ctx context.Context, sent time.Time, err error) error {
	if took := time.Since(sent); ctx.Err() != nil && took >= silence && c.lastErr == nil {
		c.lastErr = fmt.Errorf("no answer for %s: %w", took.Round(100*time.Millisecond), err)
	}
	if ctx.Err() != nil || errors.Is(err, ErrStore) {
		return err
	}
	c.lastErr = err
	c.onRetry(err)
	if c.consecutiveErrs++; c.consecutiveErrs > 1 {
		longest := min(c.opts.Interval<<min(c.consecutiveErrs-2, 10), c.opts.Lease)
		return poll.Sleep(ctx, longest/2+rand.N(longest/2+1))
	}
	return nil
}
