package revision

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Session is a session of the server that looks as if it migrates.
type Session struct {
	ID   int64  `json:"id"`
	User string `json:"user,omitempty"`
	// Name is PostgreSQL's application_name.
	Name string `json:"name,omitempty"`
	// Why is what it holds or does.
	Why string `json:"why"`
}

// String is such as `session 412 (app, "web") holds the lock of goose`.
func (s Session) String() string {
	who := strings.Trim(s.User+`, "`+s.Name+`"`, `, "`)
	if who != "" {
		who = " (" + who + ")"
	}
	return fmt.Sprintf("session %d%s %s", s.ID, who, s.Why)
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

// sessions lists the sessions that look as if they migrate, but one's own. It
// also says what it cannot see, "" for nothing.
func (s server) sessions(ctx context.Context, q querier, found []located) (live []Session, blind string, err error) {
	if s.engine == MySQL {
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
const postgresLocks = `SELECT l.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(a.state, ''), l.locktype, coalesce(l.mode, ''),
 CASE WHEN l.locktype = 'advisory' AND l.objsubid = 1 THEN (l.classid::bigint << 32) | l.objid::bigint ELSE 0 END,
 coalesce(n.nspname, ''), coalesce(c.relname, '')
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_class c ON l.locktype = 'relation' AND c.oid = l.relation
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.granted AND l.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL
 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
 AND (l.locktype = 'advisory'
  OR (l.locktype = 'relation' AND l.relation >= 16384 AND (l.mode IN (` + lockModes + `) OR l.mode = 'RowExclusiveLock')))
UNION ALL
SELECT a.pid, coalesce(a.usename, ''), a.application_name, a.state, 'name', '', 0, '', ''
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND starts_with(a.application_name, 'migrate/') AND a.state <> 'idle'
ORDER BY 1`

func postgresSessions(ctx context.Context, q querier, found []located, s server) ([]Session, error) {
	rows, err := q.QueryContext(ctx, postgresLocks)
	if err != nil {
		return nil, fmt.Errorf("look for live sessions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Session
	for rows.Next() {
		var x Session
		var state, kind, mode string
		var key int64
		var at place
		if err := rows.Scan(&x.ID, &x.User, &x.Name, &state, &kind, &mode, &key, &at.schema, &at.name); err != nil {
			return nil, fmt.Errorf("look for live sessions: %w", err)
		}
		switch {
		case kind == "name":
			x.Why = "is at work for a leader (" + state + ")"
		case kind == "advisory":
			i := slices.IndexFunc(found, func(l located) bool { return l.holds(s, key) })
			if i < 0 {
				continue
			}
			x.Why = "holds the lock of " + found[i].name()
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

// Without the privilege PROCESS the list holds one's own sessions only.
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
				return nil, "", fmt.Errorf("look for live sessions: %w", err)
			}
			if id.Valid {
				out = append(out, Session{ID: id.Int64, Why: "holds the lock of " + l.name()})
			}
		}
	}
	rows, err := q.QueryContext(ctx, `SELECT id, user, info FROM information_schema.processlist
WHERE id <> connection_id() AND db = database() AND command <> 'Sleep' AND lower(info) REGEXP ? ORDER BY id`, changes)
	if err != nil {
		return nil, "", fmt.Errorf("look for live sessions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var x Session
		var info string
		if err := rows.Scan(&x.ID, &x.User, &info); err != nil {
			return nil, "", fmt.Errorf("look for live sessions: %w", err)
		}
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
		return nil, "", fmt.Errorf("look for live sessions: %w", err)
	}
	if all == 0 {
		blind = "sessions of other users: the privilege PROCESS is missing"
	}
	return out, blind, nil
}
