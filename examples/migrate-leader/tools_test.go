package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// inspected is the verb inspect on a database.
func inspected(t *testing.T, url string, args ...string) (ended, revision.Inspection) {
	t.Helper()
	e := call(t, append([]string{"inspect", "-db", url, "-watch", "300ms"}, args...)...)
	var in revision.Inspection
	if i := strings.Index(e.out, "{"); i >= 0 {
		require.NoError(t, json.NewDecoder(strings.NewReader(e.out[i:])).Decode(&in), e.out)
	}
	return e, in
}

// TestTablesOfTools makes the table of each tool as the tool does, in the state
// that a killed task leaves.
func TestTablesOfTools(t *testing.T) {
	t.Parallel()
	server := servers.StartPostgreSQL(t)
	const flyway = `(installed_rank int primary key, version varchar(50), description varchar(200), type varchar(20), script varchar(1000), checksum int, installed_by varchar(100), installed_on timestamp default now(), execution_time int, success boolean)`
	const changelog = `CREATE TABLE databasechangelog (id varchar(255), author varchar(255), filename varchar(255), dateexecuted timestamp, orderexecuted int, exectype varchar(10), md5sum varchar(35)); CREATE TABLE databasechangeloglock (id int primary key, locked boolean not null, lockgranted timestamp, lockedby varchar(255))`
	n := 0
	for name, c := range map[string]struct {
		sql, tool, version string
		verdict            revision.Verdict
		code               int
		want, not          string // in what is printed
	}{
		"golang-migrate":  {"CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (7, true)", "golang-migrate", "7", "stuck", 3, "record it with the verb stamp", ""},
		"nil version":     {"CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)", "golang-migrate", "", "clean", 0, "", ""},
		"version -1":      {"CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (-1, true)", "golang-migrate", "-1", "stuck", 3, "migrate force VERSION", ""},
		"two heads":       {"CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('aaa'), ('bbb')", "alembic", "aaa, bbb", "clean", 0, "2 heads", ""},
		"flyway":          {"CREATE TABLE flyway_schema_history " + flyway + "; INSERT INTO flyway_schema_history VALUES (1,'1','i','SQL','V1__i.sql',1,'u',now(),1,true),(2,'2','x','SQL','V2__x.sql',1,'u',now(),1,false)", "flyway", "1", "stuck", 3, "flyway repair", "verb stamp"},
		"flyway's old":    {"CREATE TABLE schema_version " + flyway + "; INSERT INTO schema_version VALUES (2,'2','x','SQL','V2__x.sql',1,'u',now(),1,false)", "flyway", "", "stuck", 3, "flyway repair", "verb stamp"},
		"liquibase":       {changelog + "; INSERT INTO databasechangeloglock VALUES (1, true, now() - interval '2h', 'ip-10-0-1-2 (10.0.1.2)')", "liquibase", "", "stuck", 3, "liquibase release-locks", "verb stamp"},
		"prisma":          {"CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64), finished_at timestamptz, migration_name varchar(255), logs text, rolled_back_at timestamptz, started_at timestamptz default now(), applied_steps_count int default 0); INSERT INTO _prisma_migrations VALUES ('1','c',null,'20250101_x','Database error code: 42P07',null,now(),0)", "prisma", "", "stuck", 3, "Database error code: 42P07", "verb stamp"},
		"knex":            {"CREATE TABLE knex_migrations (id serial PRIMARY KEY, name varchar(255), batch int, migration_time timestamptz); INSERT INTO knex_migrations (name, batch) VALUES ('1.js', 1); CREATE TABLE knex_migrations_lock (index serial PRIMARY KEY, is_locked int); INSERT INTO knex_migrations_lock (is_locked) VALUES (1)", "knex", "1.js", "stuck", 3, "knex migrate:unlock", "verb stamp"},
		"bun":             {"CREATE TABLE bun_migrations (id bigserial PRIMARY KEY, name varchar, group_id bigint, migrated_at timestamptz default now()); CREATE TABLE bun_migration_locks (id bigserial PRIMARY KEY, table_name varchar UNIQUE); INSERT INTO bun_migrations (name, group_id) VALUES ('1', 1); INSERT INTO bun_migration_locks (table_name) VALUES ('bun_migrations')", "bun", "1", "stuck", 3, "bun db unlock", ""},
		"node-pg-migrate": {"CREATE TABLE pgmigrations (id serial PRIMARY KEY, name varchar(255) not null, run_on timestamp not null); INSERT INTO pgmigrations (name, run_on) VALUES ('1_x', now())", "node-pg-migrate", "1_x", "clean", 0, "", ""},
		"EF Core":         {`CREATE TABLE "__EFMigrationsHistory" ("MigrationId" varchar(150) PRIMARY KEY, "ProductVersion" varchar(32) not null); INSERT INTO "__EFMigrationsHistory" VALUES ('20250101_Init', '9.0.0')`, "ef-core", "20250101_Init", "clean", 0, "", ""},
		"sqlx":            {"CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text, installed_on timestamptz default now(), success boolean not null, checksum bytea not null, execution_time bigint not null); INSERT INTO _sqlx_migrations VALUES (1,'x',now(),false,'x',-1)", "sqlx", "", "stuck", 3, "sqlx migrate info", ""},
		"laravel":         {"CREATE TABLE migrations (id serial PRIMARY KEY, migration varchar(255), batch int); INSERT INTO migrations (migration, batch) VALUES ('2014_x', 1)", "laravel", "2014_x", "clean", 0, "", ""},
		"drizzle":         {"CREATE SCHEMA drizzle; CREATE TABLE drizzle.__drizzle_migrations (id serial PRIMARY KEY, hash text not null, created_at bigint); INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('h', 1)", "drizzle", "h", "clean", 0, "", ""},
		"sqitch":          {"CREATE SCHEMA sqitch; CREATE TABLE sqitch.changes (change_id text PRIMARY KEY, script_hash text, change text, project text, note text, committed_at timestamptz, planner_name text); INSERT INTO sqitch.changes (change_id, change, project) VALUES ('a','x','p')", "sqitch", "x", "clean", 0, "", ""},
		"tern":            {"CREATE TABLE schema_version (version int4 not null); INSERT INTO schema_version VALUES (4)", "tern", "4", "clean", 0, "", ""},
		"diesel":          {"CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp not null default now()); INSERT INTO __diesel_schema_migrations VALUES ('2020')", "diesel", "2020", "clean", 0, "", ""},
		"doctrine":        {"CREATE TABLE doctrine_migration_versions (version varchar(191) PRIMARY KEY, executed_at timestamp, execution_time int); INSERT INTO doctrine_migration_versions VALUES ('V1', now(), 1)", "doctrine", "V1", "clean", 0, "", ""},
		"rails":           {"CREATE TABLE schema_migrations (version varchar PRIMARY KEY); CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar); INSERT INTO schema_migrations VALUES ('20250101000000')", "rails", "20250101000000", "clean", 0, "", ""},
	} {
		n++
		url, db := fresh(t, server, fmt.Sprint("tool", n))
		_, err := db.Exec(c.sql)
		require.NoError(t, err, name)
		e, in := inspected(t, url)
		require.Equal(t, c.code, e.code, "%s: %s", name, e.out)
		require.Len(t, in.Tables, 1, name)
		got := in.Tables[0]
		require.Equal(t, c.tool, got.Tool, name)
		require.Equal(t, c.version, got.Version, name)
		require.Equal(t, c.verdict, got.Verdict, name)
		require.Contains(t, e.out, c.want, name)
		if c.not != "" {
			require.NotContains(t, e.out, c.not, name)
		}
		if c.tool == "liquibase" {
			require.Contains(t, got.Locked, "ip-10-0-1-2 (10.0.1.2)")
		}
	}
	url, _ := fresh(t, server, "nothing")
	e, _ := inspected(t, url)
	require.Equal(t, 1, e.code)
	require.Contains(t, e.last(), "no table of a migration tool")
}

