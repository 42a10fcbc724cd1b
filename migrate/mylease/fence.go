package mylease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
	"github.com/stackrescue/stackrescue/internal/sqlstate"
	"github.com/stackrescue/stackrescue/migrate"
)

// Guard makes sure, at the start of a transaction, that fence is the newest one
// for the key, and keeps [Raise] of a newer one waiting until the transaction
// ends. It returns [migrate.ErrLeaseLost] if a newer one was raised: roll back.
func Guard(ctx context.Context, tx *sql.Tx, key string, fence migrate.Fence) error {
	var one int
	// FOR SHARE is not known to MariaDB.
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM stackrescue_fence WHERE name = ? AND epoch = ? LOCK IN SHARE MODE`, key, int64(fence)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: fence %d of %s is not the newest", migrate.ErrLeaseLost, fence, key)
	}
	return wrap("guard", err)
}

// Raise makes fence the newest one for the key, after the transactions that
// [Guard] let pass have ended, however long that takes. It is for
// [migrate.RunOptions.Enter]. It returns [migrate.ErrLeaseLost] if a newer
// fence was raised. Safe to repeat.
func Raise(ctx context.Context, db *sql.DB, key string, fence migrate.Fence) error {
	const raise = `INSERT INTO stackrescue_fence (name, epoch) VALUES (?, ?) ON DUPLICATE KEY UPDATE epoch = greatest(epoch, VALUES(epoch))`
	for {
		err := sqlconn.Do(ctx, db, func(conn *sql.Conn) error {
			_, err := conn.ExecContext(ctx, raise, key, int64(fence))
			return err
		})
		if n := sqlstate.Number(err); n == 1205 || n == 1213 {
			continue // waited for the server's own limit, or was chosen in a deadlock
		}
		if err != nil {
			return wrap("raise the fence", err)
		}
		break
	}
	var newest migrate.Fence
	if err := db.QueryRowContext(ctx, `SELECT epoch FROM stackrescue_fence WHERE name = ?`, key).Scan(&newest); err != nil {
		return wrap("raise the fence", err)
	}
	if newest != fence {
		return fmt.Errorf("%w: a fence newer than %d was raised", migrate.ErrLeaseLost, fence)
	}
	return nil
}
