package migrate

import (
	"context"
	"fmt"
	"time"
)

// Fence is the number of a term of leadership. Every acquisition of a key gets
// a greater one, for ever; what a leader changes should carry it, so that the
// database can turn down one who no longer leads.
type Fence int64

// Version identifies one write to a store's record: it changes with every
// acquisition and every renewal.
type Version struct {
	Epoch Fence `json:"epoch"`
	// Beat counts the renewals within the term.
	Beat int64 `json:"beat"`
}

// Record is what a store holds about a key. A key that was never used is the
// zero Record.
type Record struct {
	Version
	// Owner is who holds the key, "" for nobody. It survives the death of the
	// holder.
	Owner string `json:"owner,omitempty"`
	// Lease is how long the holder may go without a renewal. Others may take
	// the key over when they have watched the same Version for that long on
	// their own clock.
	Lease time.Duration `json:"lease,omitempty"`
	// Note is what holders have left, also after they have gone. Nil for
	// nothing.
	Note []byte `json:"note,omitempty"`
	// Dead is set by a store that knows, without a clock, that the holder has
	// ended: the key may be taken over at once.
	Dead bool `json:"-"`
}

// Claim is a wish to hold a key.
type Claim struct {
	// Owner is different for every call of [Lead] and [Runner.Run], in
	// particular for those of one process. It is never "".
	Owner string
	// Lease is at least a millisecond.
	Lease time.Duration
	// Over, where it is not zero, is the version that was watched, unchanged,
	// for a whole lease of its holder: the key is taken over if it is still at
	// that version.
	Over Version
}

// Store keeps one record per key, on which processes agree who leads. It may be
// used by many goroutines at once. [migrate/migratetest.TestStore] checks one.
//
// No method compares clocks: time is watched by the callers, each on its own
// monotonic clock. Every call ends when ctx does.
type Store interface {
	// Read returns the newest record of the key: never one that is older than
	// a write that ended before the call.
	Read(ctx context.Context, key string) (Record, error)
	// Acquire takes the key for claim.Owner if nobody holds it, if its record
	// is at claim.Over, or if its holder is dead, and raises its epoch; the
	// note is kept. Otherwise it is a [*HeldError]. An Acquire of which the
	// response was lost is found again by calling it with the same claim: a key
	// that claim.Owner holds already is renewed, and its epoch stays.
	Acquire(ctx context.Context, key string, claim Claim) (Hold, error)
}

// Hold is a key that was acquired. It may be used by one goroutine at a time.
type Hold interface {
	// Fence is the epoch of the acquisition.
	Fence() Fence
	// Note is the note that the acquisition found. Nil for none.
	Note() []byte
	// Renew changes the record's version, if owner and epoch are still those of
	// this hold. If not, it is [ErrLeaseLost]; any other error says nothing. A
	// nil note leaves the note alone.
	Renew(ctx context.Context, note []byte) error
	// Release gives the key up, under the same condition, and keeps the epoch.
	// It is [ErrLeaseLost] when another one has taken over; a release that had
	// happened already is nil. Whatever it returns, the hold keeps nothing in
	// this process: no connection, no open file.
	Release(ctx context.Context, note []byte) error
}

// HeldError says who holds a key that could not be acquired.
type HeldError struct {
	Key    string
	Record Record
}

// Error names the key and its holder.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by %s (epoch %d)", e.Key, e.Record.Owner, e.Record.Epoch)
}
