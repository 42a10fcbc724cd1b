package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// errUnfinished is a table that was left unfinished, or may have been.
var errUnfinished = errors.New("something was left unfinished")

// target is which table of which database, for inspect and stamp.
type target struct {
	db, store, key, tool, table, dir *string
	watch, orphan, lease             *time.Duration
	back                             *bool
}

func (t *target) flags(fs *flag.FlagSet) {
	t.db = fs.String("db", "", "URL of the database, postgres://… or mysql://…, or env:NAME for a variable that holds it")
	t.store = fs.String("store", "", "as for run: where the leader holds its lease")
	t.key = fs.String("key", "", "as for run")
	t.tool = fs.String("tool", "", "name of the migration tool, such as alembic; needed where the database has the tables of several")
	t.table = fs.String("table", "", "the tool's table, where it has a name of its own")
	t.dir = fs.String("dir", "", "directory of the image's migrations (Django: the one above the apps), to tell what is pending, unknown and backwards")
	t.lease = fs.Duration("lease", 0, "as for run: the default of -watch, where no -store says it")
	t.watch = fs.Duration("watch", 0, "how long a table that looks unfinished is watched for a change; defaults to the lease, or 15s")
	t.orphan = fs.Duration("orphan-after", 5*time.Minute, "how long a session that holds the tool's lock may be idle before it is called an orphan; 0 for not at all")
	t.back = fs.Bool("handback", false, "print the result so that the verb task finds it in the log")
}

// watched is how long a table that looks unfinished is watched: 0 is the
// package's default, which knows the lease of a store.
func (t *target) watched() time.Duration { return cmp.Or(*t.watch, *t.lease) }

// orphanAfter takes 0 for what it says, as the flag's own default is another.
func orphanAfter(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// give prints a result.
func (t *target) give(w io.Writer, v any) error {
	if *t.back {
		return migrate.Handback(w, v)
	}
	return print(w, v)
}

// history reads the image's migrations. The tool is asked of the database where
// it is not named.
func (t *target) history(ctx context.Context, db *sql.DB) (revision.History, error) {
	if *t.dir == "" {
		return nil, nil
	}
	tool := *t.tool
	if tool == "" {
		in, err := revision.Inspect(ctx, db, func(o *revision.InspectOptions) { o.Table, o.Tool, o.Watch = *t.table, *t.tool, -1 })
		if err != nil {
			return nil, err
		}
		for _, x := range in.Tables {
			if x.Stampable && tool != "" {
				return nil, fmt.Errorf("%w: there are tables of %s and %s: name one with -tool", errUsage, tool, x.Tool)
			}
			if x.Stampable {
				tool = x.Tool
			}
		}
	}
	return revision.ReadHistory(os.DirFS(*t.dir), tool)
}

// inspect is the verb of that name.
func inspect(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("inspect", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var t target
	t.flags(fs)
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	if *t.db == "" {
		table, err := toolcmd.Inspect(ctx, toolcmd.Local, toolcmd.Alembic(fs.Args()...))
		if err != nil {
			return err
		}
		return print(stdout, table)
	}
	db, err := openNow(ctx, *t.db)
	if err != nil {
		return err
	}
	defer db.Close()
	history, err := t.history(ctx, db)
	if err != nil {
		return err
	}
	var store migrate.Store
	if *t.store != "" {
		if store, err = openStore(ctx, *t.store, *t.key, false, nil); err != nil {
			return err
		}
	}
	in, err := revision.Inspect(ctx, db, func(o *revision.InspectOptions) {
		o.Table, o.Tool, o.History, o.Store, o.Key, o.Watch, o.OrphanAfter = *t.table, *t.tool, history, store, *t.key, t.watched(), orphanAfter(*t.orphan)
	})
	if err != nil {
		return hinted(err)
	}
	return errors.Join(t.give(stdout, in), verdict(in))
}

// hinted names the flag for a table that has another name.
func hinted(err error) error {
	none, ok := errors.AsType[*revision.NoTableError](err)
	if !ok || len(none.Candidates) == 0 {
		return err
	}
	var flags []string
	for _, c := range none.Candidates {
		flags = append(flags, fmt.Sprintf("-tool %s -table %s", c.Tool, c.Table))
	}
	return fmt.Errorf("%w: try %s", err, strings.Join(flags, ", or "))
}

// verdict is what the exit code tells of an inspection.
func verdict(in *revision.Inspection) (err error) {
	for _, t := range in.Tables {
		what := fmt.Sprintf("%s of %s", t.Name, t.Tool)
		why := strings.Join(t.Why, "; ")
		switch t.Verdict {
		case "running":
			return fmt.Errorf("%s: %w: %s", what, revision.ErrRunning, why)
		case "idle-holder":
			return fmt.Errorf("%s: %w, perhaps: %s: inspect again in a while", what, revision.ErrRunning, why)
		case "orphan":
			err = fmt.Errorf("%s: %w: %s: end it with the verb end-session", what, errUnfinished, why)
		case "stuck", "unclear":
			err = fmt.Errorf("%s: %w: %s", what, errUnfinished, next(t))
		}
	}
	return err
}

// next is what to do about a table that was left unfinished.
func next(t revision.Table) string {
	var ways []string
	if t.Stampable {
		ways = append(ways, "record it with the verb stamp, if the schema is what the version says")
	}
	if len(t.Repair) > 0 {
		ways = append(ways, "use the tool's own: "+strings.Join(t.Repair, "; "))
	}
	if len(ways) == 0 {
		ways = append(ways, t.Tool+" has no command for it: correct the table by hand")
	}
	return strings.Join(ways, "; or ")
}
