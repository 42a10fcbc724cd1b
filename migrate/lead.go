package migrate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// LeadOptions change [Lead]. The zero value is the default.
type LeadOptions struct {
	LeaseOptions
	// Observe hears of calls to the store that failed and are tried again. It
	// is not called by two goroutines at once. Nil for nothing.
	Observe func(Event)
}

// Lead runs fn while this process, of all that use the same key of the store,
// leads, and returns what fn does. It waits for its turn until ctx ends.
//
// fn's context is cancelled with the cause [ErrLeaseLost] before another
// process can lead, also when the store cannot be reached; then Lead returns an
// error that matches it, even if fn returns nil. Lead returns when fn does: an
// fn that does not end when its context does may overlap with the next leader,
// and only the fence, enforced by what it changes, keeps it from doing harm.
//
// Safe to repeat.
func Lead(ctx context.Context, store Store, key string, fn func(context.Context, Fence) error, optFns ...func(*LeadOptions)) error {
	var o LeadOptions
	for _, opt := range optFns {
		opt(&o)
	}
	lease, err := o.settled()
	if err != nil {
		return fmt.Errorf("lead %s: %w", key, err)
	}
	tell := serial(o.Observe)
	c := candidate{store: store, key: key, opts: lease}
	c.told = func(err error) { tell(Event{Kind: Retrying, Err: err}) }
	for _, err := range poll.Every(ctx, lease.Every, c.look, c.riding) {
		if err != nil {
			return fmt.Errorf("lead %s: %w", key, err)
		}
		if c.term != nil {
			break
		}
	}
	t := c.term
	t.told = c.told
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
	opts  LeaseOptions
	told  func(error)

	watch watch
	last  Record
	term  *term
	// rough counts the errors of the store since it last answered.
	rough int
}

// riding makes a poll loop of a candidate jitter, and tell what it rides out.
func (c *candidate) riding(o *poll.Options) { o.Jitter, o.Retried = 0.15, c.told }

// look reads, and acquires where it may. Errors of the store are ridden out.
func (c *candidate) look(ctx context.Context) (struct{}, error) {
	if c.watch.since.IsZero() {
		return struct{}{}, c.acquire(ctx, Version{}) // likely free: one call
	}
	ripe, err := c.read(ctx)
	if err == nil && ripe {
		err = c.acquire(ctx, c.watch.seen)
	}
	return struct{}{}, err
}

// read looks at the record. It tells whether the key may be tried for.
func (c *candidate) read(ctx context.Context) (bool, error) {
	call, cancel := context.WithTimeout(ctx, c.opts.perLook())
	defer cancel()
	rec, err := c.store.Read(call, c.key)
	if err != nil {
		return false, c.ride(ctx, err)
	}
	c.last, c.rough = rec, 0
	// One's own record is an acquisition of which the answer got lost.
	return c.watch.ripe(rec, time.Now()) || rec.Owner == c.opts.Owner, nil
}

// acquire tries once. That another one holds the key is no error.
func (c *candidate) acquire(ctx context.Context, over Version) error {
	sent := time.Now()
	call, cancel := context.WithTimeout(ctx, c.opts.perClaim())
	defer cancel()
	hold, err := c.store.Acquire(call, c.key, Claim{Owner: c.opts.Owner, Lease: c.opts.Lease, Over: over})
	if held, ok := errors.AsType[*HeldError](err); ok {
		c.last, c.rough = held.Record, 0
		c.watch.ripe(held.Record, time.Now())
		return nil
	}
	if err != nil {
		return c.ride(ctx, err)
	}
	c.term = newTerm(hold, sent, c.opts)
	if c.term.trusted() != nil {
		// The answer took longer than it is worth: the record says since when.
		if err := c.term.end(ctx, nil); err != nil {
			c.told(err)
		}
		c.term = nil
	}
	return nil
}

// ride passes over an error of the store: it was told, and the loop goes on.
// Those that match [ErrStore] end it. From the second error in a row on it
// waits, up to a lease: a call that timed out has cost a connection, and a
// store that is too busy to open them would never get over all who try.
func (c *candidate) ride(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrStore) {
		return err
	}
	c.told(err)
	if c.rough++; c.rough > 1 {
		longest := min(c.opts.Every<<min(c.rough-2, 10), c.opts.Lease)
		return poll.Sleep(ctx, longest/2+rand.N(longest/2+1))
	}
	return nil
}
