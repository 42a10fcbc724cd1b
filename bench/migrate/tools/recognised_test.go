package tools

import (
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate/revision"
)

func crc(s string) uint32 { return crc32.ChecksumIEEE([]byte(s)) }

// recognised are tools whose tables are made here as they make them, in the
// state that a killed process leaves.
//
// Source: docs/migrate.md 5
func recognised(t *testing.T, l *lab) {
	for _, c := range []struct {
		tool    string
		tables  []string
		version string
		verdict revision.Verdict
		repair  string
	}{
		{"flyway", []string{
			"CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200), type varchar(20), script varchar(1000), checksum int, installed_by varchar(100), installed_on timestamp DEFAULT now(), execution_time int, success boolean)",
			"INSERT INTO flyway_schema_history VALUES (1, '1.0', 'a', 'SQL', 'V1_0__a.sql', 7, 'x', now(), 5, true), (2, '1.1', 'b', 'SQL', 'V1_1__b.sql', 8, 'x', now(), 5, false)",
		}, "1.0", revision.Verdict("stuck"), "flyway repair"},
		{"liquibase", []string{
			"CREATE TABLE DATABASECHANGELOG (ID varchar(255), AUTHOR varchar(255), FILENAME varchar(255), DATEEXECUTED timestamp, ORDEREXECUTED int, EXECTYPE varchar(10), MD5SUM varchar(35))",
			"INSERT INTO DATABASECHANGELOG VALUES ('c1', 'ann', 'f', now(), 1, 'EXECUTED', 'x')",
			"CREATE TABLE DATABASECHANGELOGLOCK (ID int PRIMARY KEY, LOCKED boolean, LOCKGRANTED timestamp, LOCKEDBY varchar(255))",
			"INSERT INTO DATABASECHANGELOGLOCK VALUES (1, true, now(), 'web-1 (10.0.0.7)')",
		}, "c1", revision.Verdict("stuck"), "liquibase release-locks"},
		{"prisma", []string{
			"CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64), finished_at timestamp NULL, migration_name varchar(255), logs text, rolled_back_at timestamp NULL, started_at timestamp DEFAULT now(), applied_steps_count int)",
			"INSERT INTO _prisma_migrations (id, finished_at, migration_name) VALUES ('a', now(), '1_init'), ('b', NULL, '2_price')",
		}, "1_init", revision.Verdict("stuck"), "prisma migrate resolve --applied 2_price"},
		{"knex", []string{
			"CREATE TABLE knex_migrations (id int PRIMARY KEY, name varchar(255), batch int, migration_time timestamp NULL)", "INSERT INTO knex_migrations VALUES (1, 'a.js', 1, now())",
			`CREATE TABLE knex_migrations_lock (no int PRIMARY KEY, is_locked int)`, "INSERT INTO knex_migrations_lock VALUES (1, 1)",
		}, "a.js", revision.Verdict("stuck"), "knex migrate:unlock"},
		{"sequelize", []string{`CREATE TABLE "SequelizeMeta" (name varchar(255) PRIMARY KEY)`, `INSERT INTO "SequelizeMeta" VALUES ('2-b.js'), ('1-a.js')`}, "2-b.js", revision.Verdict("clean"), "sequelize db:migrate:status"},
		{"typeorm", []string{`CREATE TABLE migrations (id int PRIMARY KEY, timestamp bigint, name varchar(255))`, "INSERT INTO migrations VALUES (1, 5, 'A5')"}, "A5", revision.Verdict("clean"), "typeorm migration:run --fake"},
		{"atlas", []string{
			"CREATE TABLE atlas_schema_revisions (version varchar(255) PRIMARY KEY, description varchar(255), type bigint, applied bigint, total bigint, error text, hash varchar(255))",
			"INSERT INTO atlas_schema_revisions VALUES ('1', 'a', 2, 3, 3, '', 'x'), ('2', 'b', 2, 1, 3, 'boom', 'y'), ('.atlas_cloud_identifier', '', 2, 0, 0, '', '')",
		}, "2", revision.Verdict("stuck"), "atlas migrate set 2"},
		{"river", []string{"CREATE TABLE river_migration (line varchar(20), version bigint, created_at timestamp NULL)", "INSERT INTO river_migration (line, version) VALUES ('main', 6)"}, "6", revision.Verdict("clean"), "river migrate-list"},
		{"sourcegraph", []string{
			`CREATE TABLE migration_logs (id int PRIMARY KEY, "schema" varchar(20), version int, up boolean, success boolean)`, "INSERT INTO migration_logs VALUES (1, 'frontend', 10, true, true), (2, 'frontend', 11, true, false)",
		}, "10", revision.Verdict("stuck"), "migrator add-log -schema SCHEMA -version 11"},
		{"ecto", []string{"CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp)", "INSERT INTO schema_migrations VALUES (20260101, now())"}, "20260101", revision.Verdict("clean"), "mix ecto.migrations"},
		{"dbmate", []string{"CREATE TABLE schema_migrations (version varchar(255) PRIMARY KEY)", "INSERT INTO schema_migrations VALUES ('20260101')"}, "20260101", revision.Verdict("clean"), "dbmate status"},
	} {
		d := l.fresh(t)
		for _, s := range c.tables {
			if l.engine == "mysql" {
				s = strings.ReplaceAll(s, `"`, "`")
			}
			d.run(t, s)
		}
		got := d.only(t, c.tool)
		require.Equal(t, c.version, got.Version, c.tool)
		require.Equal(t, c.verdict, got.Verdict, "%s: %v", c.tool, got.Why)
		require.Contains(t, got.Repair, c.repair, c.tool)
		require.False(t, got.Stampable)
		_, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "1"}, d.writing(t))
		require.ErrorContains(t, err, got.Repair[0], c.tool)
	}
}
