package tools

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate/revision"
)

// gooseFiles are three migrations; third is what the last one does.
func gooseFiles(third string) fstest.MapFS {
	up := func(sql string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\n" + sql + "\n")}
	}
	return fstest.MapFS{
		"00001_item.sql": up("CREATE TABLE item (id int PRIMARY KEY);"), "00002_price.sql": up("ALTER TABLE item ADD COLUMN price int;"),
		"00003_name.sql": up(third),
	}
}

// gooseOn is the tool on a database.
func gooseOn(t *testing.T, d *data, files fstest.MapFS, opts ...goose.ProviderOption) *goose.Provider {
	dialect := map[string]goose.Dialect{"postgresql": goose.DialectPostgres, "mysql": goose.DialectMySQL}[d.lab.engine]
	p, err := goose.NewProvider(dialect, d.DB, files, opts...)
	require.NoError(t, err)
	return p
}

// gooseStamped records migrations that were applied by hand: goose has no
// command for that.
func gooseStamped(t *testing.T, l *lab) {
	d := l.fresh(t)
	name := "ALTER TABLE item ADD COLUMN name varchar(20);"
	p := gooseOn(t, d, gooseFiles(name))
	_, err := p.UpTo(t.Context(), 1)
	require.NoError(t, err)
	d.run(t, "ALTER TABLE item ADD COLUMN price int", name)
	_, err = p.Up(t.Context())
	require.Error(t, err, "the column is there already")
	history, err := revision.ReadHistory(gooseFiles(""), "goose")
	require.NoError(t, err)
	got := d.only(t, "goose", func(o *revision.InspectOptions) { o.History = history })
	require.Equal(t, "1", got.Version)
	require.Equal(t, []string{"2", "3"}, got.Pending)
	require.Equal(t, revision.Verdict("clean"), got.Verdict, "goose has no mark for it")

	out, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "3", History: history}, d.writing(t))
	require.NoError(t, err)
	require.Equal(t, []revision.Entry{{Version: "2"}, {Version: "3"}}, out.Added)
	pending, err := p.HasPending(t.Context())
	require.NoError(t, err)
	require.False(t, pending)
	status, err := p.Status(t.Context())
	require.NoError(t, err)
	for _, s := range status {
		require.Equal(t, goose.StateApplied, s.State, "%+v", s)
	}
	_, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "2", History: history}, d.writing(t))
	require.ErrorIs(t, err, revision.ErrBackwards)
	out, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "2", History: history, Backwards: true}, d.writing(t))
	require.NoError(t, err)
	require.Equal(t, []revision.Entry{{Version: "3"}}, out.Removed)
	v, err := p.GetDBVersion(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(2), v)
}

// gooseLocks tells goose at work by its locks, of either kind.
func gooseLocks(t *testing.T, l *lab) {
	session, err := lock.NewPostgresSessionLocker()
	require.NoError(t, err)
	rows, err := lock.NewPostgresTableLocker()
	require.NoError(t, err)
	for want, locker := range map[string]goose.ProviderOption{
		"holds the lock of goose": goose.WithSessionLocker(session), "public.goose_lock has not expired": goose.WithLocker(rows),
	} {
		d := l.fresh(t)
		p := gooseOn(t, d, gooseFiles("SELECT pg_sleep(4);"), locker)
		done := make(chan error, 1)
		go func() {
			_, err := p.Up(t.Context())
			done <- err
		}()
		require.Eventually(t, func() bool {
			var n int
			return d.QueryRow("SELECT count(*) FROM goose_db_version WHERE version_id = 2").Scan(&n) == nil && n == 1
		}, 10*time.Second, 10*time.Millisecond)
		got := d.only(t, "goose")
		require.Equal(t, revision.Verdict("running"), got.Verdict)
		require.Contains(t, strings.Join(got.Why, "; "), want)
		_, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "3"}, d.writing(t))
		require.ErrorIs(t, err, revision.ErrRunning, want)
		require.NoError(t, errors.Join(<-done))
	}
}
