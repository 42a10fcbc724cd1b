package tools

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	gm "github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	gmmysql "github.com/golang-migrate/migrate/v4/database/mysql"
	gmpgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// shop are migrations of which the second fails after it has done its work, as
// one does whose process is killed.
func shop(last string) fstest.MapFS {
	return fstest.MapFS{
		"1_item.up.sql":  {Data: []byte("CREATE TABLE item (id int PRIMARY KEY);")},
		"2_price.up.sql": {Data: []byte("ALTER TABLE item ADD COLUMN price int;" + last)},
		"3_name.up.sql":  {Data: []byte("ALTER TABLE item ADD COLUMN name varchar(20);")},
	}
}

// golangMigrate is the tool on a database.
func golangMigrate(t *testing.T, d *data, files fstest.MapFS) *gm.Migrate {
	src, err := iofs.New(files, ".")
	require.NoError(t, err)
	var driver database.Driver
	db := d.lab.open(t, d.name) // the tool closes it
	if d.lab.engine == "mysql" {
		driver, err = gmmysql.WithInstance(db, &gmmysql.Config{})
	} else {
		driver, err = gmpgx.WithInstance(db, &gmpgx.Config{})
	}
	require.NoError(t, err)
	m, err := gm.NewWithInstance("iofs", src, "lab", driver)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = m.Close() })
	return m
}

// priced proves that the second migration was applied.
var priced = revision.Check{Query: `SELECT count(*) FROM information_schema.columns WHERE table_name = 'item' AND column_name = 'price'`, Want: "1"}

// killed leaves golang-migrate's table dirty at 2, with the migration applied.
func killed(t *testing.T, l *lab) *data {
	d := l.fresh(t)
	err := golangMigrate(t, d, fstest.MapFS{"1_item.up.sql": shop("")["1_item.up.sql"]}).Up()
	require.NoError(t, err)
	// The tool runs a file as one transaction on PostgreSQL, so the work is done
	// by hand and the file fails.
	d.run(t, "ALTER TABLE item ADD COLUMN price int")
	files := shop("")
	files["2_price.up.sql"] = &fstest.MapFile{Data: []byte("SELECT 1 FROM nonsense;")}
	require.Error(t, golangMigrate(t, d, files).Up())
	require.ErrorContains(t, golangMigrate(t, d, shop("")).Up(), "Dirty database version 2")
	return d
}

// golangMigrateStamped mends what a killed process has left.
func golangMigrateStamped(t *testing.T, l *lab) {
	history, err := revision.ReadHistory(shop(""), "golang-migrate")
	require.NoError(t, err)
	d := killed(t, l)
	here := map[string]string{"postgresql": "current_schema()", "mysql": "database()"}[l.engine]
	check := priced
	check.Query += " AND table_schema = " + here
	got := d.only(t, "golang-migrate", func(o *revision.InspectOptions) { o.History = history })
	require.Equal(t, revision.Verdict("stuck"), got.Verdict, "%+v", got)
	require.Equal(t, "2", got.Version)
	require.Equal(t, []string{"2"}, got.Unfinished)
	require.Equal(t, []string{"3"}, got.Pending)
	require.Empty(t, got.Unknown)
	require.Equal(t, []string{"migrate force VERSION"}, got.Repair)

	change := revision.Change{To: "2", History: history}
	dry, err := revision.Stamp(t.Context(), d.DB, change, func(o *revision.StampOptions) { o.Checks, o.DryRun = []revision.Check{check}, true })
	require.NoError(t, err)
	require.Equal(t, "2 (dirty)", dry.From)
	require.Equal(t, "2", dry.To)
	require.True(t, dry.Proven)
	require.False(t, dry.Changed)
	require.Len(t, dry.Statements, 1)
	require.Equal(t, "1", d.value(t, "SELECT count(*) FROM schema_migrations WHERE dirty"))
	require.Equal(t, "0", d.value(t, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'stackrescue_stamp' AND table_schema = "+here), "a dry run makes no table")

	wrong := revision.Check{Query: "SELECT count(*) FROM item", Want: "5"}
	out, err := revision.Stamp(t.Context(), d.DB, change, d.writing(t, check, wrong))
	require.ErrorIs(t, err, migrate.ErrUnproven)
	require.False(t, out.Checks[1].OK)
	require.Equal(t, "0", out.Checks[1].Got)
	_, err = revision.Stamp(t.Context(), d.DB, change, d.writing(t), func(o *revision.StampOptions) { o.Unproven = false })
	require.ErrorIs(t, err, migrate.ErrUnproven)
	_, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "1"}, d.writing(t))
	require.ErrorIs(t, err, revision.ErrBackwards)
	_, err = revision.Stamp(t.Context(), d.DB, change, d.writing(t, check), func(o *revision.StampOptions) { o.Expect = "something else" })
	require.ErrorIs(t, err, revision.ErrChanged)
	require.Equal(t, "1", d.value(t, "SELECT count(*) FROM schema_migrations WHERE dirty"), "nothing was written")

	out, err = revision.Stamp(t.Context(), d.DB, change, d.writing(t, check), func(o *revision.StampOptions) { o.Expect, o.Task = dry.Fingerprint, "arn:task" })
	require.NoError(t, err)
	require.True(t, out.Changed)
	require.Positive(t, out.Fence)
	require.Equal(t, revision.Verdict("clean"), d.only(t, "golang-migrate").Verdict)
	require.Equal(t, "golang-migrate|2 (dirty)|2|ann|the column is there|arn:task|1",
		strings.Join([]string{
			d.value(t, "SELECT tool FROM stackrescue_stamp"), d.value(t, "SELECT version_before FROM stackrescue_stamp"),
			d.value(t, "SELECT version_after FROM stackrescue_stamp"), d.value(t, "SELECT who FROM stackrescue_stamp"),
			d.value(t, "SELECT reason FROM stackrescue_stamp"), d.value(t, "SELECT task FROM stackrescue_stamp"),
			d.value(t, "SELECT count(*) FROM stackrescue_stamp WHERE length(checks_sha256) = 64"),
		}, "|"))

	m := golangMigrate(t, d, shop(""))
	v, dirty, err := m.Version()
	require.NoError(t, err)
	require.Equal(t, uint(2), v)
	require.False(t, dirty)
	require.NoError(t, m.Up(), "it goes on with the third")
	again, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "3"}, d.writing(t))
	require.NoError(t, err)
	require.False(t, again.Changed, "there is nothing to do")
	require.Empty(t, again.Statements)
}

