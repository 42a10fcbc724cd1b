package proof

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing/fstest"
	"time"

	golang "github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// goose migrates under goose's table locker. The locker, and its version
// table, are behind the store's proxy, and the work is behind the database's,
// as with any other store.
func (p *process) goose() (func(context.Context) error, func(), error) {
	db, err := dial(p.StoreAddr, p.Database, "store", nil)
	if err != nil {
		return nil, nil, err
	}
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableLeaseDuration(p.Lease.Truncate(time.Second)), lock.WithTableHeartbeatInterval(p.Lease/4),
		lock.WithTableLockTimeout(p.Every, 1000), lock.WithTableUnlockTimeout(p.Every, 20))
	if err != nil {
		return nil, nil, err
	}
	all := goose.NewGoMigration(1, &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error { return p.migrateAll(ctx) }}, nil)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, nil,
		goose.WithLocker(locker), goose.WithGoMigrations(all), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) error {
		_, err := provider.Up(ctx)
		return err
	}, func() {}, nil
}

// migrateAll does all the steps, with a number for this time of leadership.
func (p *process) migrateAll(ctx context.Context) error {
	epoch, err := p.next(ctx)
	if err != nil {
		return err
	}
	if err := p.lead(epoch); err != nil {
		return err
	}
	p.say(line{Kind: leading, Fence: int64(epoch)})
	for _, s := range p.steps() {
		done := false
		var err error
		if s.Done != nil {
			done, err = s.Done(ctx)
		}
		if err == nil && !done {
			err = s.Run(ctx, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// golangMigrate migrates with golang-migrate and its advisory lock. What fails
// is not tried again, and the process stays: a service that goes on without.
func (p *process) golangMigrate() (func(context.Context) error, func(), error) {
	files := fstest.MapFS{}
	for i, j := range p.Jobs {
		files[fmt.Sprintf("%d_step.up.sql", i+1)] = &fstest.MapFile{Data: fmt.Appendf(nil, `CALL slow('%s', '', 1, %d, 4, %f, false)`, j.Kind, i, j.Took.Seconds()/4)}
	}
	return func(ctx context.Context) error {
		src, err := iofs.New(files, ".")
		if err != nil {
			return err
		}
		driver, err := pgx.WithInstance(p.data, &pgx.Config{})
		if err != nil {
			return err
		}
		m, err := golang.NewWithInstance("iofs", src, "pgx5", driver)
		if err != nil {
			return err
		}
		if err := p.meet(ctx); err != nil {
			return err
		}
		m.LockTimeout = p.Lease
		err = m.Up()
		if err == nil || errors.Is(err, golang.ErrNoChange) {
			serr, derr := m.Close()
			return errors.Join(serr, derr)
		}
		p.say(line{Kind: returned, Err: err.Error()})
		<-ctx.Done()
		return ctx.Err()
	}, func() {}, nil
}

// meet waits until two processes have come to this point.
func (p *process) meet(ctx context.Context) error {
	n, err := p.next(ctx)
	for ; err == nil && n < 2; pause(ctx, 20*time.Millisecond) {
		err = p.truth.QueryRowContext(ctx, `SELECT last_value FROM epochs`).Scan(&n)
	}
	return err
}
