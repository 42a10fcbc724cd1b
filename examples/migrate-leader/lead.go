package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/stackrescue/stackrescue/internal/process"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/pglease"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// runFlags are those of the verb run.
type runFlags struct {
	store, key, probe, build, health, owner   string
	maxWait, lease, interval, drain, probeFor time.Duration
	attempts                                  int
	back, end                                 bool
	own                                       ownProbe
	// tool migrates, and app is what this process becomes then.
	tool, app []string
}

func (f *runFlags) parse(args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&f.store, "store", "", "file:DIR, dynamodb:TABLE, postgres:URL, postgres-session:URL or mysql:URL; env:NAME for a URL in a variable")
	fs.StringVar(&f.key, "key", "", "name of the migration: one per database")
	fs.StringVar(&f.probe, "probe", "", "shell command: exit code 0 means migrated, 1 not yet")
	f.own.flags(fs)
	fs.StringVar(&f.build, "build", "", "what brings the migration; without a probe, done is what was verified for it. Defaults to the image's digest on ECS; elsewhere, every replica runs MIGRATE")
	fs.StringVar(&f.health, "health", "", "address to answer health checks on until the application starts, such as :8081: see the verb check")
	fs.DurationVar(&f.maxWait, "max-wait", 30*time.Minute, "longest wait, the migration included")
	fs.DurationVar(&f.lease, "lease", 15*time.Second, "how long a leader that vanished blocks the others")
	fs.DurationVar(&f.interval, "interval", time.Second, "time between polls of one who waits")
	fs.DurationVar(&f.probeFor, "probe-timeout", time.Minute, "longest time for one call of the probe")
	fs.DurationVar(&f.drain, "drain", 20*time.Second, "how long the migration may go on after SIGTERM")
	fs.IntVar(&f.attempts, "attempts", 2, "how often a build may fail, killed leaders included, before all replicas give up")
	fs.BoolVar(&f.back, "handback", false, "print the verified result as the last line, for who started the task to read from its log")
	fs.BoolVar(&f.end, "end-orphans", false, "let the database end what a dead leader left running, rather than wait for it")
	fs.StringVar(&f.owner, "owner", "", "name of this replica; defaults to the task's ARN, or the host's name")
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	then := false
	f.tool, f.app, then = split(fs.Args())
	switch {
	case f.store == "" || f.key == "" || len(f.tool) == 0:
		return fmt.Errorf("%w: -store, -key and a command are needed", errUsage)
	case f.maxWait <= 0 || f.probeFor <= 0:
		return fmt.Errorf("%w: -max-wait and -probe-timeout are to be more than 0", errUsage)
	case then && (len(f.app) == 0 || f.app[0] == ""):
		return fmt.Errorf("%w: -then needs the application to start", errUsage)
	case f.probe != "" && strings.TrimSpace(f.probe) == "":
		return fmt.Errorf("%w: -probe is blank, which every shell calls a success", errUsage)
	case f.attempts < 1 || f.drain < 0:
		return fmt.Errorf("%w: -attempts is at least 1, and -drain is not negative", errUsage)
	case f.probe != "" && f.own.given():
		return fmt.Errorf("%w: -probe and -dir are two ways to say when it is done: give one", errUsage)
	}
	return nil
}

