// Package pglease keeps the leases of package migrate in PostgreSQL, through
// database/sql: it imports no driver. It needs PostgreSQL 12 or newer.
//
//	err := pglease.Create(ctx, db) // once, or at every start
//	r, err := migrate.New(pglease.Table(db), "orders", probe, migrate.Func(up), func(o *migrate.RunOptions) {
//		o.Enter = func(ctx context.Context, f migrate.Fence) error { return pglease.Raise(ctx, db, "orders", f) }
//	})
//	_, err = r.Run(ctx)
//	err = pglease.Guard(ctx, tx, "orders", fence) // in the transactions of a step
//
// [Table] is a row per migration, changed by single statements: it works
// through every pooler and proxy. [Session] holds an advisory lock of a
// connection of its own in addition, so that two things have to go wrong at
// once. Both need the tables of [Schema].
//
// [Guard] lets the database itself turn down a previous leader, and [Raise]
// sees to it that none is left at work before the next one begins. [Limits] let
// the server end what a dead leader has left.
//
// The server's clock is never asked: a jump of it, or a failover to a server
// whose clock differs, changes nothing. The lease does depend on the row: a
// failover that loses committed writes loses it, too.
package pglease
