// Package toolcmd reads and corrects where a database's migrations stand through
// the migration tool's own command, run where the database can be reached: on
// this machine, or in a one-off ECS task of the application's image.
//
//	tool := toolcmd.Alembic()
//	table, err := toolcmd.Inspect(ctx, toolcmd.Local, tool) // reads
//	// handle error; table.Revision is recorded, table.Head is the image's
//	out, err := toolcmd.Stamp(ctx, toolcmd.Local, tool, func(o *toolcmd.StampOptions) {
//		o.Verify = [][]string{{"./check-schema"}}
//	})
//
// Package revision, beside this one, does the same by SQL, for more tools.
package toolcmd
