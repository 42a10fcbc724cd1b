package bench

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing/fstest"
	"time"

	gomigrate "github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	pgxmigrate "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// migration is the same work for all.
type migration struct {
	// sleep is how long it takes inside the database.
	sleep time.Duration
	// idle, where it is not nil, comes first: work outside of the database.
	idle func(context.Context) error
}

// running finds a migration that sleeps in the database.
const running = `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE 'SELECT pg_sleep(%')`

func (m migration) statements() []string {
	return []string{
		fmt.Sprintf(`SELECT pg_sleep(%g)`, m.sleep.Seconds()),
		fmt.Sprintf(`INSERT INTO done SELECT clock_timestamp(), (%s)`, running),
	}
}

// replica is one process of a fleet. Its counters see what it sends: store, to
// a store of ours, work, everything else.
type replica struct {
	scene
	work, store counter
}

// peer is one way to share a migration.
type peer struct {
	name string
	// up returns when the process may serve.
	up func(context.Context, *replica, migration) error
}

// peers are all of them, with their defaults: patience, leases and intervals
// are what their users get.
func peers() []peer {
	return []peer{
		{"migrate/table", ours(inTable, waits)}, {"migrate/session", ours(inSession, waits)},
		{"migrate/dynamodb", ours(inDynamoDB, waits)}, {"migrate/file", ours(inFile, waits)},
		{"goose/session", theirs(func() (goose.ProviderOption, error) {
			l, err := lock.NewPostgresSessionLocker()
			return goose.WithSessionLocker(l), err
		})},
		{"goose/table", theirs(func() (goose.ProviderOption, error) {
			l, err := lock.NewPostgresTableLocker()
			return goose.WithLocker(l), err
		})},
		{"golang-migrate", golangMigrate},
	}
}

// opener opens a store of ours, of which c counts the calls, until end.
type opener func(s scene, c *counter) (store migrate.Store, end func() error, err error)

func inTable(s scene, c *counter) (migrate.Store, func() error, error) {
	db, err := open(s.dsn, c)
	if err != nil {
		return nil, nil, err
	}
	return pglease.Table(db), db.Close, nil
}

func inSession(s scene, c *counter) (migrate.Store, func() error, error) {
	db, err := open(s.dsn, c)
	if err != nil {
		return nil, nil, err
	}
	return pglease.Session(db), db.Close, nil
}

func inDynamoDB(s scene, c *counter) (migrate.Store, func() error, error) {
	return dynamolease.New(dynamo(s.aws, c), "leases"), func() error { return nil }, nil
}

func inFile(s scene, _ *counter) (migrate.Store, func() error, error) {
	return migrate.FileStore(s.dir), func() error { return nil }, nil
}

// policy is what becomes of a dead leader's statement.
type policy string

const (
	// waits for its end, which is the default.
	waits policy = "waits"
	// terminates it.
	terminates policy = "terminates"
	// limited lets the server find out that nobody waits for it.
	limited policy = "limited"
)

// ours is the whole of it: a probe, a fence, and work on connections that carry
// the fence's name.
func ours(open opener, p policy) func(context.Context, *replica, migration) error {
	return func(ctx context.Context, r *replica, m migration) error {
		store, end, err := open(r.scene, &r.store)
		if err != nil {
			return err
		}
		return errors.Join(run(ctx, store, r, m, p), end())
	}
}

func run(ctx context.Context, store migrate.Store, r *replica, m migration, p policy) error {
	db, err := open(r.dsn, &r.work)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	probe := func(ctx context.Context) (migrate.State, error) {
		var s migrate.State
		err := db.QueryRowContext(ctx, `SELECT count(*) > 0 FROM done`).Scan(&s.Done)
		return s, err
	}
	work := func(ctx context.Context, fence migrate.Fence) error { return m.run(ctx, r, fence, p) }
	runner, err := migrate.New(store, r.key, probe, migrate.Func(work), func(o *migrate.RunOptions) {
		o.Enter = func(ctx context.Context, fence migrate.Fence) error {
			return pglease.Raise(ctx, db, r.key, fence, func(o *pglease.RaiseOptions) { o.Terminate = p == terminates })
		}
	})
	if err != nil {
		return err
	}
	_, err = runner.Run(ctx)
	return err
}

// run is the migration without a tool.
func (m migration) run(ctx context.Context, r *replica, fence migrate.Fence, p policy) error {
	if m.idle != nil {
		if err := m.idle(ctx); err != nil {
			return err
		}
	}
	dsn := r.dsn + "&application_name=" + pglease.ApplicationName(r.key, fence)
	if p == limited {
		for name, value := range pglease.Limits(15 * time.Second) {
			dsn += "&" + name + "=" + value
		}
	}
	db, err := open(dsn, &r.work)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for _, stmt := range m.statements() {
		if _, err := db.ExecContext(ctx, stmt); err != nil {
			return err
		}
	}
	return nil
}

// theirs is goose with one of its lockers.
func theirs(locker func() (goose.ProviderOption, error)) func(context.Context, *replica, migration) error {
	return func(ctx context.Context, r *replica, m migration) error {
		db, err := open(r.dsn, &r.work)
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		option, err := locker()
		if err != nil {
			return err
		}
		options := []goose.ProviderOption{option, goose.WithDisableGlobalRegistry(true)}
		files := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\n" + strings.Join(m.statements(), ";\n") + ";\n")}}
		if m.idle != nil {
			files = nil
			options = append(options, goose.WithGoMigrations(goose.NewGoMigration(1, &goose.GoFunc{
				RunTx: func(ctx context.Context, _ *sql.Tx) error { return m.idle(ctx) },
			}, nil)))
		}
		p, err := goose.NewProvider(goose.DialectPostgres, db, files, options...)
		if err != nil {
			return err
		}
		_, err = p.Up(ctx)
		return err
	}
}

// idling is a driver whose migrations do not reach the database.
type idling struct {
	database.Driver
	idle func(context.Context) error
}

func (d idling) Run(io.Reader) error { return d.idle(context.Background()) }

// golangMigrate takes no context: what it is at when ctx ends goes on, as it
// would in a process that waits no longer.
func golangMigrate(ctx context.Context, r *replica, m migration) error {
	ended := make(chan error, 1)
	go func() { ended <- golangMigrateUp(r, m) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func golangMigrateUp(r *replica, m migration) error {
	db, err := open(r.dsn, &r.work)
	if err != nil {
		return err
	}
	var driver database.Driver
	if driver, err = pgxmigrate.WithInstance(db, &pgxmigrate.Config{}); err != nil {
		return err
	}
	if m.idle != nil {
		driver = idling{driver, m.idle}
	}
	source, err := iofs.New(fstest.MapFS{"1_a.up.sql": {Data: []byte(strings.Join(m.statements(), ";\n"))}}, ".")
	if err != nil {
		return err
	}
	mg, err := gomigrate.NewWithInstance("iofs", source, "pgx5", driver)
	if err != nil {
		return err
	}
	if err = mg.Up(); err != nil && !errors.Is(err, gomigrate.ErrNoChange) {
		return err // the connection may be waiting for the lock: closing would wait for it
	}
	serr, derr := mg.Close()
	return cmp.Or(serr, derr)
}
