package revision

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

var (
	// ErrRunning is returned by [Stamp] and [EndSession] if somebody is at work
	// on the database: wait, or find out who.
	ErrRunning = errors.New("a migration is running")
	// ErrChanged is returned by [Stamp] if the table does not hold what it held
	// when the stamp was planned, or what the stamp wrote into it: make a new
	// plan.
	ErrChanged = errors.New("the table has changed meanwhile")
)

// StampOptions change [Stamp]. Store, Key, Who and Reason are needed to write,
// and Checks or Unproven.
type StampOptions struct {
	// DryRun only says what would be written.
	DryRun bool
	// Store and Key are the lock under which it writes: the same that the
	// team's runners use, or one of its own, such as pglease.Table(db).
	Store migrate.Store
	Key   string
	// Lease is how that lock is held.
	Lease migrate.LeadOptions
	// Watch is how long a table that looks unfinished is watched before it is
	// written: one that changes returns [ErrRunning]. As in [InspectOptions].
	Watch time.Duration
	// LockTimeout is how long to wait for the lock before [ErrRunning] is
	// returned. Defaults to two leases and 5 s: enough for a leader that was
	// killed.
	LockTimeout time.Duration
	// Enter and Guard, where they are not nil, are called with the fence of the
	// lock, before anything is read and at the start of the transaction: the
	// places for pglease.Raise and pglease.Guard.
	Enter func(context.Context, migrate.Fence) error
	Guard func(context.Context, *sql.Tx, migrate.Fence) error
	// Checks prove that the schema is what the version says.
	Checks []Check
	// Unproven allows writing without Checks.
	Unproven bool
	// Expect, where it is not "", is [Stamped.Fingerprint] of the dry run that
	// was decided upon: a table that holds something else returns [ErrChanged].
	Expect string
	// Who stamps, Reason says why, and Task is the ECS task it happens in, if
	// it does. They are recorded with the stamp.
	Who, Reason, Task string
}

// Stamped is what a stamp changed, or would.
type Stamped struct {
	// Version is that of the format, 2.
	Version int    `json:"version"`
	Tool    string `json:"tool"`
	Table   string `json:"table"`
	// From and To are what the table held and what it holds, such as
	// "7 (dirty)" and "8".
	From string `json:"from"`
	To   string `json:"to"`
	// Added and Removed are the entries that came and went.
	Added   []Entry `json:"added,omitempty"`
	Removed []Entry `json:"removed,omitempty"`
	// Statements are what does it. Empty where the table says so already.
	Statements []Statement `json:"statements,omitempty"`
	Checks     []Check     `json:"checks,omitempty"`
	// Running is who was at work, or held the tool's lock, when it was planned:
	// then nothing is written.
	Running []string `json:"running,omitempty"`
	// Proven is set when there are checks and all hold.
	Proven bool `json:"proven"`
	// Fingerprint is of what the table held before.
	Fingerprint string `json:"fingerprint"`
	// Changed is set when it was written, under that fence.
	Changed bool          `json:"changed"`
	Fence   migrate.Fence `json:"fence,omitempty"`
}

// Stamp records in a migration tool's table, without running anything, that the
// schema is at a version. With DryRun it only says what it would write: from, to,
// statements, and what the checks give.
//
// It writes under the lock of Store, and no leader can work
// meanwhile; it refuses with [ErrRunning] while a leader lives, while the
// tool's own lock is held, or while another session is changing the schema. In
// one transaction it locks the table, compares it with the plan, changes it and
// records the stamp in the table stackrescue_stamp; then it reads the table again.
// A nil error
// means that the table holds what Stamped says: also where it did so before,
// which is success without statements and needs no lock.
//
// Errors: [ErrBackwards], [ErrUnknown], [migrate.ErrUnproven], [ErrRunning],
// [ErrChanged], [ErrNoTable]; where the lock was lost, [migrate.ErrLeaseLost].
// Nothing was written then, but for ErrChanged and errors of the commit or
// after it. The result has the plan even if the error is not nil, unless
// there was none. Safe to repeat.
//
// The database handle needs two connections. On PostgreSQL the user must be
// able to write the table and to create the table stackrescue_stamp in the same
// schema.
func Stamp(ctx context.Context, db *sql.DB, c Change, optFns ...func(*StampOptions)) (*Stamped, error) {
	var o StampOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	out, err := stamp(ctx, db, c, o)
	if err != nil {
		return out, fmt.Errorf("stamp %s: %w", c.To, err)
	}
	return out, nil
}

func stamp(ctx context.Context, db *sql.DB, c Change, o StampOptions) (*Stamped, error) {
	p, err := draft(ctx, db, c, o)
	if err != nil {
		return nil, err
	}
	if p.out.Checks, p.out.Proven, err = prove(ctx, db, o.Checks); err != nil {
		return p.out, err
	}
	if o.Expect != "" && o.Expect != p.out.Fingerprint {
		return p.out, fmt.Errorf("%s holds %s: %w", p.out.Table, p.out.From, ErrChanged)
	}
	if o.DryRun || len(p.out.Statements) == 0 {
		return p.out, nil
	}
	if len(p.out.Running) > 0 {
		return p.out, fmt.Errorf("%w: %s", ErrRunning, strings.Join(p.out.Running, "; "))
	}
	if err := o.ready(db, p.out); err != nil {
		return p.out, err
	}
	return p.out, p.underLock(ctx, db, o)
}

// ready says what is missing for writing.
func (o StampOptions) ready(db *sql.DB, out *Stamped) error {
	switch {
	case o.Store == nil || o.Key == "":
		return errors.New("writing needs a store and a key to lock")
	case o.Who == "" || o.Reason == "":
		return errors.New("writing needs a who and a reason for the record")
	case db.Stats().MaxOpenConnections == 1:
		return errors.New("writing needs two connections, and the database handle is limited to one")
	case len(o.Checks) == 0 && !o.Unproven:
		return fmt.Errorf("%w: no check was given", migrate.ErrUnproven)
	}
	return unproven(out)
}

// unproven names the first check that does not hold.
func unproven(out *Stamped) error {
	for _, c := range out.Checks {
		if !c.OK {
			return fmt.Errorf("%w: %s gives %s, not %s", migrate.ErrUnproven, c.Query, c.Got, c.Want)
		}
	}
	return nil
}
