package main

import (
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// fresh makes a database and returns its URL.
func fresh(t *testing.T, s *servers.PostgreSQL, name string) (string, *sql.DB) {
	t.Helper()
	admin := open(t, s.DSN())
	_, err := admin.Exec(`CREATE DATABASE ` + name)
	require.NoError(t, err)
	url := strings.Replace(s.DSN(), "/postgres?", "/"+name+"?", 1)
	return url, open(t, url)
}

// many starts replicas and waits for them.
func many(t *testing.T, n int, args func(i int) []string) []ended {
	t.Helper()
	out := make([]ended, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { out[i] = call(t, args(i)...) })
	}
	wg.Wait()
	return out
}

// TestThroughPgBouncer uses the address that the README gives, through poolers in
// transaction mode with fewer server sessions than replicas: those that lose
// prepared statements, and those that keep them (1.21 and newer).
func TestThroughPgBouncer(t *testing.T) {
	t.Parallel()
	for _, bin := range servers.PgBouncers(t) {
		version, keeps := pgBouncerVersion(t, bin)
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			throughPgBouncer(t, bin, keeps)
		})
		if keeps {
			t.Run(version+" without prepared statements", func(t *testing.T) {
				t.Parallel()
				throughPgBouncer(t, bin, false, "max_prepared_statements = 0")
			})
		}
	}
}

// pgBouncerVersion asks a pooler, and reports whether it keeps prepared
// statements.
//
// Source: https://www.pgbouncer.org/config.html#max_prepared_statements
func pgBouncerVersion(t *testing.T, bin string) (string, bool) {
	out, err := exec.Command(bin, "--version").Output()
	require.NoError(t, err)
	var major, minor int
	_, err = fmt.Sscanf(string(out), "PgBouncer %d.%d", &major, &minor)
	require.NoError(t, err)
	version, _, _ := strings.Cut(string(out), "\n")
	return version, major > 1 || minor >= 21
}

func throughPgBouncer(t *testing.T, bin string, keeps bool, settings ...string) {
	server := servers.StartPostgreSQL(t)
	url, db := fresh(t, server, "pb")
	if keeps {
		settings = append(settings, "max_prepared_statements = 100")
	}
	pool := servers.StartPgBouncer(t, bin, server, append(settings, "default_pool_size = 4")...)
	pooled := strings.Replace(url, ":"+strconv.Itoa(server.Port)+"/", ":"+strconv.Itoa(pool.Port)+"/", 1)
	for round := range 2 {
		for _, e := range many(t, 8, func(i int) []string {
			return []string{"run", "-owner", fmt.Sprint("r", i), "-build", fmt.Sprint(round), "-lease", "6s", "-max-wait", "40s", "-store", "postgres:" + strings.TrimPrefix(pooled, "postgres:"), "-key", "pb", "--", "/bin/sh", "-c", "sleep 1; echo migrated"}
		}) {
			require.Zero(t, e.code, e.out)
			require.NotContains(t, e.out, "prepared statement")
			require.NotContains(t, e.out, "retrying")
		}
	}
	_, err := db.Exec("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (7, true)")
	require.NoError(t, err)
	e := call(t, "inspect", "-watch", "200ms", "-db", pooled)
	require.Equal(t, 3, e.code, e.out)
	require.Contains(t, e.out, `"verdict":"stuck"`)
	e = call(t, "run", "-max-wait", "20s", "-store", "postgres-session:"+strings.TrimPrefix(pooled, "postgres:"), "-key", "pb2", "--", "true")
	require.NotZero(t, e.code)
	require.Less(t, e.took, 20*time.Second)
	require.Contains(t, e.last(), pglease.ErrPooler.Error())
	// A handle as an embedder opens it, whose driver prepares statements: it
	// works, or says how to open it.
	require.NoError(t, pglease.Create(t.Context(), db))
	refused := 0
	for i := range 20 {
		own := open(t, pooled)
		h, err := pglease.Table(own).Acquire(t.Context(), fmt.Sprint("naive", i), migrate.Claim{Owner: fmt.Sprint(i), Lease: time.Minute})
		if err == nil {
			err = h.Release(t.Context(), nil)
		}
		if err != nil {
			refused++
			require.ErrorIs(t, err, pglease.ErrPooler)
			require.ErrorIs(t, err, migrate.ErrStore)
			require.ErrorContains(t, err, "default_query_exec_mode=simple_protocol")
		}
		_, err = pglease.Session(own).Acquire(t.Context(), "naive", migrate.Claim{Owner: "a", Lease: time.Minute})
		require.ErrorIs(t, err, pglease.ErrPooler)
	}
	t.Logf("%d of 20 handles with prepared statements were refused", refused)
	if keeps {
		require.Zero(t, refused)
	}
	migratetest.TestStore(t, "pooled/", func(t *testing.T) migrate.Store {
		h, err := openAddress(pooled, postgresKind, true)
		require.NoError(t, err)
		t.Cleanup(func() { _ = h.Close() })
		return pglease.Table(h)
	})
}

