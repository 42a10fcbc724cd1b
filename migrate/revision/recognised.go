package revision

import (
	"context"
	"strings"
)

// simple is a tool that is recognised: its version is read, and its own command
// for the repair is named.
type simple struct {
	name, table string
	columns     []string
	// exact means that the table has no other columns.
	exact bool
	// version reads the newest version first; unfinished reads what began and
	// did not end, "" for tools that do not say, and details the tool's own words
	// about that. [Name] is an identifier that has to be quoted.
	version, unfinished, details string
	// lock is a second table, and locked reads who holds it.
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
	versions, err := r.text(ctx, p, r.quoteIn(s.version))
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
	if s.details != "" && len(c.unfinished) > 0 {
		if c.details, err = r.text(ctx, p, s.details); err != nil {
			return c, err
		}
		for i, d := range c.details {
			c.details[i] = strings.ToValidUTF8(d[:min(len(d), 1000)], "")
		}
	}
	lock, ok := r.all.beside(p, s.lock)
	if !ok || !r.all[lock].has(s.lockColumns...) {
		return c, nil
	}
	held, err := r.text(ctx, lock, r.quoteIn(s.locked))
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
// https://github.com/elixir-ecto/ecto_sql/blob/v3.11.1/lib/ecto/migration/schema_migration.ex,
// and the documents of the others: https://github.com/jackc/tern, https://github.com/launchbadge/sqlx (sqlx-cli),
// https://bun.uptrace.dev/guide/migrations.html, https://github.com/salsita/node-pg-migrate,
// https://learn.microsoft.com/ef/core/managing-schemas/migrations/applying, https://laravel.com/docs/migrations,
// https://orm.drizzle.team/docs/drizzle-kit-migrate, https://sqitch.org/docs/, https://diesel.rs/guides/getting-started,
// https://www.doctrine-project.org/projects/doctrine-migrations/en/current/reference/version-numbers.html
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
			name: "flyway", table: "schema_version", columns: []string{"installed_rank", "checksum", "success"}, // before Flyway 5
			version:    `SELECT version FROM {} WHERE version IS NOT NULL AND success = true ORDER BY installed_rank DESC`,
			unfinished: `SELECT script FROM {} WHERE success = false ORDER BY installed_rank`,
			repair:     []string{"flyway info", "flyway repair"},
		},
		{
			name: "tern", table: "schema_version", columns: []string{"version"}, exact: true,
			version: `SELECT version FROM {}`,
			repair:  []string{"tern status", "tern migrate"},
		},
		{
			name: "sqlx", table: "_sqlx_migrations", columns: []string{"version", "checksum", "success", "execution_time"},
			version:    `SELECT version FROM {} WHERE success = true ORDER BY version DESC`,
			unfinished: `SELECT version FROM {} WHERE success = false ORDER BY version`,
			repair:     []string{"sqlx migrate info", "DELETE FROM _sqlx_migrations WHERE version = {name} AND NOT success, once the schema was put right"},
		},
		{
			name: "bun", table: "bun_migrations", columns: []string{"id", "name", "group_id"},
			version: `SELECT name FROM {} ORDER BY id DESC`,
			lock:    "bun_migration_locks", lockColumns: []string{"table_name"}, locked: `SELECT 'somebody' FROM {}`,
			repair: []string{"bun db status", "bun db unlock"},
		},
		{
			name: "node-pg-migrate", table: "pgmigrations", columns: []string{"id", "name", "run_on"},
			version:  `SELECT name FROM {} ORDER BY id DESC`,
			advisory: func(server, place) []advisory { return []advisory{{key: 7241865325823964}} },
			repair:   []string{"node-pg-migrate up --fake"},
		},
		{
			name: "ef-core", table: "__efmigrationshistory", columns: []string{"migrationid", "productversion"},
			version: `SELECT [MigrationId] FROM {} ORDER BY [MigrationId] DESC`,
			lock:    "__efmigrationslock", lockColumns: []string{"id", "timestamp"}, locked: `SELECT 'somebody' FROM {}`,
			repair: []string{"dotnet ef migrations list", "dotnet ef database update"},
		},
		{
			name: "laravel", table: "migrations", columns: []string{"id", "migration", "batch"}, exact: true,
			version: `SELECT migration FROM {} ORDER BY id DESC`,
			repair:  []string{"php artisan migrate:status", "php artisan migrate --isolated"},
		},
		{
			name: "drizzle", table: "__drizzle_migrations", columns: []string{"id", "hash", "created_at"}, exact: true,
			version: `SELECT hash FROM {} ORDER BY id DESC`,
			repair:  []string{"drizzle-kit check", "drizzle-kit migrate"},
		},
		{
			name: "sqitch", table: "changes", columns: []string{"change_id", "script_hash", "change", "project", "planner_name"},
			version: `SELECT [change] FROM {} ORDER BY committed_at DESC`,
			repair:  []string{"sqitch status", "sqitch deploy --log-only"},
		},
		{
			name: "diesel", table: "__diesel_schema_migrations", columns: []string{"version", "run_on"},
			version: `SELECT version FROM {} ORDER BY version DESC`,
			repair:  []string{"diesel migration list", "diesel migration run"},
		},
		{
			name: "doctrine", table: "doctrine_migration_versions", columns: []string{"version", "executed_at", "execution_time"},
			version: `SELECT version FROM {} ORDER BY executed_at DESC`,
			repair:  []string{"doctrine-migrations status", "doctrine-migrations version VERSION --add"},
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
			details:    `SELECT logs FROM {} WHERE finished_at IS NULL AND rolled_back_at IS NULL AND logs IS NOT NULL ORDER BY started_at`,
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
			details:    `SELECT error FROM {} WHERE version <> '.atlas_cloud_identifier' AND error <> '' ORDER BY version`,
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