// lead is the verb run.
func lead(sig context.Context, args []string, stdout, stderr io.Writer) error {
	var f runFlags
	if err := f.parse(args, stderr); err != nil {
		return err
	}
	stderr = secrets.writer(stderr)
	say := func(v ...any) { fmt.Fprintln(stderr, append([]any{"migrate-leader:"}, v...)...) }
	ctx, cancel := context.WithTimeout(sig, f.maxWait)
	defer cancel()
	store, err := openStore(ctx, f.store, f.key, f.end, say)
	if err != nil {
		return err
	}
	// What cannot work is found before anything is migrated for it.
	if _, err := executable("MIGRATE", f.tool[0]); err != nil {
		return err
	}
	path := ""
	if len(f.app) > 0 {
		if path, err = executable("-then", f.app[0]); err != nil {
			return err
		}
	}
	if inTask() && strings.HasPrefix(f.store, "file:") {
		say("a lock file protects nothing across tasks: use dynamodb: or postgres:")
	}
	if f.probe == "" && !f.own.given() && f.build == "" {
		f.build = defaultBuild(ctx, say)
	}
	var ran atomic.Bool
	look, err := f.look(store, &ran)
	if err != nil {
		return err
	}
	r, err := migrate.New(store, f.key, look, migrate.Func(f.work(stdout, stderr, &ran)), func(o *migrate.RunOptions) {
		o.Owner, o.Build, o.Lease, o.Interval, o.Drain, o.Enter = name(ctx, f.owner), f.build, f.lease, f.interval, f.drain, store.enter
		o.Attempts, o.ProbeTimeout = f.attempts, f.probeFor
		o.Observe = func(e migrate.Event) { say(oneLine(e.String())) }
	})
	if err != nil {
		return err
	}
	quiet, err := answer(f.health, r.Handler())
	if err != nil {
		return err
	}
	res, err := r.Run(ctx)
	if err == nil && f.back {
		err = migrate.Handback(stdout, res)
	}
	if err != nil || len(f.app) == 0 {
		return errors.Join(err, quiet())
	}
	if err := quiet(); err != nil { // the application may want the address
		return err
	}
	process.Reap()
	if sig.Err() != nil {
		return fmt.Errorf("told to stop: the migration is verified, and %s was not started: %w", f.app[0], sig.Err())
	}
	err = syscall.Exec(path, f.app, append(os.Environ(), fmt.Sprintf("%s=%d", startedAt, time.Now().Unix())))
	return &runError{"-then", path, 126, err}
}

// work runs the migration tool.
func (f *runFlags) work(stdout, stderr io.Writer, ran *atomic.Bool) func(context.Context, migrate.Fence) error {
	program := migrate.Program{Args: f.tool, Env: os.Environ(), Stdout: stdout, Stderr: stderr}
	return func(ctx context.Context, fence migrate.Fence) error {
		p := program
		p.Env = append(slices.Clone(p.Env), "PGAPPNAME="+pglease.ApplicationName(f.key, fence))
		err := p.Run(ctx, fence)
		ran.Store(err == nil)
		if exit, ok := err.(*migrate.ExitError); ok { //nolint:errorlint // it is redacted, not looked for
			return secrets.exit(exit)
		}
		return err
	}
}

// look is the probe that the flags ask for.
func (f *runFlags) look(store *opened, ran *atomic.Bool) (migrate.Probe, error) {
	switch {
	case f.probe != "":
		return toolcmd.ProbeCommand(toolcmd.Local, []string{"/bin/sh", "-c", f.probe}), nil
	case f.own.given():
		return f.own.probe(store)
	}
	return recorded(store, f.key, f.build, ran), nil
}

// defaultBuild is the image's digest on ECS. Without one, nothing tells this
// deployment's migrations from the last one's.
func defaultBuild(ctx context.Context, say func(...any)) string {
	if !inTask() {
		say("without -probe, -dir and -build nothing says whether this build's migrations have run: every replica runs the command, one after the other")
		return ""
	}
	digest, err := imageDigest(ctx)
	if err != nil {
		say("the image's digest is not known, and there is no -probe, -dir or -build: every replica runs the command, one after the other:", err)
	}
	return digest
}

// split takes the application off the migration tool's command line.
func split(args []string) (tool, app []string, then bool) {
	if i := slices.Index(args, "-then"); i >= 0 {
		return args[:i], args[i+1:], true
	}
	return args, nil, false
}

// recorded takes the store's word: done is what was once verified for this
// build, also before a newer one. Without a build it is what this process ran.
func recorded(store migrate.Store, key, build string, ran *atomic.Bool) migrate.Probe {
	return func(ctx context.Context) (migrate.State, error) {
		if ran.Load() {
			return migrate.State{Version: build, Done: true}, nil
		}
		if build == "" {
			return migrate.State{}, nil
		}
		_, p, err := migrate.Status(ctx, store, key)
		if err != nil || !p.Verified(build) {
			return migrate.State{}, err
		}
		return migrate.State{Version: build, Done: true}, nil
	}
}