// TestTablesOfToolsInMariaDB does the same where a failed migration stays half
// applied.
func TestTablesOfToolsInMariaDB(t *testing.T) {
	t.Parallel()
	m := servers.StartMariaDB(t)
	url := fmt.Sprintf("mysql://root@127.0.0.1:%d/app", m.Port)
	db, err := openDatabase(url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	for _, c := range []struct {
		tables, rows []string
		tool, want   string
	}{
		{[]string{"CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)"}, []string{"INSERT INTO schema_migrations VALUES (7, 1)"}, "golang-migrate", "verb stamp"},
		{[]string{"CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), script varchar(1000), checksum int, success bool)"}, []string{"INSERT INTO flyway_schema_history VALUES (2,'2','V2__x.sql',1,0)"}, "flyway", "flyway repair"},
		{
			[]string{"CREATE TABLE DATABASECHANGELOG (ID varchar(255), AUTHOR varchar(255), ORDEREXECUTED int, EXECTYPE varchar(10))", "CREATE TABLE DATABASECHANGELOGLOCK (ID int PRIMARY KEY, LOCKED bit(1) NOT NULL, LOCKGRANTED datetime, LOCKEDBY varchar(255))"},
			[]string{"INSERT INTO DATABASECHANGELOGLOCK VALUES (1, b'1', now(), 'ip-10-0-1-2')"}, "liquibase", "ip-10-0-1-2",
		},
		{[]string{"CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, finished_at datetime(3), migration_name varchar(255), logs text, rolled_back_at datetime(3), started_at datetime(3) DEFAULT now(3), applied_steps_count int unsigned DEFAULT 0)"}, []string{"INSERT INTO _prisma_migrations (id, migration_name, logs) VALUES ('1', '20250101_x', 'Database error code: 1050')"}, "prisma", "Database error code: 1050"},
	} {
		for _, s := range append(c.tables, c.rows...) {
			_, err := db.Exec(s)
			require.NoError(t, err, s)
		}
		e, in := inspected(t, url)
		require.Equal(t, 3, e.code, "%s: %s", c.tool, e.out)
		require.Equal(t, c.tool, in.Tables[0].Tool)
		require.Equal(t, revision.Verdict("stuck"), in.Tables[0].Verdict)
		require.Contains(t, e.out, c.want)
		for _, s := range c.tables {
			_, err := db.Exec("DROP TABLE " + strings.Fields(s)[2])
			require.NoError(t, err)
		}
	}
}

// TestTablesWithOtherNames hints at -table, and takes it.
func TestTablesWithOtherNames(t *testing.T) {
	t.Parallel()
	server := servers.StartPostgreSQL(t)
	url, db := fresh(t, server, "ct")
	_, err := db.Exec(`CREATE TABLE svc_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO svc_migrations VALUES (7, true);
CREATE SCHEMA b; CREATE TABLE b.alembic_version_billing (version_num varchar(32) PRIMARY KEY); INSERT INTO b.alembic_version_billing VALUES ('a1');
CREATE TABLE "MyMigrations" (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO "MyMigrations" VALUES (3, true)`)
	require.NoError(t, err)
	for _, args := range [][]string{nil, {"-tool", "golang-migrate"}, {"-tool", "alembic"}} {
		e, _ := inspected(t, url, args...)
		require.Equal(t, 1, e.code)
		require.Contains(t, e.last(), "-tool golang-migrate -table public.svc_migrations")
		require.Contains(t, e.last(), "-tool alembic -table b.alembic_version_billing")
	}
	for _, c := range []struct{ args, version string }{
		{"-table svc_migrations", "7"}, {"-table public.svc_migrations -tool golang-migrate", "7"}, {"-table alembic_version_billing", "a1"},
		{"-table b.alembic_version_billing -tool alembic", "a1"}, {"-table MyMigrations -tool golang-migrate", "3"},
	} {
		_, in := inspected(t, url, strings.Fields(c.args)...)
		require.Len(t, in.Tables, 1, c.args)
		require.Equal(t, c.version, in.Tables[0].Version, c.args)
	}
}

// TestHoldersOfLocks tells sessions that work from those that only hold the
// tool's lock, and ends one.
func TestHoldersOfLocks(t *testing.T) {
	t.Parallel()
	t.Run("postgresql", func(t *testing.T) {
		t.Parallel()
		server := servers.StartPostgreSQL(t)
		url, db := fresh(t, server, "held")
		_, err := db.Exec("CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now()); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true)")
		require.NoError(t, err)
		holder, err := open(t, url+"&application_name=shop").Conn(t.Context())
		require.NoError(t, err)
		_, err = holder.ExecContext(t.Context(), "SELECT pg_advisory_lock(4097083626)")
		require.NoError(t, err)
		holding(t, url, holder, "SELECT pg_sleep(6)", func(text string) { runs(t, db, postgresRuns, text) }, "127.0.0.1", "shop")
		// Its client works in another session.
		holder, err = open(t, url+"&application_name=shop").Conn(t.Context())
		require.NoError(t, err)
		_, err = holder.ExecContext(t.Context(), "SELECT pg_advisory_lock(4097083626)")
		require.NoError(t, err)
		busy := make(chan error, 1)
		go func() {
			_, err := open(t, url+"&application_name=shop").Exec("SELECT pg_sleep(6)")
			busy <- err
		}()
		runs(t, db, postgresRuns, "pg_sleep(6)")
		e, in := inspected(t, url, "-orphan-after", "100ms")
		require.Equal(t, revision.Verdict("idle-holder"), in.Tables[0].Verdict, e.out)
		require.Contains(t, e.out, "its client works in another session")
		require.NoError(t, <-busy)
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		m := servers.StartMariaDB(t)
		url := fmt.Sprintf("mysql://root@127.0.0.1:%d/app", m.Port)
		db, err := openDatabase(url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		for _, s := range []string{"CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)", "INSERT INTO schema_migrations VALUES (7, 1)"} {
			_, err := db.Exec(s)
			require.NoError(t, err)
		}
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		// What golang-migrate names its lock.
		var got int
		require.NoError(t, conn.QueryRowContext(t.Context(), "SELECT GET_LOCK(CAST((crc32('app:schema_migrations') * 1486364155) & 0xffffffff AS char), 5)").Scan(&got))
		require.Equal(t, 1, got)
		holding(t, url, conn, "SELECT sleep(6)", func(text string) { runs(t, db, mysqlRuns, text) }, "127.0.0.1", "root")
	})
}

// TestLockedTable inspects a table that a session has locked and left: it is not
// waited for, and the session is named.
func TestLockedTable(t *testing.T) {
	t.Parallel()
	url, db := fresh(t, servers.StartPostgreSQL(t), "lt")
	_, err := db.Exec("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (7, true)")
	require.NoError(t, err)
	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("TRUNCATE schema_migrations")
	require.NoError(t, err)
	e, in := inspected(t, url)
	require.Equal(t, 4, e.code, e.out)
	require.Less(t, e.took, 20*time.Second)
	require.Contains(t, e.out, "could not be read within 5s")
	require.Contains(t, e.out, "holds AccessExclusiveLock on public.schema_migrations")
	require.Empty(t, in.Tables[0].Fingerprint)
	e, in = inspected(t, url, "-orphan-after", "1s")
	require.Equal(t, 3, e.code, e.out)
	require.Equal(t, revision.Verdict("orphan"), in.Tables[0].Verdict)
	e = call(t, "stamp", "-db", url, "-to", "7", "-watch", "100ms")
	require.Equal(t, 4, e.code, e.out)
	e = call(t, "run", "-store", url, "-key", "k", "-dir", goMigrations(t), "-tool", "golang-migrate", "-max-wait", "8s", "--", "true")
	require.NotZero(t, e.code)
	require.Contains(t, e.last(), "could not be read within 5s")
	require.NoError(t, tx.Rollback())
	_, in = inspected(t, url)
	require.Equal(t, revision.Verdict("stuck"), in.Tables[0].Verdict)
}

// goMigrations is a directory of one migration of golang-migrate.
func goMigrations(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "7_a.up.sql"), nil, 0o600))
	return dir
}

