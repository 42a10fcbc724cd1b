package pglease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/internal/sqlstate"
	"github.com/stackrescue/stackrescue/migrate"
)

// ErrPooler is returned by the methods of [Session]'s store if a connection does
// not keep its server process between two transactions: a pooler sits in
// between, and locks of the session would belong to somebody else. Use the
// database's own address, or [Table].
//
// It is returned by every function of this package if a prepared statement was
// lost in a pooler, such as PgBouncer in transaction mode before 1.21: open the
// handle without them. With pgx that is default_query_exec_mode=simple_protocol
// in the connection string.
var ErrPooler = errors.New("a connection pooler shares server sessions")

// errSession and errPrepared say what to do.
var (
	errSession  = fmt.Errorf("%w: use the database's own endpoint, or the lease table", ErrPooler)
	errPrepared = fmt.Errorf("%w, and prepared statements get lost: open the database without them, such as with default_query_exec_mode=simple_protocol", ErrPooler)
)

// rounds is how often the detection tries to make a pooler move a connection.
const rounds = 3

// checkSession returns [ErrPooler] and [migrate.ErrStore] if a connection that
// was just opened holds locks of somebody else.
func checkSession(ctx context.Context, conn *sql.Conn) error {
	var foreign int
	const held = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`
	if err := conn.QueryRowContext(ctx, held).Scan(&foreign); err != nil {
		return prepared(err)
	}
	if foreign > 0 {
		return fmt.Errorf("%w: %w (a new session holds %d locks already)", migrate.ErrStore, errSession, foreign)
	}
	return nil
}

// checkPooler makes a pooler give conn's server process to another connection.
// It returns [ErrPooler] and [migrate.ErrStore] if that works. conn must not be
// in a transaction.
func checkPooler(ctx context.Context, db *sql.DB, conn *sql.Conn) error {
	if db.Stats().MaxOpenConnections == 1 {
		return fmt.Errorf("%w: a session lock needs a connection of its own, and the database is limited to one", migrate.ErrStore)
	}
	var first int
	if err := conn.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&first); err != nil {
		return prepared(err)
	}
	for range rounds {
		if err := displaced(ctx, db, conn, first); err != nil {
			return prepared(err)
		}
	}
	return nil
}

// prepared takes a lost prepared statement for what it is: the connection's
// server process is not the one that it was. In the search for a pooler, that is
// the answer.
func prepared(err error) error {
	if sqlstate.Prepared(err) {
		return fmt.Errorf("%w: %w: %w", migrate.ErrStore, errSession, err)
	}
	return err
}

// displaced occupies a server process with a transaction of another connection,
// and checks whether conn still has its own.
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
		return fmt.Errorf("%w: %w", migrate.ErrStore, errSession)
	}
	if err := conn.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&again); err != nil {
		return err
	}
	if again != first {
		return fmt.Errorf("%w: %w", migrate.ErrStore, errSession)
	}
	return nil
}
