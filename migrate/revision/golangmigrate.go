package revision

import (
	"context"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// golangMigrate holds one row: the version, and whether it is being worked on.
// Dirty is normal while a migration works.
//
// Source: https://github.com/golang-migrate/migrate/blob/v4.19.1/database/postgres/postgres.go,
// https://github.com/golang-migrate/migrate/blob/v4.19.1/database/util.go, docs/migrate.md 5
var golangMigrate = tool{
	name: "golang-migrate", table: "schema_migrations", beside: []string{"schema_lock"},
	fits: func(c columns, _ func(string) bool) bool { return c.has("version", "dirty") && !c.textual("version") },
	read: readGolangMigrate,
	locks: func(s server, p place) []advisory {
		if s.engine == mySQL {
			// The second is what the same two names give where they are joined as
			// for PostgreSQL, the third what version 3 took.
			return []advisory{
				{name: golangMigrateLock(s.database + ":" + p.name)},
				{name: golangMigrateLock(p.name + "\x00" + s.database)},
				{name: golangMigrateLock(s.database)},
			}
		}
		key, _ := strconv.ParseInt(golangMigrateLock(p.schema+"\x00"+p.name+"\x00"+s.database), 10, 64)
		// The older pgx driver takes one of the database's name.
		old, _ := strconv.ParseInt(golangMigrateLock(s.database), 10, 64)
		return []advisory{{key: key}, {key: old}}
	},
	repair: func(c content) []string {
		out := []string{"migrate force VERSION"}
		if c.locked != "" {
			out = append(out, "DELETE FROM schema_lock")
		}
		return out
	},
	missing: missingOfNumber,
	stamp: &stamper{
		target: func(before []Entry, c Change) ([]Entry, error) {
			to := number(c.To)
			if to == "" {
				return nil, fmt.Errorf("%q is not a version of golang-migrate: %w", c.To, ErrUnknown)
			}
			if c.History != nil {
				if _, err := c.History.upTo(to); err != nil {
					return nil, err
				}
			}
			if len(before) > 1 {
				return nil, fmt.Errorf("the table has %d rows, not one: correct it by hand", len(before))
			}
			if len(before) == 1 && numeric(to, before[0].Version) < 0 && !c.Backwards {
				return nil, fmt.Errorf("the table is at %s, beyond %s: %w", before[0], to, ErrBackwards)
			}
			return []Entry{{Version: to}}, nil
		},
		insert: func(_ engine, x Entry) Statement {
			return statement(`INSERT INTO {} (version, dirty) VALUES (?, ?)`, []any{integer(x.Version), x.Dirty}, 1)
		},
		remove: func(x Entry) Statement {
			return statement(`DELETE FROM {} WHERE version = ? AND dirty = ?`, []any{integer(x.Version), x.Dirty}, 1)
		},
		replace: func(old, x Entry) Statement {
			return statement(`UPDATE {} SET version = ?, dirty = ? WHERE version = ? AND dirty = ?`, []any{integer(x.Version), x.Dirty, integer(old.Version), old.Dirty}, 1)
		},
	},
}

// golangMigrateLock is the number that names its lock.
func golangMigrateLock(name string) string {
	const salt = 1486364155
	return strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(name))*salt), 10)
}

// integer is a version as a number for the driver.
func integer(s string) any {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return s // the server says what it thinks of it
	}
	return n
}

func readGolangMigrate(ctx context.Context, r reader, p place) (content, error) {
	rows, err := r.pairs(ctx, p, `SELECT version, CASE WHEN dirty THEN 1 ELSE 0 END FROM {} ORDER BY version`)
	if err != nil {
		return content{}, err
	}
	var c content
	for _, row := range rows {
		e := Entry{Version: row[0], Dirty: row[1] == "1"}
		c.entries = append(c.entries, e)
		c.version = e.Version
		if e.Dirty {
			c.unfinished = append(c.unfinished, e.Version)
		}
	}
	if len(rows) > 1 {
		c.odd = append(c.odd, fmt.Sprintf("%d rows where one belongs, up to %s", len(rows), c.version))
	}
	// The strategy "table" of the pgx driver: a row that nobody takes away
	// after a crash.
	if lock, ok := r.all.beside(p, "schema_lock"); ok && r.all[lock].has("lock_id") {
		ids, err := r.text(ctx, lock, `SELECT lock_id FROM {}`)
		if err != nil {
			return c, err
		}
		if len(ids) > 0 {
			c.locked = "row " + strings.Join(ids, ", ") + " of " + lock.String()
		}
	}
	return c, nil
}