// TestSilentServer asks a server that takes connections and says nothing.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	for _, scheme := range []string{"postgres", "mysql"} {
		url := scheme + "://u:pw@" + l.Addr().String() + "/x"
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			e := call(t, "inspect", "-db", url)
			if e.code == 0 || e.took > 40*time.Second || !strings.Contains(e.last(), "no answer within 15s") {
				t.Errorf("%s: %d after %s: %s", scheme, e.code, e.took, e.out)
			}
		})
		e := call(t, "run", "-store", url, "-key", "k", "-max-wait", "3s", "-probe", "exit 1", "--", "true")
		require.NotZero(t, e.code)
		require.Contains(t, e.last(), "for the store: no answer for", scheme)
	}
}

// holding inspects while the holder of a lock works and while it is idle, and
// ends it.
func holding(t *testing.T, url string, holder *sql.Conn, work string, running func(string), words ...string) {
	t.Helper()
	working := make(chan error, 1)
	go func() {
		_, err := holder.ExecContext(context.WithoutCancel(t.Context()), work)
		working <- err
	}()
	running(work)
	e, in := inspected(t, url)
	require.Equal(t, 4, e.code, e.out)
	require.Equal(t, revision.Verdict("running"), in.Tables[0].Verdict)
	require.NoError(t, <-working)
	wait(t.Context(), 1200*time.Millisecond)
	e, in = inspected(t, url)
	require.Equal(t, 4, e.code, e.out)
	require.Equal(t, revision.Verdict("idle-holder"), in.Tables[0].Verdict, e.out)
	for _, w := range append(words, "holds the lock of", "has been idle for") {
		require.Contains(t, e.out, w)
	}
	_, now := inspected(t, url, "-orphan-after", "0")
	require.Equal(t, revision.Verdict("orphan"), now.Tables[0].Verdict, "not at all is not the default")
	id := fmt.Sprint(in.Sessions[0].ID)
	require.Equal(t, 4, call(t, "end-session", "-db", url, "-session", id, "-apply").code, "it is no orphan yet")
	e, in = inspected(t, url, "-orphan-after", "1s")
	require.Equal(t, 3, e.code, e.out)
	require.Equal(t, revision.Verdict("orphan"), in.Tables[0].Verdict)
	require.Contains(t, e.last(), "end-session")
	require.Zero(t, call(t, "end-session", "-db", url, "-session", id, "-orphan-after", "1s").code)
	require.NoError(t, holder.PingContext(t.Context()), "that was a dry run")
	wait(t.Context(), 1200*time.Millisecond)
	e = call(t, "end-session", "-db", url, "-session", id, "-orphan-after", "1s", "-apply")
	require.Zero(t, e.code, e.out)
	_, in = inspected(t, url)
	require.Empty(t, in.Sessions)
	require.NotZero(t, call(t, "end-session", "-db", url, "-session", id, "-orphan-after", "1s", "-apply").code, "it is gone")
	_ = holder.Close()
}

