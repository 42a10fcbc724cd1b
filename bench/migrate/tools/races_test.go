package tools

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// railsTables are those of Rails, as its adapters make them.
var railsTables = []string{
	"CREATE TABLE schema_migrations (version varchar(255) NOT NULL PRIMARY KEY)",
	"CREATE TABLE ar_internal_metadata (`key` varchar(255) NOT NULL PRIMARY KEY, value varchar(255), created_at timestamp NOT NULL, updated_at timestamp NOT NULL)",
	"INSERT INTO schema_migrations VALUES ('20260101000000')",
}

// railsLike makes them.
func railsLike(t *testing.T, l *lab) *data {
	d := l.fresh(t)
	statements := append([]string{}, railsTables...)
	if l.engine == "postgresql" {
		statements[1] = `CREATE TABLE ar_internal_metadata (key varchar NOT NULL PRIMARY KEY, value varchar, created_at timestamp NOT NULL, updated_at timestamp NOT NULL)`
	}
	d.run(t, statements...)
	return d
}

// races changes the table between a plan and its writing, and stamps it from
// many places at once.
func races(t *testing.T, l *lab) {
	d := railsLike(t, l)
	write := d.writing(t)
	change := revision.Change{To: "20260301000000"}
	_, err := revision.Stamp(t.Context(), d.DB, change, write, func(o *revision.StampOptions) {
		enter := o.Enter
		o.Enter = func(ctx context.Context, f migrate.Fence) error {
			d.run(t, "INSERT INTO schema_migrations VALUES ('20260201000000')")
			if enter == nil {
				return nil
			}
			return enter(ctx, f)
		}
	})
	require.ErrorIs(t, err, revision.ErrChanged)
	require.Equal(t, "2", d.value(t, "SELECT count(*) FROM schema_migrations"), "nothing was written")

	var wg sync.WaitGroup
	var mu sync.Mutex
	written := 0
	for range 4 {
		own := l.open(t, d.name)
		wg.Go(func() {
			out, err := revision.Stamp(t.Context(), own, change, write, func(o *revision.StampOptions) { o.Lease.Interval = 50 * time.Millisecond })
			if err != nil && !errors.Is(err, revision.ErrChanged) && !errors.Is(err, revision.ErrRunning) {
				t.Error(err)
			}
			if out != nil && out.Changed {
				mu.Lock()
				defer mu.Unlock()
				written++
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, written)
	require.Equal(t, "1", d.value(t, "SELECT count(*) FROM stackrescue_stamp"))
	require.Equal(t, "1", d.value(t, "SELECT count(*) FROM schema_migrations WHERE version = '20260301000000'"))
	_, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "20260401000000"}, write, func(o *revision.StampOptions) { o.Reason = "" })
	require.ErrorContains(t, err, "a reason")
	d.SetMaxOpenConns(1)
	_, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "20260401000000"}, write)
	require.ErrorContains(t, err, "two connections")
}

// openTransaction meets somebody who has written to the table and not ended.
func openTransaction(t *testing.T, l *lab) {
	d := railsLike(t, l)
	tx, err := d.Begin()
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.Exec("INSERT INTO schema_migrations VALUES ('20260201000000')")
	require.NoError(t, err)
	_, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "20260301000000"}, d.writing(t))
	require.ErrorIs(t, err, revision.ErrRunning)
	if l.engine == "postgresql" {
		got := d.only(t, "rails")
		require.Equal(t, revision.Verdict("running"), got.Verdict)
		require.Contains(t, got.Why[0], "has written to public.schema_migrations")
	}
	require.NoError(t, tx.Rollback())
	out, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "20260301000000"}, d.writing(t))
	require.NoError(t, err)
	require.True(t, out.Changed)
	// The tool's own lock, held by a session that does nothing.
	conn, err := d.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	lockAsRails(t, conn, l.engine)
	_, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "20260401000000"}, d.writing(t))
	require.ErrorIs(t, err, revision.ErrRunning)
	require.Contains(t, d.only(t, "rails").Why[0], "holds the lock of rails")
}

