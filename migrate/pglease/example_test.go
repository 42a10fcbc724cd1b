package pglease_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// One replica migrates; the table of leases is made by whoever is first. It is not
// run here: it needs a server.
func ExampleTable() {
	var ctx context.Context
	var db *sql.DB // with any driver
	var probe migrate.Probe
	var up func(context.Context, migrate.Fence) error
	if err := pglease.Create(ctx, db); err != nil {
		fmt.Println(err)
		return
	}
	r, err := migrate.New(pglease.Table(db), "orders", probe, migrate.Func(up), func(o *migrate.RunOptions) {
		o.Enter = func(ctx context.Context, f migrate.Fence) error { return pglease.Raise(ctx, db, "orders", f) }
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
	fmt.Println(pglease.Create(context.Background(), db))
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
		if err := pglease.Guard(ctx, tx, "orders", fence); err != nil {
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
	fmt.Println(pglease.Raise(context.Background(), db, "orders", fence))
}

// An advisory lock in addition to the row: the server frees it when the session ends.
func ExampleSession() {
	var db *sql.DB
	err := migrate.Lead(context.Background(), pglease.Session(db), "orders", func(context.Context, migrate.Fence) error { return nil })
	fmt.Println(err)
}

// What people who look at pg_stat_activity see.
func ExampleApplicationName() {
	fmt.Println(pglease.ApplicationName("orders", 7))
	// Output:
	// migrate/orders/7
}

// Settings with which the server ends what a dead leader has left.
func ExampleLimits() {
	limits := pglease.Limits(30 * time.Second)
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		fmt.Println(name, limits[name])
	}
	// Output:
	// client_connection_check_interval 2000
	// tcp_keepalives_count 3
	// tcp_keepalives_idle 16
	// tcp_keepalives_interval 8
	// tcp_user_timeout 31000
}
