package mylease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

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
	// FOR SHARE is not known to MariaDB.
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM stackrescue_fence WHERE name = ? AND epoch = ? LOCK IN SHARE MODE`, key, int64(fence)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: fence %d of %s is not the newest", migrate.ErrLeaseLost, fence, key)
	}
	return wrap("guard", err)
}