// TestDjango goes through two releases and back, with the README's entry point.
func TestDjango(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import django, psycopg2").Run() != nil {
		servers.Missing(t, "Django", "apt-get install python3-django python3-psycopg2")
	}
	server := servers.StartPostgreSQL(t)
	url, db := fresh(t, server, "dj")
	dir := t.TempDir()
	release := func(name string, migrations ...string) string {
		root := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Join(root, "shop/migrations"), 0o755))
		files := map[string]string{
			"shop/__init__.py": "", "shop/migrations/__init__.py": "",
			"settings.py": fmt.Sprintf("SECRET_KEY='x'\nINSTALLED_APPS=['shop']\nDEFAULT_AUTO_FIELD='django.db.models.AutoField'\nDATABASES={'default':{'ENGINE':'django.db.backends.postgresql','NAME':'dj','USER':'postgres','HOST':'127.0.0.1','PORT':'%d'}}\n", server.Port),
			"manage.py":   "import os,sys\nos.chdir(os.path.dirname(os.path.abspath(__file__)))\nsys.path.insert(0,'.')\nos.environ['DJANGO_SETTINGS_MODULE']='settings'\nfrom django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n",
		}
		previous := ""
		for i, m := range migrations {
			id := fmt.Sprintf("%04d_m", i+1)
			files["shop/migrations/"+id+".py"] = fmt.Sprintf("from django.db import migrations\nclass Migration(migrations.Migration):\n  dependencies=[%s]\n  operations=[migrations.RunSQL(%q)]\n", previous, m)
			previous = fmt.Sprintf("('shop','%s')", id)
		}
		for f, text := range files {
			require.NoError(t, os.WriteFile(filepath.Join(root, f), []byte(text), 0o644))
		}
		return root
	}
	v1, v2 := release("v1", "create table orders(id int)"), release("v2", "create table orders(id int)", "alter table orders add column s int")
	for _, own := range []bool{false, true} {
		_, err := db.Exec("DROP TABLE IF EXISTS orders, django_migrations, stackrescue_lease, stackrescue_fence")
		require.NoError(t, err)
		for i, root := range []string{v1, v2, v2, v1} {
			probe := []string{"-probe", python + " " + root + "/manage.py migrate --check"}
			if own {
				probe = []string{"-dir", root, "-tool", "django"}
			}
			args := append([]string{"run", "-store", "postgres:env:DATABASE_URL", "-key", "shop", "-max-wait", "30s"}, probe...)
			e := callIn(t, []string{"DATABASE_URL=" + url}, append(args, "--", python, root+"/manage.py", "migrate", "-then", "echo", "APP UP")...)
			require.Zero(t, e.code, "own %t, release %d: %s", own, i, e.out)
			require.Contains(t, e.out, "APP UP\n")
			require.Equal(t, i < 2, strings.Contains(e.out, "leading"), "%d: %s", i, e.out)
		}
	}
	// An old image does not call what is applied pending.
	_, in := inspected(t, url, "-dir", v1)
	require.Empty(t, in.Tables[0].Pending)
	require.Equal(t, []string{"shop.0002_m"}, in.Tables[0].Unknown)
	e := callIn(t, nil, "run", "-store", url, "-key", "strict", "-dir", v1, "-tool", "django", "-newer", "refuse", "-max-wait", "20s", "--", "true")
	require.Equal(t, 3, e.code, e.out)
	require.Contains(t, e.last(), "the database is newer than the image: it holds shop.0002_m")
	_, err := db.Exec("DELETE FROM django_migrations WHERE name = '0001_m'")
	require.NoError(t, err)
	e = callIn(t, nil, "run", "-store", url, "-key", "shop", "-max-wait", "30s", "-build", "b9", "--", python, v2+"/manage.py", "migrate")
	require.NotZero(t, e.code)
	require.Contains(t, e.last(), "InconsistentMigrationHistory", "the tool's own last line")
}

