package revision

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Session is a session of the server that looks as if it migrates, or that holds
// a migration tool's lock.
type Session struct {
	ID   int64  `json:"id"`
	User string `json:"user,omitempty"`
	// Name is PostgreSQL's application_name, Client the address of its client.
	Name   string `json:"name,omitempty"`
	Client string `json:"client,omitempty"`
	// State is the server's word for what it does, "" where this user may not
	// see it. IdleSeconds is since when it has done nothing.
	State       string  `json:"state,omitempty"`
	IdleSeconds float64 `json:"idleSeconds,omitempty"`
	// Started distinguishes it from another session of the same ID, in the server's own
	// form.
	Started string `json:"started,omitempty"`
	// Why is what it holds or does.
	Why string `json:"why"`
	// Verdict is Running, IdleHolder or Orphan. What cannot be seen counts as
	// running.
	Verdict Verdict `json:"verdict"`

	// Advisory is set where it holds the tool's lock, and not only locks of a
	// transaction. Siblings are sessions of the same user and client that work:
	// a tool may hold its lock with one connection and work with another.
	Advisory bool `json:"advisory,omitempty"`
	Siblings int  `json:"siblings,omitempty"`
}

func (s Session) idle() bool { return strings.HasPrefix(s.State, "idle") }

// judge tells holding a lock from working.
func (s *Session) judge(orphanAfter time.Duration) {
	switch {
	case s.idle() && s.Siblings == 0 && s.IdleSeconds >= orphanAfter.Seconds():
		s.Verdict = verdictOrphan
	case s.idle() && s.Advisory:
		s.Verdict = verdictIdleHolder
	default:
		s.Verdict = verdictRunning
	}
}

// String is such as `session 412 (app, "web", from 10.0.0.1) holds the lock of
// goose, and has been idle for 7m0s`.
func (s Session) String() string {
	var who []string
	if s.User != "" {
		who = append(who, s.User)
	}
	if s.Name != "" {
		who = append(who, strconv.Quote(s.Name))
	}
	if s.Client != "" {
		who = append(who, "from "+s.Client)
	}
	out := fmt.Sprintf("session %d", s.ID)
	if len(who) > 0 {
		out += " (" + strings.Join(who, ", ") + ")"
	}
	out += " " + s.Why
	switch {
	case s.idle():
		out += fmt.Sprintf(", and has been %s for %s", s.State, time.Duration(s.IdleSeconds*float64(time.Second)).Round(time.Second))
	case s.State == "":
		out += ", and what it does cannot be seen with this user"
	}
	if s.idle() && s.Siblings > 0 {
		out += ", while its client works in another session"
	}
	return out
}

// advisory is a lock that a tool takes: on PostgreSQL by a number, or by any of
// key..upTo, on MySQL by a name.
type advisory struct {
	key, upTo int64
	name      string
}

// covers reports whether the lock is one of that number.
func (a advisory) covers(key int64) bool {
	return key == a.key || (a.upTo != 0 && a.key <= key && key <= a.upTo)
}

// sessions lists the sessions that look as if they migrate, except our own. It
// also says what it cannot see, "" for nothing.
func (s server) sessions(ctx context.Context, q querier, found []located) (live []Session, blind string, err error) {
	if s.engine == mySQL {
		return mysqlSessions(ctx, q, found, s)
	}
	live, err = postgresSessions(ctx, q, found, s)
	return live, "", err
}

// located is a tool's table.
type located struct {
	tool
	place
}

// lockModes are those that statements which change a schema take, and ordinary
// work does not.
//
// Source: https://www.postgresql.org/docs/current/explicit-locking.html
const lockModes = `'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'`

// Sessions without a user are the server's own, such as autovacuum. The columns
// that a role may not see are NULL; locks are seen by all.
//
// Source: https://www.postgresql.org/docs/current/view-pg-locks.html,
// https://www.postgresql.org/docs/current/monitoring-stats.html
const postgresLocks = `SELECT l.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(host(a.client_addr), ''), coalesce(a.state, ''),
 coalesce(extract(epoch FROM clock_timestamp() - a.state_change), 0)::float8, coalesce(a.backend_start::text, ''), l.locktype, coalesce(l.mode, ''),
 CASE WHEN l.locktype = 'advisory' AND l.objsubid = 1 THEN (l.classid::bigint << 32) | l.objid::bigint ELSE 0 END,
 coalesce(n.nspname, ''), coalesce(c.relname, ''),
 (SELECT count(*) FROM pg_stat_activity o WHERE o.pid NOT IN (a.pid, pg_backend_pid()) AND o.datname = a.datname AND o.usesysid = a.usesysid
  AND o.client_addr IS NOT DISTINCT FROM a.client_addr AND o.application_name = a.application_name AND o.state <> 'idle')
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_class c ON l.locktype = 'relation' AND c.oid = l.relation
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.granted AND l.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL
 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
 AND (l.locktype = 'advisory'
  OR (l.locktype = 'relation' AND l.relation >= 16384 AND (l.mode IN (` + lockModes + `) OR l.mode = 'RowExclusiveLock')))
UNION ALL
SELECT a.pid, coalesce(a.usename, ''), a.application_name, coalesce(host(a.client_addr), ''), a.state,
 coalesce(extract(epoch FROM clock_timestamp() - a.state_change), 0)::float8, coalesce(a.backend_start::text, ''), 'name', '', 0, '', '', 0
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND starts_with(a.application_name, 'migrate/') AND a.state <> 'idle'
ORDER BY 1`

