package mylease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/internal/sqlconn"
	"github.com/stackrescue/stackrescue/internal/sqlstate"
	"github.com/stackrescue/stackrescue/migrate"
)

// RaiseOptions change [Raise]. The zero value is the default.
type RaiseOptions struct {
	// Terminate ends what a previous leader has left running, rather than
	// waiting for it: statements of this user from the address that the leader
	// came from. Where this process has the same address, as behind a proxy or
	// on one host, only those of them that change a schema, and the others are
	// waited for.
	Terminate bool
	// Interval is the time between polls for what is left. Defaults to 500 ms.
	Interval time.Duration
	// Observe is called with the IDs of the connections that are waited for, at
	// each poll. Nil for nothing.
	Observe func(ids []int)
}

// Raise makes fence the newest one for the key, after the transactions that
// [Guard] let pass have ended, and returns when no statement runs any longer that
// was running in the selected database when Raise was called and that may change
// it: a server goes on with the statement of a client that was killed. It is for
// [migrate.RunOptions.Enter]. It returns [migrate.ErrLeaseLost] if a newer fence
// was raised. Safe to repeat.
//
// A statement has no sign of whose it is, so that those of applications are
// waited for as well, once; reads (SELECT, SHOW and the like) are not. None is
// waited for where the lease table says that the previous leader's work was done,
// or that there was none. A user without the privilege PROCESS sees the statements
// of his own connections only, and nobody sees one that begins after the call: let
// [Guard] turn it down.
func Raise(ctx context.Context, db *sql.DB, key string, fence migrate.Fence, optFns ...func(*RaiseOptions)) error {
	const what = "take over from previous leaders"
	if db == nil {
		return wrap(what, sqlconn.ErrNoHandle)
	}
	o := RaiseOptions{}
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if o.Interval == 0 {
		o.Interval = 500 * time.Millisecond
	}
	t := takeover{db: db, key: key, fence: fence, terminate: o.Terminate}
	for left, err := range poll.Every(ctx, o.Interval, t.look, func(p *poll.Options) { p.Transient = away }) {
		switch {
		case err != nil:
			return wrap(what, err)
		case len(left) == 0:
			return nil
		case o.Observe != nil:
			o.Observe(ids(left))
		}
	}
	return nil
}

// away also lets the call be repeated after a wait for a row that took the
// server's own limit, and after a deadlock.
func away(err error) bool {
	n := sqlstate.Number(err)
	return n == 1205 || n == 1213 || sqlconn.Away(err)
}

// takeover is one call of [Raise].
type takeover struct {
	db        *sql.DB
	key       string
	fence     migrate.Fence
	terminate bool

	// self is what this process is to the server.
	self client
	// since is when the statements were listed first, and left those that still
	// run.
	since time.Time
	left  []running
	// raised is set once the fence is this one's; before is where the previous
	// leader came from, "" if that is not known.
	raised bool
	before string
}

// look is one round. It returns the statements that have to end.
func (t *takeover) look(ctx context.Context) ([]running, error) {
	if t.since.IsZero() {
		if err := t.begin(ctx); err != nil {
			return nil, err
		}
	} else if !t.raised || len(t.left) > 0 {
		now, err := t.list(ctx)
		if err != nil {
			return nil, err
		}
		t.left = remaining(t.left, now, time.Since(t.since))
	}
	if !t.raised {
		if err := t.raise(ctx); err != nil {
			return nil, err
		}
		t.raised = true
	}
	if len(t.left) > 0 && t.terminate {
		return t.left, t.end(ctx)
	}
	if len(t.left) == 0 {
		return nil, t.enter(ctx)
	}
	return t.left, nil
}

// begin lists what runs before anything is changed.
func (t *takeover) begin(ctx context.Context) error {
	var host string
	if err := t.db.QueryRowContext(ctx, `SELECT user, host FROM information_schema.processlist WHERE id = connection_id()`).Scan(&t.self.user, &host); err != nil {
		return err
	}
	t.self.address = address(host)
	err := t.db.QueryRowContext(ctx, `SELECT client FROM stackrescue_fence WHERE name = ?`, t.key).Scan(&t.before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	now := time.Now()
	var left []running
	nothing, err := t.nothingLeft(ctx)
	if err == nil && !nothing {
		left, err = t.list(ctx)
	}
	if err == nil {
		t.since, t.left = now, left
	}
	return err
}

// nothingLeft reports whether the previous leader, as far as the lease of this
// fence tells, has left nothing behind.
func (t *takeover) nothingLeft(ctx context.Context) (bool, error) {
	rec, p, err := migrate.Status(ctx, table{t.db}, t.key)
	if errors.Is(err, migrate.ErrStore) {
		return false, nil // the lease may be kept elsewhere
	}
	if err != nil || rec.Epoch != t.fence {
		return false, err
	}
	return p.Outcome == "done" || p.Outcome == "" && rec.Epoch == 1, nil
}

// raise waits for the row, which guarded transactions hold.
func (t *takeover) raise(ctx context.Context) error {
	const raise = `INSERT INTO stackrescue_fence (name, epoch) VALUES (?, ?) ON DUPLICATE KEY UPDATE epoch = greatest(epoch, VALUES(epoch))`
	err := sqlconn.Do(ctx, t.db, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, raise, t.key, int64(t.fence))
		return err
	})
	if err != nil {
		return err
	}
	return t.newest(ctx)
}

// newest returns [migrate.ErrLeaseLost] if a newer fence was raised.
func (t *takeover) newest(ctx context.Context) error {
	var newest migrate.Fence
	if err := t.db.QueryRowContext(ctx, `SELECT epoch FROM stackrescue_fence WHERE name = ?`, t.key).Scan(&newest); err != nil {
		return err
	}
	if newest != t.fence {
		return fmt.Errorf("%w: fence %d was raised, and this one is %d", migrate.ErrLeaseLost, newest, t.fence)
	}
	return nil
}

// enter notes where this leader comes from, for the one that takes over from it.
func (t *takeover) enter(ctx context.Context) error {
	if t.before != t.self.address {
		err := sqlconn.Do(ctx, t.db, func(conn *sql.Conn) error {
			_, err := conn.ExecContext(ctx, `UPDATE stackrescue_fence SET client = ? WHERE name = ? AND epoch = ?`, t.self.address, t.key, int64(t.fence))
			return err
		})
		if err != nil {
			return err
		}
	}
	return t.newest(ctx)
}

// end ends what is the previous leader's.
func (t *takeover) end(ctx context.Context) error {
	for _, r := range t.left {
		if !r.endable(t.self, t.before) {
			continue
		}
		// KILL takes no placeholder. A connection that is gone is what is wanted.
		if _, err := t.db.ExecContext(ctx, fmt.Sprintf(`KILL %d`, r.id)); err != nil && sqlstate.Number(err) != 1094 {
			return err
		}
	}
	return nil
}
