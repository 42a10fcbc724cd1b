// Package revision reads and corrects what migration tools have written into a
// database about themselves, through database/sql: it imports no driver. It
// works on PostgreSQL 12 or newer, and on MySQL 8 and MariaDB 10.6 or newer.
//
//	found, err := revision.Inspect(ctx, db)             // which tool, which version, who is at work
//	history, err := revision.ReadHistory(os.DirFS("migrations"), "goose")
//	probe := revision.Probe(db, history)                // for migrate.New
//	plan, err := revision.Stamp(ctx, db, change, dry)   // what it would write
//	done, err := revision.Stamp(ctx, db, change, write) // under the lease and the tool's lock
//	session, err := revision.EndSession(ctx, db, id)    // one that was left behind
//
// [Inspect] says which tool owns which table, at which version, and whether a
// migration that did not end is stuck or still running: a table that says
// "dirty" is no proof, since some say so while a healthy migration works.
//
// [Stamp] records a migration that was applied and not recorded; with DryRun it
// only returns what it would write. It wants queries that prove that the
// schema is what the version says, works under the lock of package migrate and
// under the tool's own, compares before it swaps, keeps a record of who did it
// and why, and reads the table again. It is for golang-migrate, goose, Alembic,
// Rails and Django; other tools are recognised, and their own command for the
// purpose is named.
//
// [ReadHistory] reads which migrations an image brings from their files. With
// them, Inspect names what is pending and what the image does not know, and
// Stamp knows which direction is backwards.
package revision
