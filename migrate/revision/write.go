package revision

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

// underLock leads and writes.
func (p *planned) underLock(ctx context.Context, db *sql.DB, o StampOptions) error {
	lease := cmp.Or(o.Lease.Lease, 15*time.Second)
	began := false
	var lastErr error
	wait, cancel := context.WithTimeoutCause(ctx, cmp.Or(o.LockTimeout, 2*lease+5*time.Second), errLockTimeout)
	defer cancel()
	err := migrate.Lead(wait, o.Store, o.Key, func(ctx context.Context, fence migrate.Fence) error {
		began = true
		p.out.Fence = fence
		return p.write(ctx, db, o)
	}, func(l *migrate.LeadOptions) {
		*l = o.Lease
		l.Owner = cmp.Or(l.Owner, o.Who)
		l.Observe = func(e migrate.Event) {
			lastErr = e.Err
			if o.Lease.Observe != nil {
				o.Lease.Observe(e)
			}
		}
	})
	switch {
	case err == nil || began || !errors.Is(err, errLockTimeout):
		return err
	case lastErr != nil:
		return fmt.Errorf("the lock %s could not be taken: %w (%w)", o.Key, lastErr, err)
	}
	return fmt.Errorf("the lock %s is held by a live leader: %w (%w)", o.Key, ErrRunning, err)
}

// errLockTimeout is why a wait for the lock ends.
var errLockTimeout = errors.New("timed out waiting for the lock")

// write is what happens under the lock.
func (p *planned) write(ctx context.Context, db *sql.DB, o StampOptions) error {
	if o.Enter != nil {
		if err := o.Enter(ctx, p.out.Fence); err != nil {
			return err
		}
	}
	live, _, err := p.sessions(ctx, db, []located{p.located})
	if err != nil {
		return err
	}
	if len(live) > 0 {
		return fmt.Errorf("%w: %s", ErrRunning, live[0])
	}
	if err := p.audit(ctx, db, p.place.schema); err != nil {
		return err
	}
	if err := p.swap(ctx, db, o); err != nil {
		return err
	}
	p.out.Changed = true
	now, err := p.reread(ctx, db)
	if err != nil {
		return fmt.Errorf("the stamp was written, and the table could not be read again: %w", err)
	}
	if remove, add := difference(now.entries, p.after); len(remove)+len(add) > 0 {
		return fmt.Errorf("the stamp was written, and %s holds %s now: %w", p.place, now.versionText(), ErrChanged)
	}
	return nil
}

// swap compares and writes in one transaction.
func (p *planned) swap(ctx context.Context, db *sql.DB, o StampOptions) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	free, err := p.lockConn(ctx, conn)
	if err != nil {
		return err
	}
	defer free()
	opts := &sql.TxOptions{}
	if p.engine == mySQL {
		// At this level a locking read keeps others from adding rows, too.
		// Source: https://dev.mysql.com/doc/refman/8.0/en/innodb-locking.html
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := p.lockTable(ctx, tx); err != nil {
		return err
	}
	if o.Guard != nil {
		if err := o.Guard(ctx, tx, p.out.Fence); err != nil {
			return err
		}
	}
	now, err := p.reread(ctx, tx)
	if err != nil {
		return err
	}
	if now.fingerprint() != p.out.Fingerprint {
		return fmt.Errorf("%s holds %s, not %s: %w", p.place, now.versionText(), p.out.From, ErrChanged)
	}
	// Once more, now that nobody can change the table: the time since the plan
	// may have been long.
	if len(o.Checks) > 0 {
		if p.out.Checks, p.out.Proven, err = prove(ctx, db, o.Checks); err != nil {
			return err
		}
		if err := unproven(p.out); err != nil {
			return err
		}
	}
	for _, s := range p.out.Statements {
		res, err := tx.ExecContext(ctx, s.SQL, s.args...)
		if err != nil {
			return fmt.Errorf("%s: %w", s.SQL, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("%s: %w", s.SQL, err)
		}
		if s.Rows != anyRows && n != s.Rows {
			return fmt.Errorf("%s: %d rows, not %d: %w", s.SQL, n, s.Rows, ErrChanged)
		}
	}
	if err := p.record(ctx, tx, p.place.schema, o, p.out); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w; whether it was written, a dry run tells", err)
	}
	return nil
}

// reread reads the table again.
func (p *planned) reread(ctx context.Context, q querier) (content, error) {
	all, err := p.listTables(ctx, q, tableNames(p.place.name))
	if err != nil {
		return content{}, err
	}
	return p.tool.read(ctx, reader{p.server, q, all}, p.place)
}
