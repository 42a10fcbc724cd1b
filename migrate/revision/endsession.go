package revision

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/internal/sqlconn"
)

// ErrNoSession is returned by [EndSession] if no session with that ID holds a
// migration tool's lock: it has ended, or never held one.
var ErrNoSession = errors.New("no such session holds a migration tool's lock")

// EndOptions change [EndSession]. The zero value is the default.
type EndOptions struct {
	// Tool and Table are as in [InspectOptions].
	Tool, Table string
	// OrphanAfter is how long the session must have been idle. Defaults to
	// 5 min; a negative value means not at all.
	OrphanAfter time.Duration
	// Force ends a session that is idle though its client works in another one,
	// or has been idle for less: an idle holder.
	Force bool
	// DryRun only says what would be ended.
	DryRun bool
}

// EndSession ends a session that [Inspect] calls an orphan: it holds a migration
// tool's lock and has been idle for a while. Whether it still is, the server
// decides in the statement that ends it. What it had not committed is rolled
// back.
//
// It returns [ErrNoSession] if there is no such session, and [ErrRunning] if it
// is not an orphan. PostgreSQL wants the role of the session, or
// pg_signal_backend; MySQL CONNECTION_ADMIN, for sessions of other users. Safe to
// repeat.
func EndSession(ctx context.Context, db *sql.DB, id int64, optFns ...func(*EndOptions)) (*Session, error) {
	var o EndOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	o.OrphanAfter = cmp.Or(o.OrphanAfter, 5*time.Minute)
	fail := func(x *Session, err error) (*Session, error) { return x, fmt.Errorf("end session %d: %w", id, err) }
	s, err := read(ctx, db, InspectOptions{Tool: o.Tool, Table: o.Table, OrphanAfter: o.OrphanAfter})
	if err != nil {
		return fail(nil, err)
	}
	x := s.session(id)
	switch {
	case x == nil:
		return fail(nil, ErrNoSession)
	case x.Verdict != verdictOrphan && (!o.Force || !x.idle()):
		return fail(x, fmt.Errorf("%w: %s", ErrRunning, x))
	case o.DryRun:
		return x, nil
	}
	if o.Force {
		o.OrphanAfter = 0
	}
	if err := s.end(ctx, db, *x, o.OrphanAfter); err != nil {
		return fail(x, err)
	}
	// The server ends it a moment later.
	for now, err := range poll.Every(ctx, 100*time.Millisecond, func(ctx context.Context) (*snapshot, error) {
		return read(ctx, db, InspectOptions{Tool: o.Tool, Table: o.Table})
	}, func(p *poll.Options) { p.Transient = sqlconn.Away }) {
		if err != nil {
			return fail(x, err)
		}
		if y := now.session(id); y == nil || y.Started != x.Started {
			break
		}
	}
	return x, nil
}

// session finds one by its ID.
func (s *snapshot) session(id int64) *Session {
	for i := range s.live {
		if s.live[i].ID == id {
			return &s.live[i]
		}
	}
	return nil
}

// end ends a session that is still the one that was seen, and still idle.
func (s server) end(ctx context.Context, db *sql.DB, x Session, idle time.Duration) error {
	if s.engine == mySQL {
		now := Session{ID: x.ID}
		if err := now.process(ctx, db); err != nil {
			return err
		}
		if !now.idle() || now.IdleSeconds < idle.Seconds() || now.User != x.User || now.Client != x.Client {
			return fmt.Errorf("%w: it is not idle any longer", ErrRunning)
		}
		_, err := db.ExecContext(ctx, fmt.Sprintf(`KILL %d`, x.ID)) // KILL takes no placeholder
		return err
	}
	var ended bool
	err := db.QueryRowContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = $1 AND backend_start::text = $2 AND state LIKE 'idle%' AND clock_timestamp() - state_change >= $3 * interval '1 second'`,
		x.ID, x.Started, idle.Seconds()).Scan(&ended)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !ended {
		return fmt.Errorf("%w: it is not idle any longer", ErrRunning)
	}
	return err
}
