package revision

import (
	"context"
	"strings"
)

// simple is a tool that is recognised: where it stands is read, and its own
// command for the repair is named.
type simple struct {
	name, table string
	columns     []string
	// exact means that the table has no other columns.
	exact bool
	// version reads where it stands, newest first; unfinished reads what began
	// and did not end, "" for tools that do not say.
	version, unfinished string
	// lock is a table beside it, and locked reads who holds it.
	lock, locked string
	lockColumns  []string
	advisory     func(s server, p place) []advisory
	// repair may use {name}, the first that is unfinished.
	repair []string
}

// tool makes a [tool] of it.
func (s simple) tool() tool {
	t := tool{name: s.name, table: s.table}
	if s.lock != "" {
		t.beside = []string{s.lock}
	}
	t.fits = func(c columns, _ func(string) bool) bool {
		return c.has(s.columns...) && (!s.exact || len(c) == len(s.columns))
	}
	t.read = s.read
	t.locks = s.advisory
	t.repair = func(c content) []string {
		name := "NAME"
		if len(c.unfinished) > 0 {
			name = c.unfinished[0]
		}
		var out []string
		for _, r := range s.repair {
			out = append(out, strings.ReplaceAll(r, "{name}", name))
		}
		return out
	}
	return t
}

func (s simple) read(ctx context.Context, r reader, p place) (content, error) {
	var c content
	versions, err := r.text(ctx, p, s.version)
	if err != nil {
		return c, err
	}
	if len(versions) > 0 {
		c.version = versions[0]
	}
	if s.unfinished != "" {
		if c.unfinished, err = r.text(ctx, p, s.unfinished); err != nil {
			return c, err
		}
	}
	lock, ok := r.all.beside(p, s.lock)
	if !ok || !r.all[lock].has(s.lockColumns...) {
		return c, nil
	}
	held, err := r.text(ctx, lock, s.locked)
	if err != nil {
		return c, err
	}
	if len(held) > 0 {
		c.locked = strings.TrimSpace(held[0] + " in " + lock.String())
	}
	return c, nil
}

// recognised are the tools that are left to their own repair.
//
// Source: docs/migrate.md 5, and for Ecto
// https://github.com/elixir-ecto/ecto_sql/blob/v3.11.1/lib/ecto/migration/schema_migration.ex
var recognised = func() (out []tool) {
	for _, s := range []simple{
		{
			name: "flyway", table: "flyway_schema_history", columns: []string{"installed_rank", "checksum", "success"},
			version:    `SELECT version FROM {} WHERE version IS NOT NULL AND success = true ORDER BY installed_rank DESC`,
			unfinished: `SELECT script FROM {} WHERE success = false ORDER BY installed_rank`,
			advisory: func(server, place) []advisory {
				// A number and the hash of the table's name, which has 32 bits.
				return []advisory{{key: 77431708279161 - 1<<31, upTo: 77431708279161 + 1<<31}}
			},
			repair: []string{"flyway info", "flyway repair"},
		},
		{
			name: "liquibase", table: "databasechangelog", columns: []string{"id", "author", "orderexecuted", "exectype"},
			version:    `SELECT id FROM {} WHERE exectype <> 'FAILED' ORDER BY orderexecuted DESC`,
			unfinished: `SELECT id FROM {} WHERE exectype = 'FAILED' ORDER BY orderexecuted`,
			lock:       "databasechangeloglock", lockColumns: []string{"locked", "lockedby"}, locked: `SELECT lockedby FROM {} WHERE locked = true`,
			repair: []string{"liquibase list-locks", "liquibase release-locks", "liquibase changelog-sync-to-tag TAG", "liquibase mark-next-changeset-ran"},
		},
		{
			name: "prisma", table: "_prisma_migrations", columns: []string{"migration_name", "finished_at", "rolled_back_at"},
			version:    `SELECT migration_name FROM {} WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY finished_at DESC`,
			unfinished: `SELECT migration_name FROM {} WHERE finished_at IS NULL AND rolled_back_at IS NULL ORDER BY started_at`,
			advisory:   func(server, place) []advisory { return []advisory{{key: 72707369}} },
			repair:     []string{"prisma migrate status", "prisma migrate resolve --applied {name}", "prisma migrate resolve --rolled-back {name}"},
		},
		{
			name: "knex", table: "knex_migrations", columns: []string{"id", "name", "batch", "migration_time"},
			version: `SELECT name FROM {} ORDER BY id DESC`,
			lock:    "knex_migrations_lock", lockColumns: []string{"is_locked"}, locked: `SELECT 'somebody' FROM {} WHERE is_locked = 1`,
			repair: []string{"knex migrate:status", "knex migrate:unlock"},
		},
		{
			name: "sequelize", table: "sequelizemeta", columns: []string{"name"}, exact: true,
			version: `SELECT name FROM {} ORDER BY name DESC`,
			repair:  []string{"sequelize db:migrate:status", `INSERT INTO "SequelizeMeta" (name) VALUES ('FILE')`},
		},
		{
			name: "typeorm", table: "migrations", columns: []string{"id", "timestamp", "name"}, exact: true,
			version: `SELECT name FROM {} ORDER BY id DESC`,
			repair:  []string{"typeorm migration:show", "typeorm migration:run --fake", "typeorm migration:revert --fake"},
		},
		{
			name: "atlas", table: "atlas_schema_revisions", columns: []string{"version", "applied", "total", "hash"},
			version:    `SELECT version FROM {} WHERE version <> '.atlas_cloud_identifier' ORDER BY version DESC`,
			unfinished: `SELECT version FROM {} WHERE version <> '.atlas_cloud_identifier' AND (applied < total OR error <> '') ORDER BY version`,
			repair:     []string{"atlas migrate status", "atlas migrate set {name}"},
		},
		{
			name: "river", table: "river_migration", columns: []string{"version", "created_at"},
			version: `SELECT version FROM {} ORDER BY version DESC`,
			repair:  []string{"river migrate-list", "river migrate-up"},
		},
		{
			name: "sourcegraph", table: "migration_logs", columns: []string{"schema", "version", "up", "success"},
			version:    `SELECT version FROM {} WHERE success = true ORDER BY id DESC`,
			unfinished: `SELECT version FROM {} WHERE success IS NOT TRUE ORDER BY id`,
			repair:     []string{"migrator add-log -schema SCHEMA -version {name}", "migrator up -ignore-single-dirty-log"},
		},
		{
			name: "ecto", table: "schema_migrations", columns: []string{"version", "inserted_at"},
			version: `SELECT version FROM {} ORDER BY version DESC`,
			repair:  []string{"mix ecto.migrations"},
		},
		{
			name: "dbmate", table: "schema_migrations", columns: []string{"version"}, exact: true,
			version: `SELECT version FROM {} ORDER BY version DESC`,
			repair:  []string{"dbmate status", "INSERT INTO schema_migrations (version) VALUES ('VERSION')"},
		},
	} {
		out = append(out, s.tool())
	}
	return out
}()
