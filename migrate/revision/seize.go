package revision

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"time"

	"github.com/stackrescue/stackrescue/internal/sqlstate"
)

// lockConn takes those of the tool's own locks that belong to the connection, and
// returns what gives them back. PostgreSQL's are taken in the transaction.
func (p *planned) lockConn(ctx context.Context, conn *sql.Conn) (free func(), err error) {
	var names []string
	free = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		for _, n := range names {
			var ok sql.NullBool
			if conn.QueryRowContext(ctx, `SELECT RELEASE_LOCK(?)`, n).Scan(&ok) != nil || !ok.Bool {
				// Back in the pool it would hold the lock on.
				_ = conn.Raw(func(any) error { return driver.ErrBadConn })
				return
			}
		}
	}
	if p.engine != mySQL {
		return free, nil
	}
	for _, a := range p.located.advisories(p.server) {
		if a.name == "" {
			continue
		}
		var got sql.NullBool
		if err := conn.QueryRowContext(ctx, `SELECT GET_LOCK(?, 0)`, a.name).Scan(&got); err != nil {
			free()
			return nil, fmt.Errorf("lock of %s: %w", p.tool.name, err)
		}
		if !got.Bool {
			free()
			return nil, fmt.Errorf("%w: the lock of %s is held", ErrRunning, p.tool.name)
		}
		names = append(names, a.name)
	}
	return free, nil
}

// lockTable takes the tool's own lock and the table for the transaction, without
// waiting long for either. Others may read the table meanwhile, the checks
// among them.
func (p *planned) lockTable(ctx context.Context, tx *sql.Tx) error {
	table := p.engine.quote(p.place.schema, p.place.name)
	if p.engine == mySQL {
		if _, err := column(ctx, tx, `SELECT 1 FROM `+table+` FOR UPDATE NOWAIT`); err != nil {
			return p.busy(err)
		}
		return nil
	}
	for _, a := range p.located.advisories(p.server) {
		var got bool
		if err := tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, a.key).Scan(&got); err != nil {
			return fmt.Errorf("lock of %s: %w", p.tool.name, err)
		}
		if !got {
			return fmt.Errorf("%w: the lock of %s is held", ErrRunning, p.tool.name)
		}
	}
	if _, err := tx.ExecContext(ctx, `SET LOCAL lock_timeout = '5s'`); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `LOCK TABLE `+table+` IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return p.busy(err)
	}
	return nil
}

// busy tells a table that somebody else has locked from other errors:
// lock_not_available, and MySQL's and MariaDB's answers to NOWAIT.
func (p *planned) busy(err error) error {
	if sqlstate.Of(err) == "55P03" || (p.engine == mySQL && slices.Contains([]int{1205, 3572}, sqlstate.Number(err))) {
		return fmt.Errorf("%w: another session has %s locked: %w", ErrRunning, p.place, err)
	}
	return fmt.Errorf("lock %s: %w", p.place, err)
}
