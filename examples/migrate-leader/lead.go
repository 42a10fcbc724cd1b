package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/pglease"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// lead is the verb run.
func lead(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	fs.SetOutput(stderr)
	spec := fs.String("store", "", "file:DIR, dynamodb:TABLE, postgres:URL, postgres-session:URL or mysql:URL; env:NAME for a URL in a variable")
	key := fs.String("key", "", "name of the migration: one per database")
	probe := fs.String("probe", "", "shell command: exit code 0 means migrated, 1 not yet; without one, the store's record for -build says it")
	build := fs.String("build", "", "what brings the migration, such as the image's digest")
	health := fs.String("health", "", "address to answer health checks on, such as :8081")
	maxWait := fs.Duration("max-wait", 30*time.Minute, "longest wait, the migration included")
	lease := fs.Duration("lease", 15*time.Second, "how long a leader that vanished blocks the others")
	every := fs.Duration("every", time.Second, "how often one who waits looks")
	drain := fs.Duration("drain", 20*time.Second, "how long the migration may go on after SIGTERM")
	attempts := fs.Int("attempts", 2, "how often a build may fail, killed leaders included, before all replicas give up")
	back := fs.Bool("handback", false, "print the verified result as the last line, for who started the task to read from its log")
	end := fs.Bool("end-orphans", false, "let PostgreSQL end what a dead leader left running, rather than wait for it")
	owner := fs.String("owner", "", "name of this replica; defaults to the task's ARN, or the host's name")
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	tool, app := split(fs.Args())
	if *spec == "" || *key == "" || len(tool) == 0 {
		return fmt.Errorf("%w: -store, -key and a command are needed", errUsage)
	}
	ctx, cancel := context.WithTimeout(ctx, *maxWait)
	defer cancel()
	store, enter, err := openStore(ctx, *spec, *key, *end)
	if err != nil {
		return err
	}
	if inTask() && strings.HasPrefix(*spec, "file:") {
		fmt.Fprintln(stderr, "migrate-leader: a lock file protects nothing across tasks: use dynamodb: or postgres:")
	}
	var ran atomic.Bool
	program := migrate.Program{Args: tool, Env: os.Environ(), Stdout: stdout, Stderr: stderr}
	work := func(ctx context.Context, fence migrate.Fence) error {
		p := program
		p.Env = append(slices.Clone(p.Env), "PGAPPNAME="+pglease.ApplicationName(*key, fence))
		err := migrate.Exec(p)(ctx, fence)
		ran.Store(err == nil)
		return err
	}
	look := recorded(store, *key, *build, &ran)
	if *probe != "" {
		look = toolcmd.ProbeCommand(shell, []string{"/bin/sh", "-c", *probe})
	}
	r, err := migrate.New(store, *key, look, migrate.Func(work), func(o *migrate.RunOptions) {
		o.Owner, o.Build, o.Lease, o.Interval, o.Drain, o.Enter = name(ctx, *owner), *build, *lease, *every, *drain, enter
		o.Attempts = *attempts
		o.Observe = func(e migrate.Event) { fmt.Fprintln(stderr, "migrate-leader:", e) }
	})
	if err != nil {
		return err
	}
	quiet, err := answer(*health, r.Handler())
	if err != nil {
		return err
	}
	res, err := r.Run(ctx)
	if err == nil && *back {
		err = migrate.Handback(stdout, migrate.KindResult, res)
	}
	if err != nil || len(app) == 0 {
		return errors.Join(err, quiet())
	}
	if err := quiet(); err != nil { // the application may want the address
		return err
	}
	path, err := exec.LookPath(app[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, app, os.Environ())
}

// split takes the application off the migration tool's command line.
func split(args []string) (tool, app []string) {
	if i := slices.Index(args, "-then"); i >= 0 {
		return args[:i], args[i+1:]
	}
	return args, nil
}

// recorded takes the store's word: done is what was once done for this build.
func recorded(store migrate.Store, key, build string, ran *atomic.Bool) migrate.Probe {
	return func(ctx context.Context) (migrate.State, error) {
		if ran.Load() {
			return migrate.State{Version: build, Done: true}, nil
		}
		_, p, err := migrate.Status(ctx, store, key)
		if p.Outcome != migrate.OutcomeDone || p.Build != build {
			return migrate.State{}, err
		}
		return migrate.State{Version: build, Done: true}, err
	}
}
