package pglease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
	"github.com/stackrescue/stackrescue/migrate"
)

// session is a store that holds an advisory lock beside the row.
type session struct {
	db *sql.DB
	// direct is set when no pooler was found.
	direct atomic.Bool

	mu sync.Mutex
	// held finds a hold again for a repeated Acquire.
	held map[string]*sessionHold
}

// Session returns a store on the lease table whose holder also keeps an
// advisory lock on a connection of its own, with keepalive and idle limits that
// make the server let go of it after about a lease when the holder's host
// vanishes. It makes no call; see [Create].
//
// A key is taken over only when its row says so and the lock is free: also a
// connection that was ended while its holder lives lets nobody in before the
// lease is over. A holder whose connection broke gets itself another, while the
// row is its own.
//
// Not for a pooler that shares sessions, such as PgBouncer in transaction mode:
// the first Acquire looks for one, and returns [ErrPooler] then. RDS Proxy pins the
// connection instead and is safe. The database handle needs two connections.
func Session(db *sql.DB) migrate.Store { return &session{db: db, held: map[string]*sessionHold{}} }

// Read is [migrate.Store]'s.
func (s *session) Read(ctx context.Context, key string) (migrate.Record, error) {
	return table{s.db}.Read(ctx, key)
}

// Acquire is [migrate.Store]'s.
func (s *session) Acquire(ctx context.Context, key string, claim migrate.Claim) (migrate.Hold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.held[key]; h != nil && h.owner == claim.Owner && h.Renew(ctx, nil) == nil {
		return h, nil
	}
	// A row that another one holds needs no connection to be told from a free
	// one.
	rec, err := s.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	if rec.Owner != "" && rec.Owner != claim.Owner && rec.Version != claim.Over {
		return nil, &migrate.HeldError{Key: key, Record: rec}
	}
	// Likewise if the server still holds the lock of a client that vanished.
	locked, err := s.locked(ctx, key)
	if err != nil {
		return nil, err
	}
	var conn *sql.Conn
	if !locked {
		if conn, err = s.lock(ctx, key, claim.Lease); err != nil {
			return nil, err
		}
	}
	if conn == nil {
		if rec, err = read(ctx, s.db, key); err != nil {
			return nil, err
		}
		return nil, &migrate.HeldError{Key: key, Record: rec}
	}
	rec, err = acquire(ctx, conn, key, claim)
	if err != nil {
		sqlconn.Discard(conn)
		return nil, err
	}
	h := &sessionHold{s: s, conn: conn, lease: claim.Lease, row: row{db: s.db, key: key, owner: claim.Owner, fence: rec.Epoch, note: rec.Note}}
	s.held[key] = h
	return h, nil
}

// lock opens a connection and takes the key's lock, or returns nil when another
// session has it.
func (s *session) lock(ctx context.Context, key string, lease time.Duration) (*sql.Conn, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	got, err := s.try(ctx, conn, key, lease)
	if err != nil || !got {
		sqlconn.Discard(conn)
		return nil, err
	}
	return conn, nil
}

// try takes the lock on conn, after checking that conn is what it seems. The
// search for a pooler is many statements and another connection, and a call has
// a third of a lease: it is made once.
func (s *session) try(ctx context.Context, conn *sql.Conn, key string, lease time.Duration) (got bool, err error) {
	if err := checkSession(ctx, conn); err != nil {
		return false, err
	}
	if !s.direct.Load() {
		if err := checkPooler(ctx, s.db, conn); err != nil {
			return false, err
		}
		s.direct.Store(true)
	}
	if err := limits(ctx, conn, lease); err != nil {
		return false, err
	}
	err = conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, lockID(key)).Scan(&got)
	return got, err
}

// locked reports whether a session has the key's lock.
func (s *session) locked(ctx context.Context, key string) (held bool, err error) {
	const find = `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND (classid::bigint << 32 | objid::bigint) = $1)`
	err = s.db.QueryRowContext(ctx, find, lockID(key)).Scan(&held)
	return held, wrap("look for the lock", err)
}

// lockID is the advisory lock of a key. It has nothing to do with those of the
// migration tools, so that a tool may take its own inside.
func lockID(key string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("stackrescue/migrate/" + key))
	return int64(h.Sum64())
}

// limits makes the server notice a vanished client after about a lease, never
// sooner: counted from the last packet that arrived. Settings that the server
// does not have are passed over.
func limits(ctx context.Context, conn *sql.Conn, lease time.Duration) error {
	l := Limits(lease)
	const set = `SELECT count(set_config(s.name, v.value, false)) FROM pg_settings s JOIN (VALUES
('tcp_keepalives_idle', $1), ('tcp_keepalives_interval', $2), ('tcp_keepalives_count', $3),
('tcp_user_timeout', $4), ('client_connection_check_interval', $5), ('idle_session_timeout', $4),
('statement_timeout', '0'), ('lock_timeout', '0')) v(name, value) ON s.name = v.name`
	var n int
	return conn.QueryRowContext(ctx, set, l["tcp_keepalives_idle"], l["tcp_keepalives_interval"], l["tcp_keepalives_count"],
		l["tcp_user_timeout"], l["client_connection_check_interval"]).Scan(&n)
}

// sessionHold is a row and a lock.
type sessionHold struct {
	row
	s     *session
	lease time.Duration
	// conn is nil when it broke.
	conn  *sql.Conn
	ended bool
}

// Renew needs both: the row, and the connection with the lock. A broken
// connection is replaced; until the server has let go of the old one's lock
// that fails, and the row is not renewed.
func (h *sessionHold) Renew(ctx context.Context, note []byte) error {
	if err := ctx.Err(); err != nil {
		return err // a driver would end the connection for it
	}
	if h.ended {
		return fmt.Errorf("%w: it was released", migrate.ErrLeaseLost)
	}
	if h.conn == nil {
		conn, err := h.s.lock(ctx, h.key, h.lease)
		if err != nil {
			return err
		}
		if conn == nil {
			return errors.New("the lock is still that of the connection that broke")
		}
		h.conn = conn
	}
	err := renew(ctx, h.conn, h.key, h.owner, h.fence, note)
	if err != nil && !errors.Is(err, migrate.ErrLeaseLost) {
		sqlconn.Discard(h.conn)
		h.conn = nil
	}
	return err
}

// Release is [migrate.Hold]'s.
func (h *sessionHold) Release(ctx context.Context, note []byte) error {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	if h.s.held[h.key] == h {
		delete(h.s.held, h.key)
	}
	h.ended = true
	err := sqlconn.Do(ctx, h.s.db, func(conn *sql.Conn) error { return release(ctx, conn, h.key, h.owner, h.fence, note) })
	if h.conn != nil {
		// The server notices the end of a connection a little later: say it.
		_, _ = h.conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, lockID(h.key))
		sqlconn.Discard(h.conn)
		h.conn = nil
	}
	return err
}
