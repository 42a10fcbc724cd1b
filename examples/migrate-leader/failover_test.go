package main

import (
	"context"
	"database/sql"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/mylease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// leads holds the key over a failover, which failOver makes in the middle of the
// work: the leader must not lose its lease, and nobody else may lead.
func leads(t *testing.T, store, rival migrate.Store, failOver func()) {
	t.Helper()
	var retries []string
	err := migrate.Lead(t.Context(), store, "failover", func(ctx context.Context, fence migrate.Fence) error {
		require.Equal(t, migrate.Fence(1), fence)
		wait(ctx, time.Second)
		failOver()
		before, err := rival.Read(ctx, "failover")
		require.NoError(t, err)
		wait(ctx, 9*time.Second) // three leases
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rec, err := rival.Read(ctx, "failover")
		require.NoError(t, err)
		require.Equal(t, migrate.Fence(1), rec.Epoch)
		require.Greater(t, rec.Beat, before.Beat+1, "it is renewed on the new writer")
		return nil
	}, func(o *migrate.LeadOptions) {
		o.Lease, o.Interval = 3*time.Second, 100*time.Millisecond
		o.Observe = func(e migrate.Event) { retries = append(retries, e.String()) }
	})
	require.NoError(t, err, strings.Join(retries, "\n"))
	t.Logf("%d renewals were retried", len(retries))
}

// TestDemotedWriter promotes the standby of a PostgreSQL server whose connections
// stay open, as in a failover: the old writer takes no writes any longer.
func TestDemotedWriter(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*sql.DB) migrate.Store{"table": pglease.Table, "session": pglease.Session} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := servers.StartPostgreSQL(t, "wal_level=replica")
			admin := openURL(t, old.DSN())
			require.NoError(t, pglease.Create(t.Context(), admin))
			standby := old.Standby(t)
			proxy := servers.StartProxy(t)
			proxy.To("127.0.0.1:" + strconv.Itoa(old.Port))
			cluster := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", proxy.Port)
			db := openURL(t, cluster)
			db.SetMaxIdleConns(5)
			// Idle connections to the old writer, all of which have to go.
			var conns []*sql.Conn
			for range 5 {
				c, err := db.Conn(t.Context())
				require.NoError(t, err)
				conns = append(conns, c)
			}
			for _, c := range conns {
				require.NoError(t, c.Close())
			}
			leads(t, open(db), pglease.Table(openURL(t, standby.DSN())), func() {
				require.Eventually(t, func() bool {
					var behind bool
					err := admin.QueryRow(`SELECT pg_current_wal_lsn() <> replay_lsn FROM pg_stat_replication`).Scan(&behind)
					return err == nil && !behind
				}, 10*time.Second, 10*time.Millisecond)
				// The old one first: what it was told last has reached the standby.
				for _, s := range []string{`ALTER SYSTEM SET default_transaction_read_only = on`, `SELECT pg_reload_conf()`} {
					_, err := admin.Exec(s)
					require.NoError(t, err)
				}
				soon(t, func() bool {
					var v string
					return admin.QueryRow(`SHOW default_transaction_read_only`).Scan(&v) == nil && v == "on"
				})
				standby.Promote(t)
				proxy.To("127.0.0.1:" + strconv.Itoa(standby.Port))
			})
		})
	}
}

