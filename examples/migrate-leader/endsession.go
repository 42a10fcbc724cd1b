package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/stackrescue/stackrescue/migrate/revision"
)

// endSession is the verb of that name.
func endSession(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("end-session", flag.ContinueOnError)
	fs.SetOutput(stderr)
	url := fs.String("db", "", "as for inspect")
	id := fs.Int64("session", 0, "ID of the session, as inspect prints it")
	tool := fs.String("tool", "", "as for inspect")
	table := fs.String("table", "", "as for inspect")
	orphan := fs.Duration("orphan-after", 5*time.Minute, "as for inspect: the session must have been idle for that long")
	force := fs.Bool("force", false, "end an idle session that has not been idle for that long, or whose client works in another one")
	apply := fs.Bool("apply", false, "end it; without it, only print what would be ended")
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	if *url == "" || *id == 0 {
		return fmt.Errorf("%w: end-session needs -db and -session", errUsage)
	}
	db, err := openNow(ctx, *url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	x, err := revision.EndSession(ctx, db, *id, func(o *revision.EndOptions) {
		o.Tool, o.Table, o.OrphanAfter, o.Force, o.DryRun = *tool, *table, orphanAfter(*orphan), *force, !*apply
	})
	if err != nil {
		return hinted(err)
	}
	return print(stdout, x)
}
