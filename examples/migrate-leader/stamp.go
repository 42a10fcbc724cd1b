package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/mylease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
	"github.com/stackrescue/stackrescue/migrate/revision"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// commands are shell commands, for the flag -verify.
type commands [][]string

func (c *commands) String() string { return fmt.Sprint(len(*c)) }

func (c *commands) Set(s string) error {
	*c = append(*c, []string{"/bin/sh", "-c", s})
	return nil
}

// queries are checks, for the flag -check.
type queries []revision.Check

func (q *queries) String() string { return fmt.Sprint(len(*q)) }

func (q *queries) Set(s string) error {
	i := strings.LastIndex(s, "=>")
	if i < 0 {
		return fmt.Errorf("%q is not QUERY => VALUE", s)
	}
	*q = append(*q, revision.Check{Query: strings.TrimSpace(s[:i]), Want: strings.TrimSpace(s[i+2:])})
	return nil
}

// stamp is the verb of that name: a dry run without -apply.
func stamp(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("stamp", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var t target
	t.flags(fs)
	var o revision.StampOptions
	var c revision.Change
	var checks queries
	var verify commands
	apply := fs.Bool("apply", false, "write it; without it, only print what would be written")
	fs.StringVar(&c.To, "to", "", "version that the schema is at; for Django app.name")
	fs.BoolVar(&c.Backwards, "backwards", false, "allow taking out what is recorded beyond -to")
	fs.Var(&checks, "check", "'QUERY => VALUE' that proves that the schema is at that version; may be repeated")
	fs.BoolVar(&o.Unproven, "unproven", false, "allow writing without a check")
	fs.StringVar(&o.Expect, "expect", "", "fingerprint of the dry run that was decided upon")
	fs.StringVar(&o.Who, "who", "", "who stamps; defaults to the task's ARN, or the host's name")
	fs.StringVar(&o.Reason, "reason", "", "why, for the record")
	fs.Var(&verify, "verify", "without -db: shell command that exits with 0 if the schema is what the revision says; may be repeated")
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	if *t.db == "" {
		return stampByCommand(ctx, t, toolcmd.Alembic(fs.Args()...), verify, *apply, stdout)
	}
	if c.To == "" || (*apply && (*t.key == "" || o.Reason == "")) {
		return fmt.Errorf("%w: stamp needs -to and, with -apply, -key and -reason", errUsage)
	}
	db, err := openNow(ctx, *t.db)
	if err != nil {
		return err
	}
	defer db.Close()
	if c.History, err = t.history(ctx, db); err != nil {
		return err
	}
	c.Tool, c.Table, o.Checks, o.Key, o.Watch = *t.tool, *t.table, checks, *t.key, t.watched()
	o.Who = name(ctx, o.Who)
	if inTask() {
		o.Task = name(ctx, "")
	}
	if o.DryRun = !*apply; *apply {
		if err := lockFor(ctx, &o, db, *t.store); err != nil {
			return err
		}
	}
	out, err := revision.Stamp(ctx, db, c, func(x *revision.StampOptions) { *x = o })
	if out != nil {
		err = errors.Join(t.give(stdout, out), err)
	}
	return hinted(err)
}

// lockFor opens the lock: by default the lease table of the same database.
// There, the fence keeps a previous leader out of the stamp's transaction.
func lockFor(ctx context.Context, o *revision.StampOptions, db *sql.DB, spec string) error {
	if spec != "" {
		s, err := openStore(ctx, spec, o.Key, false, nil)
		if err != nil {
			return err
		}
		o.Store, o.Enter = s, s.enter
		return nil
	}
	key, guard := o.Key, pglease.Guard
	if isMySQL(db) {
		guard = mylease.Guard
	}
	o.Guard = func(ctx context.Context, tx *sql.Tx, f migrate.Fence) error { return guard(ctx, tx, key, f) }
	s := leaseTable(db, false, key, false, nil)
	o.Store, o.Enter = s, s.enter
	return nil
}

// stampByCommand lets the tool's own command write, under the lock if one is
// named.
func stampByCommand(ctx context.Context, t target, tool toolcmd.Tool, verify commands, write bool, stdout io.Writer) (err error) {
	if !write {
		table, err := toolcmd.Inspect(ctx, toolcmd.Local, tool)
		if err != nil {
			return err
		}
		return print(stdout, toolcmd.Stamped{From: table.Revision, To: table.Head})
	}
	var store migrate.Store
	if *t.store != "" {
		if store, err = openStore(ctx, *t.store, *t.key, false, nil); err != nil {
			return err
		}
	}
	out, err := toolcmd.Stamp(ctx, toolcmd.Local, tool, func(o *toolcmd.StampOptions) {
		o.Verify, o.Store, o.Key, o.Lease.Owner = verify, store, *t.key, name(ctx, "")
	})
	if err != nil {
		return err
	}
	return print(stdout, out)
}
