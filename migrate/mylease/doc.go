// Package mylease keeps the leases of package migrate in MySQL 8, MariaDB 10.6
// or newer, or Aurora MySQL, through database/sql: it imports no driver.
//
//	err := mylease.Create(ctx, db) // once, or at every start
//	r, err := migrate.New(mylease.Table(db), "orders", probe, migrate.Func(up), func(o *migrate.RunOptions) {
//		o.Enter = func(ctx context.Context, f migrate.Fence) error { return mylease.Raise(ctx, db, "orders", f) }
//	})
//	_, err = r.Run(ctx)
//	err = mylease.Guard(ctx, tx, "orders", fence) // in the transactions of a step
//
// [Table] is a row per migration, changed by single statements; it needs the
// tables of [Create], and works through poolers. There is no store on GET_LOCK:
// that lock belongs to a session, dies with it unseen, and is not there on a
// server that took over.
//
// [Guard] lets the database itself turn down a previous leader, and [Raise]
// waits for the transactions that Guard let pass, and for the statements that a
// dead leader has left running. MySQL ends a transaction for every statement that
// changes a schema: Guard protects data, not schemas.
//
// The server's clock is asked for how long a statement has run, and for nothing
// else. Use the writer's endpoint: a replica that lags would show an old lease.
package mylease
