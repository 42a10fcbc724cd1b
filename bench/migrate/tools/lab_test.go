package tools

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/pglease"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// lab is a server with a fresh database for each test.
type lab struct {
	engine string
	admin  *sql.DB
	pg     *servers.PostgreSQL
	maria  *servers.MariaDB
	made   atomic.Int32
}

// TestTools runs everything on each engine.
func TestTools(t *testing.T) {
	both := map[string]func(*testing.T, *lab){
		"golang-migrate": golangMigrateStamped, "golang-migrate at work": golangMigrateAtWork, "leader lives": leaderLives,
		"goose": gooseStamped, "races": races, "open transaction": openTransaction, "recognised": recognised, "odd": odd, "names": names,
	}
	postgresOnly := map[string]func(*testing.T, *lab){
		"goose locks": gooseLocks, "alembic": alembicStamped, "django": djangoStamped, "rails": railsStamped, "less rights": lessRights,
	}
	t.Run("postgresql", func(t *testing.T) {
		t.Parallel()
		l := &lab{engine: "postgresql", pg: servers.StartPostgreSQL(t)}
		l.admin = l.open(t, "postgres")
		l.all(t, both)
		l.all(t, postgresOnly)
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		l := &lab{engine: "mysql", maria: servers.StartMariaDB(t)}
		l.admin = l.open(t, "app")
		l.all(t, both)
	})
}

func (l *lab) all(t *testing.T, tests map[string]func(*testing.T, *lab)) {
	t.Run("", func(t *testing.T) { // ends when they all have
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, l)
			})
		}
	})
}

// fresh is a database that nobody has used.
func (l *lab) fresh(t *testing.T) *data {
	name := fmt.Sprintf("lab%d", l.made.Add(1))
	_, err := l.admin.Exec("CREATE DATABASE " + name)
	require.NoError(t, err)
	return &data{lab: l, name: name, DB: l.open(t, name)}
}

// url is a database's address as the engine's drivers want it.
func (l *lab) url(name string) string {
	if l.engine == "mysql" {
		return strings.Replace(l.maria.DSN("multiStatements=true", "parseTime=true"), "/app", "/"+name, 1)
	}
	return strings.Replace(l.pg.DSN(), "/postgres?", "/"+name+"?", 1)
}

func (l *lab) open(t *testing.T, name string) *sql.DB {
	driver := map[string]string{"postgresql": "pgx", "mysql": "mysql"}[l.engine]
	db, err := sql.Open(driver, l.url(name))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// data is one database.
type data struct {
	*sql.DB
	lab  *lab
	name string
}

func (d *data) run(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := d.Exec(s)
		require.NoError(t, err, s)
	}
}

// value is the one value of a query.
func (d *data) value(t *testing.T, query string) string {
	t.Helper()
	var v sql.NullString
	require.NoError(t, d.QueryRow(query).Scan(&v), query)
	return v.String
}

// inspect watches for a moment only.
func (d *data) inspect(t *testing.T, optFns ...func(*revision.InspectOptions)) *revision.Inspection {
	t.Helper()
	in, err := revision.Inspect(t.Context(), d.DB, append([]func(*revision.InspectOptions){func(o *revision.InspectOptions) { o.Watch = 300 * time.Millisecond }}, optFns...)...)
	require.NoError(t, err)
	return in
}

// only is the one table of a tool.
func (d *data) only(t *testing.T, tool string, optFns ...func(*revision.InspectOptions)) revision.Table {
	t.Helper()
	in := d.inspect(t, optFns...)
	var found []revision.Table
	for _, x := range in.Tables {
		if x.Tool == tool {
			found = append(found, x)
		}
	}
	require.Len(t, found, 1, "%+v", in.Tables)
	return found[0]
}

// store is a lock for stamps: in the database itself, where that can be.
func (d *data) store(t *testing.T) migrate.Store {
	t.Helper()
	if d.lab.engine == "mysql" {
		return migrate.FileStore(t.TempDir())
	}
	require.NoError(t, pglease.Create(t.Context(), d.DB))
	return pglease.Table(d.DB)
}

// writing is a stamp that is meant, with a proof.
func (d *data) writing(t *testing.T, checks ...revision.Check) func(*revision.StampOptions) {
	t.Helper()
	store := d.store(t)
	return func(o *revision.StampOptions) {
		o.Watch = 300 * time.Millisecond
		o.Store, o.Key, o.Who, o.Reason = store, "lab", "ann", "the column is there"
		o.Checks, o.Unproven = checks, len(checks) == 0
		if d.lab.engine == "postgresql" {
			o.Enter = func(ctx context.Context, f migrate.Fence) error { return pglease.Raise(ctx, d.DB, "lab", f) }
			o.Guard = func(ctx context.Context, tx *sql.Tx, f migrate.Fence) error {
				return pglease.Guard(ctx, tx, "lab", f)
			}
		}
	}
}

func openURL(t *testing.T, url string) *sql.DB {
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}
