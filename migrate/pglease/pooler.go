package pglease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/migrate"
)

// ErrPooler means that a connection does not keep its server process between
// two transactions: a pooler sits in between, and locks of the session would
// belong to somebody else. Use the database's own address, or [Table].
var ErrPooler = errors.New("a connection pooler shares server sessions: use the database's own endpoint, or the lease table")

// rounds is how often the detection tries to make a pooler move a connection.
const rounds = 3

// checkSession is an [ErrPooler], and an [migrate.ErrStore], when a connection
// that was just opened holds locks of somebody else.
func checkSession(ctx context.Context, conn *sql.Conn) error {
	var foreign int
	const held = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`
	if err := conn.QueryRowContext(ctx, held).Scan(&foreign); err != nil {
		return err
	}
	if foreign > 0 {
		return fmt.Errorf("%w: %w (a new session holds %d locks already)", migrate.ErrStore, ErrPooler, foreign)
	}
	return nil
}

// checkPooler makes a pooler give conn's server process to another connection.
// It is an [ErrPooler], and an [migrate.ErrStore], when that works. conn must
// not be in a transaction.
func checkPooler(ctx context.Context, db *sql.DB, conn *sql.Conn) error {
	if db.Stats().MaxOpenConnections == 1 {
		return fmt.Errorf("%w: a session lock needs a connection of its own, and the database is limited to one", migrate.ErrStore)
	}
	var first int
	if err := conn.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&first); err != nil {
		return err
	}
	for range rounds {
		if err := displaced(ctx, db, conn, first); err != nil {
			return err
		}
	}
	return nil
}

// displaced occupies a server process with a transaction of another connection,
// and looks whether conn still has its own.
func displaced(ctx context.Context, db *sql.DB, conn *sql.Conn, first int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var other, again int
	if err := tx.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&other); err != nil {
		return err
	}
	if other == first {
		return fmt.Errorf("%w: %w", migrate.ErrStore, ErrPooler)
	}
	if err := conn.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&again); err != nil {
		return err
	}
	if again != first {
		return fmt.Errorf("%w: %w", migrate.ErrStore, ErrPooler)
	}
	return nil
}