// TestStoreAtTheStart meets a store that is not there yet, and ones that cannot
// be used.
func TestStoreAtTheStart(t *testing.T) {
	t.Parallel()
	server := servers.StartPostgreSQL(t)
	url, _ := fresh(t, server, "lp")
	var db *sql.DB
	here := "127.0.0.1:" + strconv.Itoa(server.Port)
	run := func(store string, args ...string) ended {
		return call(t, append(append([]string{"run", "-store", store, "-key", "s"}, args...), "-build", "b", "--", "true")...)
	}
	t.Run("comes later", func(t *testing.T) {
		proxy := servers.StartProxy(t)
		cmd, out := begin(t, nil, "run", "-store", strings.Replace(url, here, "127.0.0.1:"+strconv.Itoa(proxy.Port), 1), "-key", "s", "-max-wait", "40s", "-build", "b", "--", "true")
		printed(t, out, "retrying: ")
		proxy.To(here)
		_ = cmd.Wait()
		require.Zero(t, cmd.ProcessState.ExitCode(), out.String())
	})
	t.Run("does not come", func(t *testing.T) {
		e := run("postgres://postgres@127.0.0.1:1/lp?sslmode=disable", "-max-wait", "2s")
		require.NotZero(t, e.code)
		require.Contains(t, e.last(), "for the store:")
		require.Contains(t, e.last(), "connection refused")
	})
	for name, c := range map[string]struct{ store, want string }{
		"variable is not set": {"postgres:env:NOPE_NOT_SET", "the variable NOPE_NOT_SET is not set"},
		"no such database":    {strings.Replace(url, "/lp?", "/nope?", 1), `database "nope" does not exist`},
	} {
		e := run(c.store, "-max-wait", "20s")
		require.NotZero(t, e.code, name)
		require.Less(t, e.took, 5*time.Second, name)
		require.Contains(t, e.last(), c.want, name)
	}
	url, db = fresh(t, server, "roles") // where no tables were made
	_, err := db.Exec(`CREATE ROLE app LOGIN; CREATE ROLE ro LOGIN; ALTER ROLE ro SET default_transaction_read_only = on`)
	require.NoError(t, err)
	app := strings.Replace(url, "postgres@", "app@", 1)
	e := run(app, "-max-wait", "20s")
	require.Less(t, e.took, 5*time.Second, e.out)
	require.Contains(t, e.last(), "permission denied for schema public")
	require.Zero(t, run(url).code)
	_, err = db.Exec(`GRANT SELECT, INSERT, UPDATE ON stackrescue_lease, stackrescue_fence TO app, ro`)
	require.NoError(t, err)
	require.Zero(t, run(app).code)
	e = run(strings.Replace(url, "postgres@", "ro@", 1), "-max-wait", "2s")
	require.NotZero(t, e.code)
	require.Contains(t, e.last(), "read only connection", "what was waited for")

	for name, address := range map[string]string{
		"odd characters": "postgres://app:p@ss/w#rd%@" + here + "/roles?sslmode=disable",
		"SQLAlchemy":     "postgresql+psycopg2://postgres@" + here + "/roles",
		"Prisma":         "postgresql://postgres@" + here + "/roles?schema=public&connection_limit=5&pgbouncer=true",
		"Rails":          "postgres://postgres@" + here + "/roles?pool=5&prepared_statements=false&encoding=unicode",
		"JDBC":           "jdbc:postgresql://" + here + "/roles?user=postgres&ApplicationName=shop",
		"RDS secret":     fmt.Sprintf(`{"username":"postgres","password":"xxxx","engine":"postgres","host":"127.0.0.1","port":%d,"dbname":"roles"}`, server.Port),
		"keywords":       fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=roles password='it''s' sslmode=disable", server.Port),
	} {
		e := callIn(t, []string{"ADDRESS=" + address}, "run", "-store", "postgres:env:ADDRESS", "-key", "u", "-max-wait", "10s", "-build", "b", "--", "true")
		if name == "keywords" {
			require.Equal(t, 2, e.code, "%s: %s", name, e.out) // two strings side by side are none
			continue
		}
		require.Zero(t, e.code, "%s: %s", name, e.out)
	}
}

