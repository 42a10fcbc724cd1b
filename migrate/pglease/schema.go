package pglease

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
)

// Schema makes the tables, if they are not there: leases, and the fence that
// [Guard] asks for. They are in the first schema of the search path.
const Schema = `CREATE TABLE IF NOT EXISTS stackrescue_lease (
  key text PRIMARY KEY,
  epoch bigint NOT NULL,
  beat bigint NOT NULL,
  owner text,
  lease_ns bigint NOT NULL,
  note bytea
);
CREATE TABLE IF NOT EXISTS stackrescue_fence (
  key text PRIMARY KEY,
  epoch bigint NOT NULL
);`

// createLock keeps two replicas from making the tables at once, which IF NOT
// EXISTS does not. It is of the transaction, and so safe behind poolers.
const createLock = 7823001655110482135

// Create runs [Schema]. Safe to repeat, also from many processes at once.
func Create(ctx context.Context, db *sql.DB) error {
	if db == nil {
		return wrap("look for the lease tables", sqlconn.ErrNoHandle)
	}
	var there bool
	const look = `SELECT to_regclass('stackrescue_lease') IS NOT NULL AND to_regclass('stackrescue_fence') IS NOT NULL`
	if err := db.QueryRowContext(ctx, look).Scan(&there); err != nil || there {
		return wrap("look for the lease tables", err)
	}
	return wrap("create the lease tables", sqlconn.Do(ctx, db, func(conn *sql.Conn) error { return create(ctx, conn) }))
}

func create(ctx context.Context, conn *sql.Conn) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, createLock)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, Schema); err != nil {
		return err
	}
	return tx.Commit()
}
