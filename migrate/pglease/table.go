package pglease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
	"github.com/stackrescue/stackrescue/migrate"
)

// querier is a database or one connection of it.
type querier interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// table is the lease table.
type table struct{ db *sql.DB }

// Table returns a store on the lease table. It makes no call; see [Create].
// Each call is one statement, or a few that need no session: it works through
// PgBouncer in any mode and RDS Proxy. It returns an error that matches
// [ErrPooler] and [migrate.ErrStore] if the driver's prepared statements get lost
// in a pooler: see [ErrPooler] for how to open the handle.
//
// A connection whose server has become read-only, as a writer does that was
// demoted in a failover, is closed, and the call is made on another one.
func Table(db *sql.DB) migrate.Store { return table{db} }

// Read is [migrate.Store]'s.
func (t table) Read(ctx context.Context, key string) (migrate.Record, error) {
	if t.db == nil {
		return migrate.Record{}, wrap("read lease", sqlconn.ErrNoHandle)
	}
	return read(ctx, t.db, key)
}

func read(ctx context.Context, q querier, key string) (migrate.Record, error) {
	var r migrate.Record
	var owner sql.NullString
	var lease int64
	err := q.QueryRowContext(ctx, `SELECT epoch, beat, owner, lease_ns, note FROM stackrescue_lease WHERE key = $1`, key).
		Scan(&r.Epoch, &r.Beat, &owner, &lease, &r.Note)
	if errors.Is(err, sql.ErrNoRows) {
		return migrate.Record{}, nil
	}
	if err != nil {
		return migrate.Record{}, wrap("read lease", err)
	}
	r.Owner, r.Lease = owner.String, time.Duration(lease)
	return r, nil
}

// Acquire is [migrate.Store]'s.
func (t table) Acquire(ctx context.Context, key string, claim migrate.Claim) (migrate.Hold, error) {
	var r migrate.Record
	err := sqlconn.Do(ctx, t.db, func(conn *sql.Conn) (err error) {
		r, err = acquire(ctx, conn, key, claim)
		return err
	})
	if errors.Is(err, sqlconn.ErrNoHandle) {
		return nil, wrap("acquire lease", err)
	}
	if err != nil {
		return nil, err
	}
	return &row{t.db, key, claim.Owner, r.Epoch, r.Note}, nil
}

const acquireRow = `INSERT INTO stackrescue_lease AS l (key, epoch, beat, owner, lease_ns) VALUES ($1, 1, 0, $2, $3)
ON CONFLICT (key) DO UPDATE SET epoch = l.epoch + 1, beat = 0, owner = excluded.owner, lease_ns = excluded.lease_ns
WHERE l.owner IS NULL OR (l.epoch = $4 AND l.beat = $5)
RETURNING epoch, note`

// acquire is one statement, and two more when the row is another's, or one's
// own already.
func acquire(ctx context.Context, q querier, key string, claim migrate.Claim) (migrate.Record, error) {
	var r migrate.Record
	err := q.QueryRowContext(ctx, acquireRow, key, claim.Owner, int64(claim.Lease), int64(claim.Over.Epoch), claim.Over.Beat).Scan(&r.Epoch, &r.Note)
	if err == nil {
		return r, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return r, wrap("acquire lease", err)
	}
	if r, err = read(ctx, q, key); err != nil {
		return r, err
	}
	if r.Owner != claim.Owner {
		return r, &migrate.HeldError{Key: key, Record: r}
	}
	return r, renew(ctx, q, key, claim.Owner, r.Epoch, nil)
}

const renewRow = `UPDATE stackrescue_lease SET beat = beat + 1, note = coalesce($4, note) WHERE key = $1 AND owner = $2 AND epoch = $3`

func renew(ctx context.Context, q querier, key, owner string, fence migrate.Fence, note []byte) error {
	return change(ctx, q, renewRow, key, owner, fence, note)
}

const releaseRow = `UPDATE stackrescue_lease SET owner = NULL, note = coalesce($4, note) WHERE key = $1 AND (owner = $2 OR owner IS NULL) AND epoch = $3`

func release(ctx context.Context, q querier, key, owner string, fence migrate.Fence, note []byte) error {
	return change(ctx, q, releaseRow, key, owner, fence, note)
}

// change must hit the row.
func change(ctx context.Context, q querier, stmt, key, owner string, fence migrate.Fence, note []byte) error {
	var arg any
	if note != nil {
		arg = note
	}
	res, err := q.ExecContext(ctx, stmt, key, owner, int64(fence), arg)
	if err != nil {
		return wrap("write lease", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("%w: epoch %d of %s is over", migrate.ErrLeaseLost, fence, key), err)
	}
	return nil
}

// row is a row that was acquired.
type row struct {
	db    *sql.DB
	key   string
	owner string
	fence migrate.Fence
	note  []byte
}

func (h *row) Fence() migrate.Fence { return h.fence }
func (h *row) Note() []byte         { return h.note }

func (h *row) Renew(ctx context.Context, note []byte) error {
	return sqlconn.Do(ctx, h.db, func(conn *sql.Conn) error { return renew(ctx, conn, h.key, h.owner, h.fence, note) })
}

func (h *row) Release(ctx context.Context, note []byte) error {
	return sqlconn.Do(ctx, h.db, func(conn *sql.Conn) error { return release(ctx, conn, h.key, h.owner, h.fence, note) })
}
