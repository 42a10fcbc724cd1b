package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
	"github.com/stackrescue/stackrescue/migrate/mylease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

func TestDynamoDB(t *testing.T) {
	t.Parallel()
	addr := servers.StartDynalite(t)
	client := func() *dynamodb.Client {
		return dynamodb.New(dynamodb.Options{BaseEndpoint: &addr, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	}
	_, err := client().CreateTable(t.Context(), dynamolease.TableInput("leases"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		out, err := client().DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("leases")})
		return err == nil && out.Table.TableStatus == "ACTIVE"
	}, time.Minute, 20*time.Millisecond)
	migratetest.TestStore(t, "d/", func(*testing.T) migrate.Store { return dynamolease.New(client(), "leases") })
	_, err = dynamolease.New(client(), "none").Read(t.Context(), "k")
	require.ErrorIs(t, err, migrate.ErrStore)
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	url := servers.StartMariaDB(t).DSN()
	handle := func(t *testing.T) *sql.DB {
		db, err := sql.Open("mysql", url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	_, err := mylease.Table(handle(t)).Read(t.Context(), strings.Repeat("k", 256))
	require.ErrorIs(t, err, migrate.ErrStore, "the server would cut it")
	_, err = mylease.Table(handle(t)).Acquire(t.Context(), strings.Repeat("k", 256), migrate.Claim{Owner: "o", Lease: time.Minute})
	require.ErrorIs(t, err, migrate.ErrStore)
	_, err = mylease.Table(handle(t)).Read(t.Context(), "k")
	require.ErrorIs(t, err, migrate.ErrStore, "the tables are not there")
	var wg sync.WaitGroup
	for range 10 {
		db := handle(t)
		wg.Go(func() {
			if err := mylease.Create(t.Context(), db); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	migratetest.TestStore(t, "m/", func(t *testing.T) migrate.Store { return mylease.Table(handle(t)) })
	db := handle(t)
	fence(t, db, func(f migrate.Fence) error { return mylease.Raise(t.Context(), db, "f", f) },
		func(tx *sql.Tx, f migrate.Fence) error { return mylease.Guard(t.Context(), tx, "f", f) })
	orphanOfMySQL(t, handle)
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	server := servers.StartPostgreSQL(t)
	var wg sync.WaitGroup
	for range 10 { // all replicas start at once
		wg.Go(func() {
			if err := pglease.Create(t.Context(), open(t, server.DSN())); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	t.Run("table", func(t *testing.T) {
		migratetest.TestStore(t, "t/", func(t *testing.T) migrate.Store { return pglease.Table(open(t, server.DSN())) })
	})
	t.Run("session", func(t *testing.T) {
		migratetest.TestStore(t, "s/", func(t *testing.T) migrate.Store { return pglease.Session(open(t, server.DSN())) },
			func(o *migratetest.StoreOptions) { o.Bound = true })
	})
	t.Run("lock connection ended", func(t *testing.T) { lockConnectionEnded(t, server) })
	t.Run("vanished", func(t *testing.T) { vanished(t, server) })
	t.Run("fence", func(t *testing.T) {
		db := open(t, server.DSN())
		fence(t, db, func(f migrate.Fence) error { return pglease.Raise(t.Context(), db, "f", f) },
			func(tx *sql.Tx, f migrate.Fence) error { return pglease.Guard(t.Context(), tx, "f", f) })
	})
	t.Run("orphan", func(t *testing.T) { orphan(t, server) })
	t.Run("limits", func(t *testing.T) { limits(t, server) })
	t.Run("orphaned transaction", func(t *testing.T) { orphanedTx(t, server) })
	t.Run("orphan of another role", func(t *testing.T) { orphanOfRole(t, server) })
	t.Run("a leader's own", func(t *testing.T) { own(t, server) })
	t.Run("lock of one who vanished", func(t *testing.T) { lockLeft(t, server) })
	t.Run("lock left in a pooler", func(t *testing.T) {
		pooled := servers.StartPgBouncer(t, servers.PgBouncers(t)[0], server, "default_pool_size = 1").DSN()
		_, err := openURL(t, pooled).Exec(`SELECT pg_advisory_lock(77)`)
		require.NoError(t, err)
		_, err = pglease.Session(openURL(t, pooled)).Acquire(t.Context(), "stranded", migrate.Claim{Owner: "a", Lease: time.Minute})
		require.ErrorIs(t, err, pglease.ErrPooler)
		require.ErrorContains(t, err, "holds 1 locks already")
	})
	t.Run("pooler", func(t *testing.T) {
		pooled := servers.StartPgBouncer(t, servers.PgBouncers(t)[0], server).DSN()
		for range 5 {
			_, err := pglease.Session(open(t, pooled)).Acquire(t.Context(), "pooled", migrate.Claim{Owner: "a", Lease: time.Minute})
			require.ErrorIs(t, err, pglease.ErrPooler)
			require.ErrorIs(t, err, migrate.ErrStore)
		}
		// As the README says: without prepared statements.
		migratetest.TestStore(t, "p/", func(t *testing.T) migrate.Store { return pglease.Table(openURL(t, pooled)) })
	})
}

// lockConnectionEnded ends the connection of a healthy leader: it gets itself
// another, and nobody takes over meanwhile.
func lockConnectionEnded(t *testing.T, server *servers.PostgreSQL) {
	admin := open(t, server.DSN())
	err := migrate.Lead(t.Context(), pglease.Session(open(t, server.DSN())), "ended", func(ctx context.Context, _ migrate.Fence) error {
		var ended int
		err := admin.QueryRow(`SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted`).Scan(&ended)
		require.NoError(t, err)
		require.Equal(t, 1, ended)
		rival, stop := context.WithTimeout(ctx, 6*time.Second)
		defer stop()
		err = migrate.Lead(rival, pglease.Session(open(t, server.DSN())), "ended", func(context.Context, migrate.Fence) error { return nil },
			func(o *migrate.LeadOptions) { o.Interval = 50 * time.Millisecond })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		return context.Cause(ctx)
	}, func(o *migrate.LeadOptions) { o.Lease = 3 * time.Second })
	require.NoError(t, err)
}

// vanished closes the connections of a holder that never renews: the next one
// leads after a lease.
func vanished(t *testing.T, server *servers.PostgreSQL) {
	gone := open(t, server.DSN())
	_, err := pglease.Session(gone).Acquire(t.Context(), "vanished", migrate.Claim{Owner: "a", Lease: 2 * time.Second})
	require.NoError(t, err)
	begin := time.Now()
	// The server ends the idle session by itself: idle_session_timeout.
	err = migrate.Lead(t.Context(), pglease.Session(open(t, server.DSN())), "vanished", func(_ context.Context, fence migrate.Fence) error {
		require.Equal(t, migrate.Fence(2), fence)
		return nil
	}, func(o *migrate.LeadOptions) { o.Interval = 50 * time.Millisecond })
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begin), 2*time.Second)
	require.Less(t, time.Since(begin), 20*time.Second)
	t.Logf("taken over after %s", time.Since(begin).Round(time.Millisecond))
}

// fence lets the database turn down a leader of earlier, and lets its
// transaction end first.
func fence(t *testing.T, db *sql.DB, raise func(migrate.Fence) error, guard func(*sql.Tx, migrate.Fence) error) {
	require.NoError(t, raise(1))
	tx, err := db.Begin()
	require.NoError(t, err)
	require.NoError(t, guard(tx, 1))
	raised := make(chan error, 1)
	begin := time.Now()
	go func() { raised <- raise(2) }()
	wait(t.Context(), 300*time.Millisecond)
	require.NoError(t, tx.Commit())
	require.NoError(t, <-raised)
	require.GreaterOrEqual(t, time.Since(begin), 300*time.Millisecond)
	tx, err = db.Begin()
	require.NoError(t, err)
	require.ErrorIs(t, guard(tx, 1), migrate.ErrLeaseLost)
	require.NoError(t, tx.Rollback())
	require.ErrorIs(t, raise(1), migrate.ErrLeaseLost)
	require.NoError(t, raise(2), "again")
}

// orphan leaves a statement running in the name of a leader of earlier.
func orphan(t *testing.T, server *servers.PostgreSQL) {
	for _, terminate := range []bool{false, true} {
		key := map[bool]string{false: "wait", true: "end"}[terminate]
		dead := open(t, server.DSN()+"&application_name="+pglease.ApplicationName(key, 3))
		// The statement ends when this test lets it.
		gate, err := open(t, server.DSN()).Conn(t.Context())
		require.NoError(t, err)
		_, err = gate.ExecContext(t.Context(), `SELECT pg_advisory_lock(hashtext($1))`, key)
		require.NoError(t, err)
		statement := fmt.Sprintf(`SELECT pg_advisory_lock(hashtext('%s'))`, key)
		ended := make(chan error, 1)
		go func() {
			_, err := dead.Exec(statement)
			ended <- err
		}()
		runs(t, open(t, server.DSN()), postgresRuns, statement)
		looks := 0
		require.NoError(t, pglease.Raise(t.Context(), open(t, server.DSN()), key, 4, func(o *pglease.RaiseOptions) {
			o.Terminate, o.Interval = terminate, 50*time.Millisecond
			o.Observe = func(pids []int) {
				require.Len(t, pids, 1)
				if looks++; looks == 3 && !terminate {
					_, err := gate.ExecContext(t.Context(), `SELECT pg_advisory_unlock(hashtext($1))`, key)
					require.NoError(t, err)
				}
			}
		}))
		err = <-ended
		require.NoError(t, gate.Close())
		if terminate {
			require.Error(t, err)
			require.Positive(t, looks)
		} else {
			require.NoError(t, err)
			require.GreaterOrEqual(t, looks, 3)
		}
	}
}

// orphanOfMySQL leaves a statement running of a leader that was killed.
func orphanOfMySQL(t *testing.T, handle func(t *testing.T) *sql.DB) {
	db := handle(t)
	_, err := db.Exec(`CREATE TABLE orphan (n int)`)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO orphan VALUES (1)`)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// Statements end when this test lets them.
	gate, err := handle(t).Conn(ctx)
	require.NoError(t, err)
	defer func() { _ = gate.Close() }()
	shut := func(key string) {
		_, err := gate.ExecContext(ctx, `SELECT get_lock(?, 60)`, "gate "+key)
		require.NoError(t, err)
	}
	let := func(key string) {
		_, err := gate.ExecContext(ctx, `SELECT release_lock(?)`, "gate "+key)
		require.NoError(t, err)
	}
	waits := func(key string) string { return "UPDATE orphan SET n = n + get_lock('gate " + key + "', 60)" }
	for _, c := range []struct {
		key, stmt       string
		terminate, ends bool
	}{
		{"wait", "/* app */ " + waits("wait"), false, false},
		{"others", waits("others"), true, false}, // this process has the same address: it may be an application's
		{"end", "ALTER TABLE orphan ADD COLUMN c1 int DEFAULT 1, ALGORITHM=COPY, LOCK=SHARED", true, true},
		{"read", "SELECT get_lock('gate read', 60) FROM orphan", true, true},
	} {
		require.NoError(t, mylease.Raise(ctx, db, c.key, 1))
		busy := handle(t)
		ended := make(chan error, 1)
		var tx *sql.Tx
		if c.key == "end" { // waits for the lock of a transaction
			tx, err = db.Begin()
			require.NoError(t, err)
			_, err = tx.Exec(`SELECT * FROM orphan`)
			require.NoError(t, err)
		}
		shut(c.key)
		go func() {
			_, err := busy.ExecContext(context.WithoutCancel(t.Context()), c.stmt)
			ended <- err
		}()
		runs(t, db, mysqlRuns, c.stmt)
		looks := 0
		require.NoError(t, mylease.Raise(ctx, db, c.key, 2, func(o *mylease.RaiseOptions) {
			o.Terminate, o.Interval = c.terminate, 50*time.Millisecond
			o.Observe = func(ids []int) {
				require.Len(t, ids, 1)
				if looks++; looks == 3 && !c.ends {
					let(c.key)
				}
			}
		}), c.key)
		if tx != nil {
			require.NoError(t, tx.Rollback())
		}
		switch c.key {
		case "end":
			require.Error(t, <-ended)
			require.Positive(t, looks)
		case "read":
			require.Zero(t, looks)
			let(c.key)
			require.NoError(t, <-ended)
		default:
			require.NoError(t, <-ended)
			require.GreaterOrEqual(t, looks, 3, c.key)
		}
	}
	// Where the last leader's work was done, there is nothing to wait for.
	done, err := mylease.Table(db).Acquire(ctx, "done", migrate.Claim{Owner: "a", Lease: time.Minute})
	require.NoError(t, err)
	require.NoError(t, done.Release(ctx, []byte(`{"version":2,"outcome":"done"}`)))
	next, err := mylease.Table(db).Acquire(ctx, "done", migrate.Claim{Owner: "b", Lease: time.Minute})
	require.NoError(t, err)
	busy, ended := handle(t), make(chan error, 1)
	shut("done")
	go func() {
		_, err := busy.ExecContext(context.WithoutCancel(t.Context()), waits("done"))
		ended <- err
	}()
	runs(t, db, mysqlRuns, waits("done"))
	require.NoError(t, mylease.Raise(ctx, db, "done", next.Fence()))
	require.Empty(t, ended, "the statement still runs")
	let("done")
	require.NoError(t, <-ended)
	// Applications that go on working are waited for once.
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = busy.ExecContext(context.WithoutCancel(t.Context()), "UPDATE orphan SET n = n + sleep(0.3)")
			}
		}
	})
	runs(t, db, mysqlRuns, "sleep(0.3)")
	require.NoError(t, mylease.Raise(ctx, db, "busy", 2, func(o *mylease.RaiseOptions) { o.Interval = 50 * time.Millisecond }))
}

// limits lets the server find out that the client of a statement is gone.
func limits(t *testing.T, server *servers.PostgreSQL) {
	cfg, err := pgx.ParseConfig(server.DSN("application_name=" + pglease.ApplicationName("limits", 1)))
	require.NoError(t, err)
	maps.Copy(cfg.RuntimeParams, pglease.Limits(5*time.Second))
	var wire net.Conn
	cfg.DialFunc = func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
		wire, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return wire, err
	}
	dead, err := pgx.ConnectConfig(t.Context(), cfg)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := dead.Exec(context.WithoutCancel(t.Context()), `SELECT pg_sleep(600)`)
		ended <- err
	}()
	admin := open(t, server.DSN())
	require.Eventually(t, func() bool {
		var n int
		err := admin.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(600)'`).Scan(&n)
		return err == nil && n == 1
	}, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, wire.Close()) // as the kernel does for a process that is killed
	require.Error(t, <-ended)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, pglease.Raise(ctx, admin, "limits", 2))
}

// orphanedTx leaves a guarded transaction open, as a leader does whose host
// vanished: it must not keep the next one from ending it.
func orphanedTx(t *testing.T, server *servers.PostgreSQL) {
	for _, terminate := range []bool{false, true} {
		key := map[bool]string{false: "wait-tx", true: "end-tx"}[terminate]
		db := open(t, server.DSN())
		require.NoError(t, pglease.Raise(t.Context(), db, key, 1))
		tx, err := open(t, server.DSN()+"&application_name="+pglease.ApplicationName(key, 1)).Begin()
		require.NoError(t, err)
		require.NoError(t, pglease.Guard(t.Context(), tx, key, 1))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		looks := 0
		require.NoError(t, pglease.Raise(ctx, db, key, 2, func(o *pglease.RaiseOptions) {
			o.Terminate, o.Interval = terminate, 50*time.Millisecond
			o.Observe = func(pids []int) {
				require.Len(t, pids, 1)
				if looks++; looks == 3 && !terminate {
					require.NoError(t, tx.Rollback())
				}
			}
		}))
		if terminate {
			require.Error(t, tx.Commit())
		} else {
			require.GreaterOrEqual(t, looks, 3)
		}
	}
}

// orphanOfRole leaves a statement running in the name of another role, as
// leaders do that are given credentials of their own: its state is hidden.
func orphanOfRole(t *testing.T, server *servers.PostgreSQL) {
	admin := open(t, server.DSN())
	_, err := admin.Exec(`CREATE ROLE one LOGIN; CREATE ROLE two LOGIN; GRANT ALL ON stackrescue_fence TO two`)
	require.NoError(t, err)
	as := func(role string, params ...string) string {
		return strings.Replace(server.DSN(params...), "postgres://postgres@", "postgres://"+role+"@", 1)
	}
	dead := open(t, as("one", "application_name="+pglease.ApplicationName("role", 1)))
	tx, err := dead.Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT 1`)
	require.NoError(t, err)
	looks := 0
	require.NoError(t, pglease.Raise(t.Context(), open(t, as("two")), "role", 2, func(o *pglease.RaiseOptions) {
		o.Interval = 50 * time.Millisecond
		o.Observe = func(pids []int) {
			require.Len(t, pids, 1)
			if looks++; looks == 3 {
				require.NoError(t, tx.Rollback())
			}
		}
	}))
	require.Equal(t, 3, looks)
	require.NoError(t, dead.Ping(), "an idle session is nothing to wait for")
}

// own raises a fence while a session of the same leader, or of a newer one, is in
// a transaction: nobody waits for himself.
func own(t *testing.T, server *servers.PostgreSQL) {
	for _, fence := range []migrate.Fence{2, 3} {
		tx, err := open(t, server.DSN()+"&application_name="+pglease.ApplicationName("own", fence)).Begin()
		require.NoError(t, err)
		_, err = tx.Exec(`SELECT 1`)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, pglease.Raise(ctx, open(t, server.DSN()), "own", 2))
}

// lockLeft tries for a key that its holder gave no sign of, and whose lock the
// server still has: one connection is enough to see that.
func lockLeft(t *testing.T, server *servers.PostgreSQL) {
	h, err := pglease.Session(open(t, server.DSN())).Acquire(t.Context(), "left", migrate.Claim{Owner: "a", Lease: time.Minute})
	require.NoError(t, err)
	rival := open(t, server.DSN())
	rival.SetMaxOpenConns(1)
	claim := migrate.Claim{Owner: "b", Lease: time.Minute, Over: migrate.Version{Epoch: h.Fence()}}
	_, err = pglease.Session(rival).Acquire(t.Context(), "left", claim)
	held, ok := errors.AsType[*migrate.HeldError](err)
	require.True(t, ok, err)
	require.Equal(t, "a", held.Record.Owner)
	require.NoError(t, h.Release(t.Context(), nil))
	_, err = pglease.Session(rival).Acquire(t.Context(), "left", claim)
	require.ErrorIs(t, err, migrate.ErrStore, "to hold it needs another")
}