// golangMigrateAtWork looks at a table that is dirty because a healthy
// migration works.
func golangMigrateAtWork(t *testing.T, l *lab) {
	d := l.fresh(t)
	sleep := "SELECT pg_sleep(4);"
	if l.engine == "mysql" {
		sleep = "SELECT sleep(4);"
	}
	m := golangMigrate(t, d, fstest.MapFS{"1_slow.up.sql": {Data: []byte(sleep)}})
	done := make(chan error, 1)
	go func() { done <- m.Up() }()
	require.Eventually(t, func() bool {
		var n int
		return d.QueryRow("SELECT count(*) FROM schema_migrations WHERE dirty").Scan(&n) == nil && n == 1
	}, 3*time.Second, 10*time.Millisecond)
	got := d.only(t, "golang-migrate")
	require.Equal(t, revision.Verdict("running"), got.Verdict)
	require.Contains(t, strings.Join(got.Why, "; "), "holds the lock of golang-migrate")
	_, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "1"}, d.writing(t))
	require.ErrorIs(t, err, revision.ErrRunning)
	require.NoError(t, <-done)
	require.Equal(t, revision.Verdict("clean"), d.only(t, "golang-migrate").Verdict)
}

// leaderLives refuses, and goes through when it has been killed.
func leaderLives(t *testing.T, l *lab) {
	d := killed(t, l)
	write := d.writing(t)
	short := func(o *revision.StampOptions) { o.Lease.Lease, o.LockTimeout = time.Second, 2*time.Second }
	var o revision.StampOptions
	write(&o)
	err := migrate.Lead(t.Context(), o.Store, o.Key, func(ctx context.Context, _ migrate.Fence) error {
		in := d.inspect(t, func(i *revision.InspectOptions) { i.Store, i.Key = o.Store, o.Key })
		require.Equal(t, revision.Verdict("running"), in.Tables[0].Verdict, "%+v", in)
		require.NotEmpty(t, in.Leader)
		_, err := revision.Stamp(ctx, d.DB, revision.Change{To: "2"}, write, short)
		require.ErrorIs(t, err, revision.ErrRunning)
		return nil
	}, func(o *migrate.LeadOptions) { o.Lease = time.Second })
	require.NoError(t, err)
	if l.engine == "postgresql" { // a lock file of a process that lives cannot be taken over
		_, err = o.Store.Acquire(t.Context(), o.Key, migrate.Claim{Owner: "dead", Lease: time.Second})
		require.NoError(t, err)
		in := d.inspect(t, func(i *revision.InspectOptions) { i.Store, i.Key = o.Store, o.Key })
		require.Equal(t, revision.Verdict("stuck"), in.Tables[0].Verdict, "%+v", in)
	}
	out, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "2"}, write, short, func(o *revision.StampOptions) { o.LockTimeout = 0 })
	require.NoError(t, err)
	require.True(t, out.Changed)
}
