package revision

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// goose records each version with a row, beside a row for version 0. Older
// releases recorded a rollback with another row, which says that the version is
// not applied: the newest row of a version counts.
//
// Source: https://github.com/pressly/goose/blob/v3.27.3/internal/dialects/postgres.go,
// https://github.com/pressly/goose/blob/v3.27.3/lock/internal/store/postgres.go,
// https://github.com/pressly/goose/blob/v3.27.3/lock/session_locker_options.go, docs/migrate.md 5
var goose = tool{
	name: "goose", table: "goose_db_version", beside: []string{"goose_lock"},
	fits:   func(c columns, _ func(string) bool) bool { return c.has("version_id", "is_applied") },
	read:   readGoose,
	locks:  func(server, place) []advisory { return []advisory{{key: 4097083626}} },
	repair: func(content) []string { return nil }, // it has none: https://github.com/pressly/goose/issues/938
	stamp: &stamper{
		target: func(before []Entry, c Change) ([]Entry, error) {
			if c.To = number(c.To); c.To == "" {
				return nil, fmt.Errorf("not a version of goose: %w", ErrUnknown)
			}
			return accumulate(before, c, func(v string) bool { return numeric(v, c.To) > 0 })
		},
		// One row per version, whatever an older release has left: the newest
		// one counts, and it is this one.
		insert: func(_ engine, x Entry) Statement {
			return statement(`INSERT INTO {} (version_id, is_applied) VALUES (?, ?)`, []any{integer(x.Version), true}, 1)
		},
		remove: func(x Entry) Statement {
			return statement(`DELETE FROM {} WHERE version_id = ?`, []any{integer(x.Version)}, anyRows)
		},
	},
}

func readGoose(ctx context.Context, r reader, p place) (content, error) {
	rows, err := r.pairs(ctx, p, `SELECT version_id, CASE WHEN is_applied THEN 1 ELSE 0 END FROM {} ORDER BY id`)
	if err != nil {
		return content{}, err
	}
	var c content
	newest, times := map[string]bool{}, map[string]int{}
	for _, row := range rows {
		if newest[row[0]] && row[1] == "1" {
			times[row[0]]++
		}
		newest[row[0]] = row[1] == "1"
	}
	for v, applied := range newest {
		if applied && v != "0" {
			c.entries = append(c.entries, Entry{Version: v})
		}
		if times[v] > 0 && v != "0" {
			c.odd = append(c.odd, fmt.Sprintf("version %s is recorded %d times: two processes migrated at once", v, times[v]+1))
		}
	}
	slices.SortFunc(c.entries, func(a, b Entry) int { return numeric(a.Version, b.Version) })
	slices.Sort(c.odd)
	if n := len(c.entries); n > 0 {
		c.version = c.entries[n-1].Version
	}
	lock, ok := r.all.beside(p, "goose_lock")
	if !ok || !r.all[lock].has("locked", "locked_by", "lease_expires_at") {
		return c, nil
	}
	held, err := r.pairs(ctx, lock, `SELECT locked_by, CASE WHEN lease_expires_at > now() THEN 1 ELSE 0 END FROM {} WHERE locked`)
	if err != nil {
		return c, err
	}
	for _, h := range held {
		c.locked, c.expired = strings.TrimSpace(h[0]+" in "+lock.String()), h[1] != "1"
	}
	return c, nil
}
