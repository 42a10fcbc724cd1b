package pglease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/internal/sqlconn"
	"github.com/stackrescue/stackrescue/migrate"
)

// Guard makes sure, at the start of a transaction, that fence is the newest one
// for the key, and keeps [Raise] of a newer one waiting until the transaction
// ends. It returns [migrate.ErrLeaseLost] if a newer one was raised: roll back.
func Guard(ctx context.Context, tx *sql.Tx, key string, fence migrate.Fence) error {
	if tx == nil {
		return wrap("guard", sqlconn.ErrNoHandle)
	}
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM stackrescue_fence WHERE key = $1 AND epoch = $2 FOR SHARE`, key, int64(fence)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: fence %d of %s is not the newest", migrate.ErrLeaseLost, fence, key)
	}
	return wrap("guard", err)
}

// RaiseOptions change [Raise]. The zero value is the default.
type RaiseOptions struct {
	// Terminate ends what previous leaders have left running, rather than
	// waiting for it. Needs the role of those sessions, or pg_signal_backend.
	Terminate bool
	// Interval is the time between polls for what is left. Defaults to 500 ms.
	Interval time.Duration
	// Observe is called with the server processes that are waited for, at each
	// poll. Nil for nothing.
	Observe func(pids []int)
}

// Raise makes fence the newest one for the key, after the transactions that
// [Guard] let pass have ended, and returns when no session named by
// [ApplicationName] with an earlier fence runs anything any longer. It is for
// [migrate.RunOptions.Enter]. It returns [migrate.ErrLeaseLost] if a newer fence
// was raised. Safe to repeat.
//
// A session that is inside a transaction counts as running, and without
// Terminate it is waited for until the server gives up its client. One that
// does not carry the name, because its driver or a proxy drops it, is not seen:
// only a transaction of it that [Guard] let pass is waited for.
func Raise(ctx context.Context, db *sql.DB, key string, fence migrate.Fence, optFns ...func(*RaiseOptions)) error {
	o := RaiseOptions{}
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if o.Interval == 0 {
		o.Interval = 500 * time.Millisecond
	}
	raised := false
	check := func(ctx context.Context) (pids []int, err error) {
		if !raised {
			if raised, err = raise(ctx, db, key, fence); err != nil {
				return nil, err
			}
		}
		return left(ctx, db, key, fence, o.Terminate)
	}
	for pids, err := range poll.Every(ctx, o.Interval, check, func(p *poll.Options) { p.Transient = sqlconn.Away }) {
		switch {
		case err != nil:
			return wrap("take over from previous leaders", err)
		case raised && len(pids) == 0:
			return nil
		case len(pids) > 0 && o.Observe != nil:
			o.Observe(pids)
		}
	}
	return nil
}

// raise does so unless a guarded transaction is open. It does not wait for its
// end: its client may have vanished, and then somebody has to end it.
func raise(ctx context.Context, db *sql.DB, key string, fence migrate.Fence) (bool, error) {
	for _, stmt := range []string{
		`WITH free AS (SELECT key FROM stackrescue_fence WHERE key = $1 FOR UPDATE SKIP LOCKED)
UPDATE stackrescue_fence f SET epoch = $2 FROM free WHERE f.key = free.key AND f.epoch <= $2`,
		`INSERT INTO stackrescue_fence (key, epoch) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`,
	} {
		var n int64
		err := sqlconn.Do(ctx, db, func(conn *sql.Conn) error {
			res, err := conn.ExecContext(ctx, stmt, key, int64(fence))
			if err == nil {
				n, err = res.RowsAffected()
			}
			return err
		})
		if err != nil || n == 1 {
			return n == 1, err
		}
	}
	var newest int64
	err := db.QueryRowContext(ctx, `SELECT epoch FROM stackrescue_fence WHERE key = $1`, key).Scan(&newest)
	if err == nil && newest > int64(fence) {
		err = fmt.Errorf("%w: %d was raised", migrate.ErrLeaseLost, newest)
	}
	return false, err
}

// left lists the server processes that work for earlier fences, and ends them
// if asked to. The state of other roles' sessions is hidden from a role without
// pg_read_all_stats; that they are in a transaction is not: each holds the lock
// of its own virtual transaction.
func left(ctx context.Context, db *sql.DB, key string, fence migrate.Fence, terminate bool) ([]int, error) {
	const find = `SELECT pid, application_name FROM pg_stat_activity a
WHERE datname = current_database() AND pid <> pg_backend_pid() AND starts_with(application_name, $1)
AND CASE WHEN state IS NULL OR state = 'disabled' THEN EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND locktype = 'virtualxid') ELSE state <> 'idle' END`
	prefix := prefix(key)
	rows, err := db.QueryContext(ctx, find, prefix)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var pids []int
	for rows.Next() {
		var pid int
		var name string
		if err := rows.Scan(&pid, &name); err != nil {
			return nil, err
		}
		var epoch migrate.Fence
		if _, err := fmt.Sscan(strings.TrimPrefix(name, prefix), &epoch); err == nil && epoch < fence {
			pids = append(pids, pid)
		}
	}
	if err := rows.Err(); err != nil || !terminate {
		return pids, err
	}
	for _, pid := range pids {
		var ended bool
		if err := db.QueryRowContext(ctx, `SELECT pg_terminate_backend($1)`, pid).Scan(&ended); err != nil {
			return nil, err
		}
	}
	return pids, nil
}

// prefix leaves room for the epoch in the 63 bytes that the server keeps.
func prefix(key string) string {
	s := strings.Map(func(r rune) rune {
		if r < 32 || r > 126 { // the server replaces these
			return '?'
		}
		return r
	}, "migrate/"+key)
	return s[:min(len(s), 42)] + "/"
}

// ApplicationName is what sessions of a leader should be called, by
// application_name or the environment variable PGAPPNAME, so that [Raise] finds
// them.
func ApplicationName(key string, fence migrate.Fence) string {
	return prefix(key) + fmt.Sprint(int64(fence))
}
