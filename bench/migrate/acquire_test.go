package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/golang-migrate/migrate/v4/database"
	pgxmigrate "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/pressly/goose/v3/lock"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate"
)

// locker takes the right to migrate, and returns what gives it up.
type locker func(context.Context) (unlock func(context.Context) error, err error)

// BenchmarkAcquire takes and gives up what nobody else wants, again and again
// in one process, and reports what is sent for it.
func BenchmarkAcquire(b *testing.B) {
	dsn, aws := servers.StartPostgreSQL(b).DSN(), servers.StartDynalite(b)
	createLeases(b, aws)
	for _, p := range []struct {
		name string
		open func(testing.TB, scene, *counter) locker
	}{
		{"migrate/table", holder(inTable)}, {"migrate/session", holder(inSession)},
		{"migrate/dynamodb", holder(inDynamoDB)}, {"migrate/file", holder(inFile)},
		{"goose/session", gooseSession}, {"goose/table", gooseTable},
		{"golang-migrate", golangMigrateLock},
	} {
		b.Run(p.name, func(b *testing.B) {
			var c counter
			lock := p.open(b, newScene(b, dsn, aws), &c)
			var acquired, released, trips, conns int
			turn := func() {
				unlock, err := lock(b.Context())
				check(b, err)
				n := c.take()
				acquired, trips, conns = acquired+len(n.said), trips+len(n.said)+n.prepared, conns+n.connected
				check(b, unlock(b.Context()))
				n = c.take()
				released, trips, conns = released+len(n.said), trips+len(n.said)+n.prepared, conns+n.connected
			}
			turn() // makes the tables, if there are any to make
			acquired, released, trips, conns = 0, 0, 0, 0
			for b.Loop() {
				turn()
			}
			per := func(n int, unit string) { b.ReportMetric(float64(n)/float64(b.N), unit) }
			per(acquired, "sent/acquire")
			per(released, "sent/release")
			per(trips, "round-trips/op")
			per(conns, "connections/op")
		})
	}
}

// holder is a store of ours.
func holder(open opener) func(testing.TB, scene, *counter) locker {
	return func(tb testing.TB, s scene, c *counter) locker {
		store, end, err := open(s, c)
		check(tb, err)
		tb.Cleanup(func() { _ = end() })
		turns := 0
		return func(ctx context.Context) (func(context.Context) error, error) {
			turns++
			h, err := store.Acquire(ctx, s.key, migrate.Claim{Owner: fmt.Sprint("owner", turns), Lease: 15 * time.Second})
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context) error { return h.Release(ctx, nil) }, nil
		}
	}
}

func gooseSession(tb testing.TB, s scene, c *counter) locker {
	db := handle(tb, s.dsn, c)
	l, err := lock.NewPostgresSessionLocker()
	check(tb, err)
	return func(ctx context.Context) (func(context.Context) error, error) {
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			defer func() { _ = conn.Close() }()
			return l.SessionUnlock(ctx, conn)
		}, l.SessionLock(ctx, conn)
	}
}

func gooseTable(tb testing.TB, s scene, c *counter) locker {
	db := handle(tb, s.dsn, c)
	l, err := lock.NewPostgresTableLocker()
	check(tb, err)
	return func(ctx context.Context) (func(context.Context) error, error) {
		return func(ctx context.Context) error { return l.Unlock(ctx, db) }, l.Lock(ctx, db)
	}
}

func golangMigrateLock(tb testing.TB, s scene, c *counter) locker {
	var d database.Driver
	d, err := pgxmigrate.WithInstance(handle(tb, s.dsn, c), &pgxmigrate.Config{})
	check(tb, err)
	return func(context.Context) (func(context.Context) error, error) {
		return func(context.Context) error { return d.Unlock() }, d.Lock()
	}
}