// TestAddressesOfMySQL uses what frameworks have.
func TestAddressesOfMySQL(t *testing.T) {
	t.Parallel()
	m := servers.StartMariaDB(t)
	db, err := sql.Open("mysql", m.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	for _, s := range []string{`CREATE USER r IDENTIFIED BY 'p@ss/w#rd%'`, `GRANT ALL ON app.* TO r`} {
		_, err = db.Exec(s)
		require.NoError(t, err)
	}
	for name, address := range map[string]string{
		"Rails":      fmt.Sprintf("mysql2://r:p@ss/w#rd%%@127.0.0.1:%d/app?pool=5&encoding=utf8mb4", m.Port),
		"SQLAlchemy": fmt.Sprintf("mysql+pymysql://r:p%%40ss%%2Fw%%23rd%%25@127.0.0.1:%d/app?charset=utf8mb4", m.Port),
		"plain":      fmt.Sprintf("mysql://root@127.0.0.1:%d/app", m.Port),
		"Go":         fmt.Sprintf("r:p@ss/w#rd%%@tcp(127.0.0.1:%d)/app?parseTime=true", m.Port),
		"RDS secret": fmt.Sprintf(`{"username":"r","password":"p@ss/w#rd%%","engine":"mysql","host":"127.0.0.1","port":"%d","dbname":"app"}`, m.Port),
	} {
		e := callIn(t, []string{"ADDRESS=" + address}, "run", "-store", "mysql:env:ADDRESS", "-key", "u", "-max-wait", "10s", "-build", "b", "--", "true")
		require.Zero(t, e.code, "%s: %s", name, e.out)
	}
}

// TestNoPasswordIsPrinted goes through the forms of addresses that are wrong in
// some way: no part of the password gets into an error.
func TestNoPasswordIsPrinted(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{
		"RDS secret":       `{"username":"postgres","password":"Zx9secret","engine":"postgres","host":"127.0.0.1","port":1,"dbname":"lp"}`,
		"broken JSON":      `{"username":"postgres","password":"Zx9secret",`,
		"without a host":   `{"username":"postgres","password":"Zx9secret","engine":"postgres"}`,
		"reserved":         "postgres://app:p@Zx9/w#rd%@127.0.0.1:1/lp?sslmode=disable",
		"query in it":      "postgres://app:p?Zx9=1&a@127.0.0.1:1/lp",
		"bad escape":       "postgres://app:pZx9%zz@127.0.0.1:1/lp",
		"mysql reserved":   "mysql://r:p@Zx9/w#rd@127.0.0.1:1/app",
		"mysql bad escape": "mysql://r:Zx9%zz@127.0.0.1:1/app",
		"Go's, cut":        "r:Zx9pass@tcp(127.0.0.1:1/app",
		"Go's":             "r:Zx9pass@tcp(127.0.0.1:1)/app",
		"keywords":         "host=127.0.0.1 port=abc user=u password=Zx9pass",
		"keywords, cut":    "host=127.0.0.1 password='Zx9pass",
		"a space":          "postgres://app:Zx9 pw@127.0.0.1:1/lp",
		"bad port":         "postgres://app:Zx9pw@127.0.0.1:notaport/lp",
		"JDBC":             "jdbc:postgresql://127.0.0.1:1/lp?user=postgres&password=Zx9pw",
		"bad number":       "postgres://app@127.0.0.1:1/lp?password=Zx9pw&connect_timeout=abc",
		"a new line":       "\npostgres://app:Zx9pw@127.0.0.1:1/lp",
		"no scheme":        "app:Zx9pw@127.0.0.1/lp",
		"only a slash":     "postgres:/app:Zx9pw@127.0.0.1/lp",
		"other engine":     "redis://:Zx9pw@127.0.0.1:6379",
		"bad sslmode":      "postgres://app:Zx9pw@127.0.0.1:1/lp?sslmode=Zx9",
		"two at signs":     "postgres://app:Zx9@Zx9@127.0.0.1:1/lp",
	} {
		for _, args := range [][]string{
			{"run", "-max-wait", "500ms", "-store", "postgres:env:A", "-key", "s", "-build", "b", "--", "true"},
			{"run", "-max-wait", "500ms", "-store", "mysql:env:A", "-key", "s", "-build", "b", "--", "true"},
			{"run", "-max-wait", "500ms", "-store", address, "-key", "s", "-build", "b", "--", "true"},
			{"inspect", "-db", "env:A"},
			{"stamp", "-db", "env:A", "-to", "1"},
			{"end-session", "-db", "env:A", "-session", "1"},
		} {
			e := callIn(t, []string{"A=" + address}, args...)
			require.NotZero(t, e.code, name)
			require.NotContains(t, e.out, "Zx9", "%s: %v", name, args[0])
		}
	}
	// Nor what a tool prints of it, where it is kept.
	dir := t.TempDir()
	e := callIn(t, []string{"A=postgres://app:Zx9secret@127.0.0.1:1/lp"}, "run", "-store", "file:"+dir, "-key", "k", "-build", "b", "-db", "env:A", "-dir", migrations(t), "-tool", "goose", "-max-wait", "1s", "--", "/bin/sh", "-c", "echo no; exit 1")
	require.NotContains(t, e.out, "Zx9secret")
}

// migrations is a directory of one migration of goose.
func migrations(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1_a.sql"), nil, 0o600))
	return dir
}

// twenty starts 20 replicas whose leader is killed: 19 come up, and the migration
// has begun twice and ended once.
func twenty(t *testing.T, store, begins, ends, probe string, count func(what string) int) {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "m.sh")
	require.NoError(t, os.WriteFile(script, []byte(begins+"\nsleep 3\n"+ends+"\n"), 0o600))
	var cmds []*exec.Cmd
	var outs []*lines
	for i := range 20 {
		cmd, out := begin(t, nil, "run", "-owner", fmt.Sprint("r", i), "-lease", "4s", "-store", store, "-key", "tw", "-probe", strings.ReplaceAll(probe, "DIR", dir), "--", "/bin/sh", script, "-then", "echo", "app up")
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	leader := -1
	require.Eventually(t, func() bool {
		for i, o := range outs {
			if strings.Contains(o.String(), "leading epoch 1 ") && count("begin") == 1 {
				leader = i
			}
		}
		return leader >= 0
	}, time.Minute, 50*time.Millisecond)
	require.NoError(t, cmds[leader].Process.Kill())
	for i, cmd := range cmds {
		_ = cmd.Wait()
		if i == leader {
			continue
		}
		require.Zero(t, cmd.ProcessState.ExitCode(), outs[i].String())
		require.Contains(t, outs[i].String(), "app up")
	}
	require.Equal(t, 2, count("begin"))
	require.Equal(t, 1, count("end"))
}

func TestTwentyReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("40 processes")
	}
	t.Run("postgresql", func(t *testing.T) {
		server := servers.StartPostgreSQL(t)
		url, db := fresh(t, server, "tw")
		_, err := db.Exec(`CREATE TABLE runs (what text)`)
		require.NoError(t, err)
		psql := fmt.Sprintf("psql -qXAth 127.0.0.1 -p %d -U postgres tw -c ", server.Port)
		if _, err := exec.LookPath("psql"); err != nil {
			t.Skip("psql is not installed, which is the migration tool here")
		}
		twenty(t, url, psql+`"insert into runs values ('begin')"`, psql+`"insert into runs values ('end')" -c "create table done()"`,
			psql+`"select 1/(select count(*) from pg_tables where tablename='done')" >/dev/null 2>&1`, func(what string) (n int) {
				require.NoError(t, db.QueryRow(`SELECT count(*) FROM runs WHERE what = $1`, what).Scan(&n))
				return n
			})
	})
	t.Run("mariadb", func(t *testing.T) {
		m := servers.StartMariaDB(t)
		db, err := sql.Open("mysql", m.DSN())
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		_, err = db.Exec(`CREATE TABLE runs (what varchar(9))`)
		require.NoError(t, err)
		client := fmt.Sprintf("mariadb --no-defaults -h127.0.0.1 -P%d -uroot app -e ", m.Port)
		twenty(t, fmt.Sprintf("mysql://root@127.0.0.1:%d/app", m.Port), client+`"insert into runs values ('begin')"`, client+`"insert into runs values ('end')"; touch $(dirname $0)/done`,
			"test -e DIR/done", func(what string) (n int) {
				require.NoError(t, db.QueryRow(`SELECT count(*) FROM runs WHERE what = ?`, what).Scan(&n))
				return n
			})
	})
}

// TestDynamoDBThatCannotBe says early that a table is not there or not allowed,
// and waits for one that throttles or is away.
func TestDynamoDBThatCannotBe(t *testing.T) {
	t.Parallel()
	run := func(endpoint string) ended {
		return callIn(t, []string{"AWS_ENDPOINT_URL=" + endpoint, "AWS_ACCESS_KEY_ID=t", "AWS_SECRET_ACCESS_KEY=t", "AWS_REGION=us-east-1", "AWS_CA_BUNDLE=", "AWS_PROFILE="},
			"run", "-store", "dynamodb:t", "-key", "k", "-max-wait", "5s", "-build", "b", "--", "true")
	}
	for code, early := range map[string]bool{"ResourceNotFoundException": true, "AccessDeniedException": true, "ProvisionedThroughputExceededException": false} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"x"}`, code)
		}))
		e := run(srv.URL)
		srv.Close()
		require.NotZero(t, e.code, code)
		require.Contains(t, e.last(), code)
		require.Equal(t, early, e.took < 3*time.Second, "%s: %s", code, e.took)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	e := run("http://" + addr)
	require.Contains(t, e.last(), "waited 5")
	require.Contains(t, e.last(), "connection refused")
}