func postgresSessions(ctx context.Context, q querier, found []located, s server) ([]Session, error) {
	rows, err := q.QueryContext(ctx, postgresLocks)
	if err != nil {
		return nil, fmt.Errorf("read live sessions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Session
	for rows.Next() {
		var x Session
		var idle float64
		var kind, mode string
		var key int64
		var at place
		if err := rows.Scan(&x.ID, &x.User, &x.Name, &x.Client, &x.State, &idle, &x.Started, &kind, &mode, &key, &at.schema, &at.name, &x.Siblings); err != nil {
			return nil, fmt.Errorf("read live sessions: %w", err)
		}
		if x.idle() {
			x.IdleSeconds = idle
		}
		switch {
		case kind == "name":
			x.Why = "is at work for a leader"
		case kind == "advisory":
			i := slices.IndexFunc(found, func(l located) bool { return l.holds(s, key) })
			if i < 0 {
				continue
			}
			x.Why, x.Advisory = "holds the lock of "+found[i].name(), true
		case mode == "RowExclusiveLock":
			if !slices.ContainsFunc(found, func(l located) bool { return l.place == at }) {
				continue
			}
			x.Why = "has written to " + at.String() + " in a transaction that is open"
		default:
			x.Why = "holds " + mode + " on " + at.String()
		}
		out = append(out, x)
	}
	return out, rows.Err()
}

// name is the tool's.
func (l located) name() string { return l.tool.name }

// holds reports whether an advisory lock of PostgreSQL is the tool's.
func (l located) holds(s server, key int64) bool {
	return slices.ContainsFunc(l.advisories(s), func(a advisory) bool { return a.covers(key) })
}

func (l located) advisories(s server) []advisory {
	if l.tool.locks == nil {
		return nil
	}
	return l.tool.locks(s, l.place)
}

// changes matches statements that change a schema, as the process list has
// them.
const changes = `^[[:space:]]*(alter|create|drop|rename|truncate|optimize)[[:space:]]`

// Without the privilege PROCESS the list holds only the sessions of the same user.
//
// Source: https://dev.mysql.com/doc/refman/8.0/en/show-processlist.html
func mysqlSessions(ctx context.Context, q querier, found []located, s server) (out []Session, blind string, err error) {
	for _, l := range found {
		for _, a := range l.advisories(s) {
			if a.name == "" {
				continue
			}
			var id sql.NullInt64
			if err := q.QueryRowContext(ctx, `SELECT IS_USED_LOCK(?)`, a.name).Scan(&id); err != nil {
				return nil, "", fmt.Errorf("read live sessions: %w", err)
			}
			if !id.Valid {
				continue
			}
			x := Session{ID: id.Int64, Why: "holds the lock of " + l.name(), Advisory: true}
			if err := x.process(ctx, q); err != nil {
				return nil, "", err
			}
			out = append(out, x)
		}
	}
	rows, err := q.QueryContext(ctx, `SELECT id, user, info FROM information_schema.processlist
WHERE id <> connection_id() AND db = database() AND command <> 'Sleep' AND lower(info) REGEXP ? ORDER BY id`, changes)
	if err != nil {
		return nil, "", fmt.Errorf("read live sessions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var x Session
		var info string
		if err := rows.Scan(&x.ID, &x.User, &info); err != nil {
			return nil, "", fmt.Errorf("read live sessions: %w", err)
		}
		x.State = "query"
		verb, _, _ := strings.Cut(strings.TrimSpace(info), " ")
		x.Why = "runs a statement " + strings.ToUpper(verb) // the rest may hold values
		out = append(out, x)
	}
	if err := rows.Err(); err != nil {
		return nil, "", err
	}
	var all int
	const may = `SELECT count(*) FROM information_schema.user_privileges
WHERE privilege_type = 'PROCESS' AND grantee = concat('''', replace(current_user(), '@', '''@'''), '''')`
	if err := q.QueryRowContext(ctx, may).Scan(&all); err != nil {
		return nil, "", fmt.Errorf("read live sessions: %w", err)
	}
	if all == 0 {
		blind = "sessions of other users: the privilege PROCESS is missing"
	}
	return out, blind, nil
}

// process reads what a session of MySQL does. One that this user may not see is
// left as it is.
func (s *Session) process(ctx context.Context, q querier) error {
	var user, client, command sql.NullString
	var idle sql.NullFloat64
	err := q.QueryRowContext(ctx, `SELECT user, host, command, time FROM information_schema.processlist WHERE id = ?`, s.ID).Scan(&user, &client, &command, &idle)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read live sessions: %w", err)
	}
	s.User, s.Client, s.State = user.String, client.String, strings.ToLower(command.String)
	if s.State != "sleep" {
		return nil
	}
	s.State, s.IdleSeconds = "idle", max(idle.Float64, 0)
	// The address of a client is its host and a port of its own.
	host, _, _ := strings.Cut(s.Client, ":")
	err = q.QueryRowContext(ctx, `SELECT count(*) FROM information_schema.processlist
WHERE id NOT IN (?, connection_id()) AND user = ? AND substring_index(host, ':', 1) = ? AND command <> 'Sleep'`, s.ID, s.User, host).Scan(&s.Siblings)
	if err != nil {
		return fmt.Errorf("read live sessions: %w", err)
	}
	return nil
}
