package migratetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

// errNetwork is what a call returns whose connection broke.
var errNetwork = errors.New("connection reset")

// Fault is what happens to one call.
type Fault int

// The faults; 0 is none. A lost request never reached the store, a lost answer belongs
// to a call that did. The stalled kinds are noticed only when the call's context ends.
const (
	LostRequest Fault = iota + 1
	LostAnswer
	StalledRequest
	StalledAnswer
)

// Memory is a store in this process. Its zero value is empty and ready.
type Memory struct {
	mu      sync.Mutex
	records map[string]migrate.Record
}

// Client is one process's way to a [Memory].
type Client struct {
	// Latency is how long a request takes to get there, and again how long the
	// answer takes.
	Latency time.Duration
	// Fault, where it is not nil, decides on each call, counted from 1. It may
	// be called by two goroutines at once.
	Fault func(n int) Fault

	m     *Memory
	mu    sync.Mutex
	calls int
}

// Client returns a new way to m.
func (m *Memory) Client() *Client { return &Client{m: m} }

// Calls is how many calls were made so far.
func (c *Client) Calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// call carries fn to the store and its answer back.
func (c *Client) call(ctx context.Context, fn func(map[string]migrate.Record) error) error {
	c.mu.Lock()
	c.calls++
	n := c.calls
	c.mu.Unlock()
	var fault Fault
	if c.Fault != nil {
		fault = c.Fault(n)
	}
	if err := wait(ctx, c.Latency, fault == StalledRequest); err != nil {
		return err
	}
	if fault == LostRequest {
		return errNetwork
	}
	c.m.mu.Lock()
	if c.m.records == nil {
		c.m.records = map[string]migrate.Record{}
	}
	err := fn(c.m.records)
	c.m.mu.Unlock()
	if w := wait(ctx, c.Latency, fault == StalledAnswer); w != nil {
		return w
	}
	if fault == LostAnswer {
		return errNetwork
	}
	return err
}

func wait(ctx context.Context, d time.Duration, stalled bool) error {
	if stalled {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Read is [migrate.Store]'s.
func (c *Client) Read(ctx context.Context, key string) (rec migrate.Record, err error) {
	err = c.call(ctx, func(m map[string]migrate.Record) error {
		rec = m[key]
		return nil
	})
	if err != nil {
		return migrate.Record{}, err
	}
	return rec, nil
}

// Acquire is [migrate.Store]'s.
func (c *Client) Acquire(ctx context.Context, key string, claim migrate.Claim) (migrate.Hold, error) {
	h := &hold{c: c, key: key, owner: claim.Owner}
	err := c.call(ctx, func(m map[string]migrate.Record) error {
		r := m[key]
		switch {
		case r.Owner == claim.Owner:
			r.Beat++
		case r.Owner == "" || r.Version == claim.Over:
			r.Epoch++
			r.Beat, r.Owner = 0, claim.Owner
		default:
			return &migrate.HeldError{Key: key, Record: r}
		}
		r.Lease = claim.Lease
		m[key] = r
		h.fence, h.note = r.Epoch, r.Note
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// hold is a key held in a [Memory].
type hold struct {
	c     *Client
	key   string
	owner string
	fence migrate.Fence
	note  []byte
}

func (h *hold) Fence() migrate.Fence { return h.fence }
func (h *hold) Note() []byte         { return h.note }

func (h *hold) Renew(ctx context.Context, note []byte) error {
	return h.c.call(ctx, func(m map[string]migrate.Record) error {
		r := m[h.key]
		if r.Owner != h.owner || r.Epoch != h.fence {
			return migrate.ErrLeaseLost
		}
		r.Beat++
		if note != nil {
			r.Note = note
		}
		m[h.key] = r
		return nil
	})
}

func (h *hold) Release(ctx context.Context, note []byte) error {
	return h.c.call(ctx, func(m map[string]migrate.Record) error {
		r := m[h.key]
		switch {
		case r.Epoch != h.fence:
			return migrate.ErrLeaseLost
		case r.Owner == "":
			return nil
		}
		r.Owner = ""
		if note != nil {
			r.Note = note
		}
		m[h.key] = r
		return nil
	})
}
