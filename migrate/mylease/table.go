package mylease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
	"github.com/stackrescue/stackrescue/migrate"
)

// table is the lease table.
type table struct{ db *sql.DB }

// Table returns a store on the lease table. It makes no call; see [Create]. A
// connection whose server has become read-only, as a writer does that was demoted
// in a failover, is closed, and the call is made on another one.
func Table(db *sql.DB) migrate.Store { return table{db} }

// Read is [migrate.Store]'s.
func (t table) Read(ctx context.Context, key string) (migrate.Record, error) {
	r, _, err := t.read(ctx, key)
	return r, err
}

// longest is how many bytes of a key the table holds.
const longest = 255

// checkKey returns an error for a key that the server would cut.
func checkKey(key string) error {
	if len(key) > longest {
		return fmt.Errorf("%w: the key has %d bytes, at most %d are kept", migrate.ErrStore, len(key), longest)
	}
	return nil
}

// read also tells whether there is a row.
func (t table) read(ctx context.Context, key string) (r migrate.Record, there bool, err error) {
	if t.db == nil {
		return migrate.Record{}, false, wrap("read lease", sqlconn.ErrNoHandle)
	}
	if err := checkKey(key); err != nil {
		return migrate.Record{}, false, err
	}
	var owner sql.NullString
	var lease int64
	err = t.db.QueryRowContext(ctx, `SELECT epoch, beat, owner, lease_ns, note FROM stackrescue_lease WHERE name = ?`, key).
		Scan(&r.Epoch, &r.Beat, &owner, &lease, &r.Note)
	if errors.Is(err, sql.ErrNoRows) {
		return migrate.Record{}, false, nil
	}
	if err != nil {
		return migrate.Record{}, false, wrap("read lease", err)
	}
	r.Owner, r.Lease = owner.String, time.Duration(lease)
	return r, true, nil
}

// There is no statement that changes a row and returns it; LAST_INSERT_ID hands
// back the one number that must be of the same moment.
//
// Source: https://dev.mysql.com/doc/refman/8.0/en/information-functions.html#function_last-insert-id
const acquireRow = `UPDATE stackrescue_lease SET epoch = LAST_INSERT_ID(epoch + 1), beat = 0, owner = ?, lease_ns = ?
WHERE name = ? AND (owner IS NULL OR (epoch = ? AND beat = ?))`

// Acquire is [migrate.Store]'s. It is two statements, and two more for a key
// that was never used or that another one holds.
func (t table) Acquire(ctx context.Context, key string, claim migrate.Claim) (migrate.Hold, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	var res sql.Result
	err := sqlconn.Do(ctx, t.db, func(conn *sql.Conn) (err error) {
		res, err = conn.ExecContext(ctx, acquireRow, claim.Owner, int64(claim.Lease), key, int64(claim.Over.Epoch), claim.Over.Beat)
		return err
	})
	if err != nil {
		return nil, wrap("acquire lease", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		if err != nil {
			return nil, wrap("acquire lease", err)
		}
		epoch, err := res.LastInsertId()
		if err != nil {
			return nil, wrap("acquire lease", err)
		}
		return t.hold(ctx, key, claim.Owner, migrate.Fence(epoch))
	}
	r, there, err := t.read(ctx, key)
	if err != nil {
		return nil, err
	}
	if !there {
		return t.first(ctx, key, claim)
	}
	if r.Owner != claim.Owner {
		return nil, &migrate.HeldError{Key: key, Record: r}
	}
	// Our own owner means that an earlier Acquire succeeded but its response was
	// lost.
	h := &hold{t, key, claim.Owner, r.Epoch, r.Note}
	if err := h.Renew(ctx, nil); err != nil {
		return nil, err
	}
	return h, nil
}

// first takes a key that was never used.
func (t table) first(ctx context.Context, key string, claim migrate.Claim) (migrate.Hold, error) {
	const insert = `INSERT IGNORE INTO stackrescue_lease (name, epoch, beat, owner, lease_ns) VALUES (?, 1, 0, ?, ?)`
	err := sqlconn.Do(ctx, t.db, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, insert, key, claim.Owner, int64(claim.Lease))
		return err
	})
	if err != nil {
		return nil, wrap("acquire lease", err)
	}
	r, _, err := t.read(ctx, key)
	if err != nil {
		return nil, err
	}
	if r.Owner != claim.Owner {
		return nil, &migrate.HeldError{Key: key, Record: r}
	}
	return &hold{t, key, claim.Owner, r.Epoch, r.Note}, nil
}

// hold reads the note that the acquisition has found.
func (t table) hold(ctx context.Context, key, owner string, fence migrate.Fence) (migrate.Hold, error) {
	r, _, err := t.read(ctx, key)
	if err != nil {
		return nil, err
	}
	if r.Owner != owner || r.Epoch != fence {
		return nil, &migrate.HeldError{Key: key, Record: r}
	}
	return &hold{t, key, owner, fence, r.Note}, nil
}

// hold is a row that was acquired.
type hold struct {
	t     table
	key   string
	owner string
	fence migrate.Fence
	note  []byte
}

func (h *hold) Fence() migrate.Fence { return h.fence }
func (h *hold) Note() []byte         { return h.note }

// Renew is [migrate.Hold]'s. The beat makes it a change in every case: rows
// that stay the same do not count.
func (h *hold) Renew(ctx context.Context, note []byte) error {
	n, err := h.change(ctx, `SET beat = beat + 1, note = coalesce(?, note)`, note)
	if err == nil && n != 1 {
		return h.over()
	}
	return err
}

// Release is [migrate.Hold]'s.
func (h *hold) Release(ctx context.Context, note []byte) error {
	n, err := h.change(ctx, `SET owner = NULL, note = coalesce(?, note)`, note)
	if err != nil || n == 1 {
		return err
	}
	r, _, err := h.t.read(ctx, h.key)
	if err != nil {
		return err
	}
	if r.Epoch == h.fence && r.Owner == "" {
		return nil // an earlier Release succeeded but its response was lost
	}
	return h.over()
}

func (h *hold) over() error {
	return fmt.Errorf("%w: epoch %d of %s is over", migrate.ErrLeaseLost, h.fence, h.key)
}

func (h *hold) change(ctx context.Context, set string, note []byte) (int64, error) {
	var arg any
	if note != nil {
		arg = note
	}
	var n int64
	err := sqlconn.Do(ctx, h.t.db, func(conn *sql.Conn) error {
		res, err := conn.ExecContext(ctx, `UPDATE stackrescue_lease `+set+` WHERE name = ? AND owner = ? AND epoch = ?`, arg, h.key, h.owner, int64(h.fence))
		if err == nil {
			n, err = res.RowsAffected()
		}
		return err
	})
	return n, wrap("write lease", err)
}