// lockAsRails takes the lock that Rails takes: a salt times the CRC of the
// database's name, here calculated by the server.
func lockAsRails(t *testing.T, conn *sql.Conn, e string) {
	ctx := context.WithoutCancel(t.Context())
	if e == "mysql" {
		var got int
		require.NoError(t, conn.QueryRowContext(ctx, "SELECT GET_LOCK(CAST(2053462845 * CRC32(database()) AS char), 0)").Scan(&got))
		require.Equal(t, 1, got)
		return
	}
	var name string
	require.NoError(t, conn.QueryRowContext(ctx, "SELECT current_database()").Scan(&name))
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SELECT pg_advisory_lock(2053462845::bigint * %d)", crc(name)))
	require.NoError(t, err)
}

// odd tables are told.
func odd(t *testing.T, l *lab) {
	d := l.fresh(t)
	auto := map[string]string{"postgresql": "serial", "mysql": "int AUTO_INCREMENT"}[l.engine]
	d.run(t,
		"CREATE TABLE django_migrations (id "+auto+" PRIMARY KEY, app varchar(255), name varchar(255), applied timestamp)",
		"INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0001_initial', CURRENT_TIMESTAMP), ('shop', '0001_initial', CURRENT_TIMESTAMP)",
		"CREATE TABLE goose_db_version (id "+auto+" PRIMARY KEY, version_id bigint, is_applied boolean, tstamp timestamp NULL)",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (1, true), (2, true), (2, false)",
		"CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY)", "INSERT INTO alembic_version VALUES ('aaa'), ('bbb')",
		"CREATE TABLE schema_migrations (version bigint NOT NULL, dirty boolean NOT NULL)", "INSERT INTO schema_migrations VALUES (1, false), (2, true)",
		"CREATE TABLE schema_lock (lock_id bigint PRIMARY KEY)", "INSERT INTO schema_lock VALUES (42)",
	)
	require.Contains(t, d.only(t, "django").Odd[0], "shop.0001_initial is recorded 2 times")
	g := d.only(t, "goose")
	require.Contains(t, g.Odd[0], "version 1 is recorded 2 times")
	require.Equal(t, "1", g.Version, "2 was taken back")
	require.Contains(t, d.only(t, "alembic").Odd[0], "2 heads: aaa, bbb")
	m := d.only(t, "golang-migrate")
	require.Contains(t, m.Odd[0], "2 rows")
	require.Contains(t, m.Locked, "row 42")
	_, err := revision.Stamp(t.Context(), d.DB, revision.Change{Tool: "golang-migrate", To: "2"}, d.writing(t))
	require.ErrorContains(t, err, "by hand")
	_, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "2"})
	require.ErrorContains(t, err, "name the tool")
	// Taking back a version that is recorded twice takes both rows.
	out, err := revision.Stamp(t.Context(), d.DB, revision.Change{Tool: "django", To: "shop.0002_price"}, d.writing(t))
	require.NoError(t, err)
	require.True(t, out.Changed)
}

// names other than the usual ones.
func names(t *testing.T, l *lab) {
	d := l.fresh(t)
	d.run(t, "CREATE TABLE ledger_versions (version_num varchar(32) NOT NULL PRIMARY KEY)", "INSERT INTO ledger_versions VALUES ('aaa')")
	_, err := revision.Inspect(t.Context(), d.DB)
	require.ErrorIs(t, err, revision.ErrNoTable)
	got := d.only(t, "alembic", func(o *revision.InspectOptions) { o.Table = "ledger_versions" })
	require.Equal(t, "aaa", got.Version)
	out, err := revision.Stamp(t.Context(), d.DB, revision.Change{Table: "ledger_versions", To: "bbb", Backwards: true}, d.writing(t))
	require.NoError(t, err)
	require.True(t, out.Changed)
	require.Equal(t, "bbb", d.value(t, "SELECT version_num FROM ledger_versions"))
}
