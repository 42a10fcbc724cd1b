package mylease_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/mylease"
)

// One replica migrates; the table of leases is made by whoever is first. It is not
// run here: it needs a server.
func ExampleTable() {
	var ctx context.Context
	var db *sql.DB // with any driver
	var probe migrate.Probe
	var up func(context.Context, migrate.Fence) error
	if err := mylease.Create(ctx, db); err != nil {
		fmt.Println(err)
		return
	}
	r, err := migrate.New(mylease.Table(db), "orders", probe, migrate.Func(up), func(o *migrate.RunOptions) {
		o.Enter = func(ctx context.Context, f migrate.Fence) error { return mylease.Raise(ctx, db, "orders", f) }
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Run(ctx))
}

// Safe to repeat, and by several processes at once.
func ExampleCreate() {
	var db *sql.DB
	fmt.Println(mylease.Create(context.Background(), db))
}

// A transaction of a previous leader fails instead of overlapping with this one.
func ExampleGuard() {
	var db *sql.DB
	_ = func(ctx context.Context, fence migrate.Fence) error { // a step
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if err := mylease.Guard(ctx, tx, "orders", fence); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE orders SET state = 'new' WHERE state IS NULL"); err != nil {
			return err
		}
		return tx.Commit()
	}
}

// Waits for the transactions that Guard has let pass.
func ExampleRaise() {
	var db *sql.DB
	var fence migrate.Fence
	fmt.Println(mylease.Raise(context.Background(), db, "orders", fence))
}