// TestOwnProbe goes through the releases of each tool: old, new, and back to the
// old image on the newer database.
func TestOwnProbe(t *testing.T) {
	t.Parallel()
	server := servers.StartPostgreSQL(t)
	write := func(files map[string]string) string {
		dir := t.TempDir()
		for f, text := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, f), []byte(text), 0o600))
		}
		return dir
	}
	script := func(id, down string) string {
		return fmt.Sprintf("revision = '%s'\ndown_revision = %s\n", id, down)
	}
	for tool, c := range map[string]struct {
		table, first, second string
		v1, v2               map[string]string
	}{
		"golang-migrate": {
			"CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)", "INSERT INTO schema_migrations VALUES (1, false)", "UPDATE schema_migrations SET version = 2",
			map[string]string{"1_a.up.sql": ""}, map[string]string{"1_a.up.sql": "", "2_b.up.sql": ""},
		},
		"goose": {
			"CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL)", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true)", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, true)",
			map[string]string{"1_a.sql": ""}, map[string]string{"1_a.sql": "", "2_b.sql": ""},
		},
		"alembic": {
			"CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)", "INSERT INTO alembic_version VALUES ('a1')", "UPDATE alembic_version SET version_num = 'b2'",
			map[string]string{"a1.py": script("a1", "None")}, map[string]string{"a1.py": script("a1", "None"), "b2.py": script("b2", "'a1'")},
		},
		"rails": {
			"CREATE TABLE schema_migrations (version varchar PRIMARY KEY); CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar)", "INSERT INTO schema_migrations VALUES ('20250101000000')", "INSERT INTO schema_migrations VALUES ('20250201000000')",
			map[string]string{"20250101000000_a.rb": ""}, map[string]string{"20250101000000_a.rb": "", "20250201000000_b.rb": ""},
		},
	} {
		url, db := fresh(t, server, "own_"+strings.ReplaceAll(tool, "-", "_"))
		v1, v2 := write(c.v1), write(c.v2)
		run := func(dir, sql string, args ...string) ended {
			work := fmt.Sprintf("psql -qX -v ON_ERROR_STOP=1 '%s' -c \"%s\"", url, sql)
			return call(t, append(append([]string{"run", "-store", url, "-key", "k", "-dir", dir, "-tool", tool, "-max-wait", "20s"}, args...), "--", "/bin/sh", "-c", work, "-then", "echo", "APP UP")...)
		}
		for i, e := range []ended{run(v1, c.table+"; "+c.first), run(v2, c.second), run(v2, "fail"), run(v1, "fail: Can't locate revision")} {
			require.Zero(t, e.code, "%s %d: %s", tool, i, e.out)
			require.Contains(t, e.out, "APP UP\n", tool)
			require.Equal(t, i < 2, strings.Contains(e.out, "leading"), "%s %d: %s", tool, i, e.out)
		}
		e := run(v1, "fail", "-newer", "refuse")
		require.Equal(t, 3, e.code, "%s: %s", tool, e.out)
		require.Contains(t, e.last(), "newer than the image", tool)
		_, in := inspected(t, url, "-dir", v1)
		require.Empty(t, in.Tables[0].Pending, "%s: an old image does not call what is applied pending", tool)
		require.Len(t, in.Tables[0].Unknown, 1, tool)
		_, in = inspected(t, url, "-dir", v2)
		require.Empty(t, append(in.Tables[0].Pending, in.Tables[0].Unknown...), tool)
		if tool == "golang-migrate" {
			_, err := db.Exec("UPDATE schema_migrations SET dirty = true")
			require.NoError(t, err)
			e := run(v1, "fail")
			require.Equal(t, 3, e.code, e.out)
			require.Contains(t, e.last(), "dirty")
		}
	}
	e := call(t, base(t, "-dir", t.TempDir(), "--", "true")...)
	require.Equal(t, 2, e.code)
}
