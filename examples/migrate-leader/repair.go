package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

// print writes one line of JSON.
func print(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// status is the verb of that name.
func status(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("status", flag.ContinueOnError)
	fs.SetOutput(stderr)
	spec := fs.String("store", "", "as for run")
	key := fs.String("key", "", "name of the migration")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *spec == "" || *key == "" {
		return fmt.Errorf("%w: -store and -key are needed", errUsage)
	}
	store, _, err := openStore(ctx, *spec, *key)
	if err != nil {
		return err
	}
	rec, p, err := migrate.Status(ctx, store, *key)
	if err != nil {
		return err
	}
	return print(stdout, struct {
		Owner    string           `json:"owner,omitempty"`
		Epoch    migrate.Fence    `json:"epoch"`
		Beat     int64            `json:"beat"`
		Lease    time.Duration    `json:"lease,omitempty"`
		Dead     bool             `json:"dead,omitempty"`
		Progress migrate.Progress `json:"progress,omitzero"`
	}{rec.Owner, rec.Epoch, rec.Beat, rec.Lease, rec.Dead, p})
}

// inspect is the verb of that name.
func inspect(ctx context.Context, args []string, stdout, _ io.Writer) error {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	table, err := migrate.Inspect(ctx, shell, migrate.Alembic(args...))
	if err != nil {
		return err
	}
	return print(stdout, table)
}

// checks are shell commands.
type checks [][]string

func (c *checks) String() string { return fmt.Sprint(len(*c)) }

func (c *checks) Set(s string) error {
	*c = append(*c, []string{"/bin/sh", "-c", s})
	return nil
}

// stamp is the verb of that name. It tells what it would write, and writes only
// when it is told to.
func stamp(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("stamp", flag.ContinueOnError)
	fs.SetOutput(stderr)
	write := fs.Bool("write", false, "write the revision; without it, only tell")
	var verify checks
	fs.Var(&verify, "verify", "shell command that exits with 0 if the schema is what the revision says; may be repeated")
	if err := fs.Parse(args); err != nil {
		return err
	}
	tool := migrate.Alembic(fs.Args()...)
	if !*write {
		table, err := migrate.Inspect(ctx, shell, tool)
		if err != nil {
			return err
		}
		return print(stdout, migrate.Stamped{From: table.Revision, To: table.Head})
	}
	out, err := migrate.Stamp(ctx, shell, tool, func(o *migrate.StampOptions) { o.Verify = verify })
	if err != nil {
		return err
	}
	return print(stdout, out)
}
