// Package sqlconn keeps statements away from servers that take no writes: a
// pool goes on using connections to a writer that was demoted in a failover, for
// as long as they are open.
package sqlconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/internal/sqlstate"
)

// ErrNoHandle means that a function was given no database, or no transaction.
var ErrNoHandle = errors.New("no database handle")

// Do calls fn with one connection of db. A connection whose server takes no
// writes is closed, and fn is called again with another one, which the driver
// opens by resolving the server's name anew once the pool has none left. fn may
// be called more than once: what it does must be safe to repeat.
func Do(ctx context.Context, db *sql.DB, fn func(*sql.Conn) error) error {
	if db == nil {
		return ErrNoHandle
	}
	// Each idle connection may be to the same server.
	tries := db.Stats().Idle + 2
	for n := 1; ; n++ {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		err = fn(conn)
		if !sqlstate.ReadOnly(err) {
			_ = conn.Close()
			return err
		}
		if sqlstate.Of(err) == "25006" {
			// A pooler in between would keep the server's session for the next
			// client: it ends by itself, which every role may do.
			_, _ = conn.ExecContext(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
		}
		Discard(conn)
		if n >= tries || ctx.Err() != nil {
			return fmt.Errorf("the server takes no writes: %w", err)
		}
	}
}

// Discard closes a connection rather than giving it back to the pool.
func Discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}
