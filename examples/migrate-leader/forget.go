package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

// forget is the verb of that name: it clears a failure that keeps replicas from
// trying.
func forget(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("forget", flag.ContinueOnError)
	fs.SetOutput(stderr)
	spec := fs.String("store", "", "as for run")
	key := fs.String("key", "", "as for run")
	builds := fs.Bool("builds", false, "also forget which builds were verified: for a database that was restored to an earlier state")
	wait := fs.Duration("wait", time.Minute, "how long to wait for a leader that is at work, or that was killed")
	apply := fs.Bool("apply", false, "do it; without it, only print what is remembered")
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	if *spec == "" || *key == "" {
		return fmt.Errorf("%w: -store and -key are needed", errUsage)
	}
	ctx, cancel := context.WithTimeout(ctx, *wait)
	defer cancel()
	store, err := openStore(ctx, *spec, *key, false, nil)
	if err != nil {
		return err
	}
	if !*apply {
		_, p, err := migrate.Status(ctx, store, *key)
		if err != nil {
			return err
		}
		return print(stdout, p)
	}
	p, err := migrate.Forget(ctx, store, *key, *builds)
	if err != nil {
		return err
	}
	what := p.String()
	if what == "" {
		what = "nothing, and nothing was remembered"
	}
	fmt.Fprintln(secrets.writer(stderr), "migrate-leader: forgotten:", what)
	return print(stdout, p)
}