// openURL opens as the command does.
func openURL(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := openAddress(url, "", false)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestDemotedWriterOfMariaDB makes a server read-only and leads the name to
// another one that holds the same rows.
func TestDemotedWriterOfMariaDB(t *testing.T) {
	t.Parallel()
	before, after := servers.StartMariaDB(t), servers.StartMariaDB(t)
	admin := map[*servers.MariaDB]*sql.DB{}
	for _, m := range []*servers.MariaDB{before, after} {
		admin[m] = openURL(t, fmt.Sprintf("mysql://root@127.0.0.1:%d/app", m.Port))
		for _, s := range []string{`CREATE USER r`, `GRANT ALL ON app.* TO r`} {
			_, err := admin[m].Exec(s)
			require.NoError(t, err)
		}
		require.NoError(t, mylease.Create(t.Context(), admin[m]))
	}
	proxy := servers.StartProxy(t)
	proxy.To("127.0.0.1:" + strconv.Itoa(before.Port))
	db := openURL(t, fmt.Sprintf("mysql://r@127.0.0.1:%d/app", proxy.Port))
	leads(t, mylease.Table(db), mylease.Table(admin[after]), func() {
		_, err := admin[before].Exec(`SET GLOBAL read_only = ON`)
		require.NoError(t, err)
		var epoch, beat, lease int64
		var owner string
		require.NoError(t, admin[before].QueryRow(`SELECT epoch, beat, owner, lease_ns FROM stackrescue_lease WHERE name = 'failover'`).Scan(&epoch, &beat, &owner, &lease))
		_, err = admin[after].Exec(`INSERT INTO stackrescue_lease (name, epoch, beat, owner, lease_ns) VALUES ('failover', ?, ?, ?, ?)`, epoch, beat, owner, lease)
		require.NoError(t, err)
		proxy.To("127.0.0.1:" + strconv.Itoa(after.Port))
	})
}

// TestCommandOverAFailover waits for a writer when only a standby answers, and
// migrates on the new one.
func TestCommandOverAFailover(t *testing.T) {
	t.Parallel()
	old := servers.StartPostgreSQL(t, "wal_level=replica")
	standby := old.Standby(t)
	proxy := servers.StartProxy(t)
	proxy.To("127.0.0.1:" + strconv.Itoa(standby.Port))
	cmd, out := begin(t, nil, "run", "-store", fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", proxy.Port), "-key", "k", "-max-wait", "40s", "-build", "b", "--", "echo", "migrated")
	printed(t, out, "read only connection")
	require.NotContains(t, out.String(), "migrated\n")
	standby.Promote(t)
	_ = cmd.Wait()
	require.Zero(t, cmd.ProcessState.ExitCode(), out.String())
	require.Contains(t, out.String(), "migrated\n")
}

// TestStatementOfAKilledLeader kills a leader while its tool's statement runs in
// the database: the next one begins when it has ended, and says what it waits
// for.
func TestStatementOfAKilledLeader(t *testing.T) {
	t.Parallel()
	long := map[string]func(t *testing.T) (store string, client []string, long, running string, db *sql.DB){
		"postgresql": func(t *testing.T) (string, []string, string, string, *sql.DB) {
			server := servers.StartPostgreSQL(t)
			return server.DSN(), []string{"psql", "-qX", server.DSN(), "-c"}, "INSERT INTO runs SELECT 'late' FROM pg_sleep(8)", postgresRuns, openURL(t, server.DSN())
		},
		"mariadb": func(t *testing.T) (string, []string, string, string, *sql.DB) {
			m := servers.StartMariaDB(t)
			url := fmt.Sprintf("mysql://root@127.0.0.1:%d/app", m.Port)
			return url, []string{"mariadb", "--no-defaults", "-h127.0.0.1", "-P" + strconv.Itoa(m.Port), "-uroot", "app", "-e"}, "INSERT INTO runs SELECT if(sleep(8), 'x', 'late')", mysqlRuns, openURL(t, url)
		},
	}
	for name, start := range long {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, client, statement, running, db := start(t)
			if _, err := exec.LookPath(client[0]); err != nil {
				servers.Missing(t, client[0], "apt-get install "+client[0])
			}
			_, err := db.Exec(`CREATE TABLE runs (what varchar(9))`)
			require.NoError(t, err)
			run := func(statement string) []string {
				return append(append([]string{"run", "-store", store, "-key", "k", "-build", "b", "-lease", "2s", "-max-wait", "40s", "--"}, client...), statement)
			}
			first, out := begin(t, nil, run(statement)...)
			printed(t, out, "stepping epoch 1")
			runs(t, db, running, "INSERT INTO runs")
			require.NoError(t, first.Process.Kill())
			_ = first.Wait()
			e := call(t, run("INSERT INTO runs VALUES ('next')")...)
			require.Zero(t, e.code, e.out)
			require.Contains(t, e.out, "waiting for what may be a previous leader's")
			rows, err := db.Query(`SELECT what FROM runs`)
			require.NoError(t, err)
			defer func() { _ = rows.Close() }()
			var got []string
			for rows.Next() {
				var what string
				require.NoError(t, rows.Scan(&what))
				got = append(got, what)
			}
			require.NoError(t, rows.Err())
			require.Equal(t, []string{"late", "next"}, got, "the two did not overlap")
		})
	}
}
