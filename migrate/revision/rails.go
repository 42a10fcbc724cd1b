package revision

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
)

// rails records each version with a row, as text, in the same transaction as
// the migration where the database has transactions for that.
//
// Source: https://github.com/rails/rails/blob/v6.1.7/activerecord/lib/active_record/migration.rb,
// https://github.com/rails/rails/blob/v6.1.7/activerecord/lib/active_record/schema_migration.rb,
// docs/migrate.md 5.
var rails = tool{
	name: "rails", table: "schema_migrations", beside: []string{"ar_internal_metadata"},
	fits: func(c columns, has func(string) bool) bool {
		return c.textual("version") && len(c) == 1 && has("ar_internal_metadata")
	},
	read: readVersions,
	locks: func(s server, _ place) []advisory {
		// A lock of 63 bits, of the database's name.
		key := int64(crc32.ChecksumIEEE([]byte(s.database))) * 2053462845
		return []advisory{{key: key, name: strconv.FormatInt(key, 10)}}
	},
	repair: func(content) []string {
		return []string{"rails db:migrate:status", "rails db:migrate:up VERSION=VERSION", "rails db:migrate:down VERSION=VERSION"}
	},
	stamp: &stamper{
		target: func(before []Entry, c Change) ([]Entry, error) {
			if c.To = number(c.To); c.To == "" {
				return nil, fmt.Errorf("not a version of Rails: %w", ErrUnknown)
			}
			return accumulate(before, c, func(v string) bool { return numeric(v, c.To) > 0 })
		},
		insert: func(_ engine, x Entry) Statement {
			return statement(`INSERT INTO {} (version) VALUES (?)`, []any{x.Version}, 1)
		},
		remove: func(x Entry) Statement {
			return statement(`DELETE FROM {} WHERE version = ?`, []any{x.Version}, 1)
		},
	},
}

// readVersions reads a table of one column, "version".
func readVersions(ctx context.Context, r reader, p place) (content, error) {
	versions, err := r.text(ctx, p, `SELECT version FROM {}`)
	if err != nil {
		return content{}, err
	}
	slices.SortFunc(versions, numeric)
	var c content
	for _, v := range versions {
		c.entries, c.version = append(c.entries, Entry{Version: v}), v
	}
	return c, nil
}
