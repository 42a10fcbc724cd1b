package toolcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/migrate"
)

// StampOptions change [Stamp]. The zero value is the default.
type StampOptions struct {
	// Verify are commands that must all exit with 0 before anything is
	// written: the proof that the schema is what the revision says.
	Verify [][]string
	// Unproven allows a stamp without any Verify command.
	Unproven bool
	// Parallel runs commands at the same time that do not depend on each other:
	// the reads and the checks. The Command must allow it.
	Parallel bool
	// Observe is called, on the caller's goroutine, with the commands that are run
	// next: together with Parallel, else one.
	Observe func(commands [][]string)
	// Store and Key, where they are not nil and "", are the lock under which the
	// tool writes, so that no leader migrates meanwhile: that of the team's
	// runners. Lease is how it is held.
	Store migrate.Store
	Key   string
	Lease migrate.LeadOptions
}

// Stamped is what a stamp changed.
type Stamped struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Changed is false when the table held the revision already.
	Changed bool `json:"changed"`
}

// Stamp writes the revision that the image brings into the tool's table,
// without running the migration: for a migration that was applied and not
// recorded. It returns nil when the table, read again, holds the revision.
//
// The proof comes first: without a Verify command, or when one fails, it is
// [migrate.ErrUnproven] and nothing was written. A table that holds the revision
// already is success with Changed false. Safe to repeat.
//
// The tool itself decides what it overwrites. Package revision, where the
// database can be reached, compares before it writes, knows which way is
// backwards, and keeps a record.
//
// Runs two commands to inspect, the Verify commands, the stamp, and one to read
// the table again. With Parallel the Verify commands are run beside the first two.
// With a Store it waits for its turn until ctx ends, and then inspects again.
func Stamp(ctx context.Context, run Command, tool Tool, optFns ...func(*StampOptions)) (*Stamped, error) {
	var o StampOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if run == nil || len(tool.Heads) == 0 || len(tool.Current) == 0 {
		return nil, fmt.Errorf("stamp: %w: a command and a tool with Current and Heads are needed", errors.ErrUnsupported)
	}
	w := stamper{run: run, tool: tool, o: o}
	before, err := w.inspect(ctx)
	if err != nil {
		return nil, err
	}
	if before.Current() {
		return &Stamped{From: before.Revision, To: before.Head}, nil
	}
	if o.Store == nil {
		return w.write(ctx, before)
	}
	var out *Stamped
	err = migrate.Lead(ctx, o.Store, o.Key, func(ctx context.Context, _ migrate.Fence) error {
		if before, err = w.inspect(ctx); err != nil {
			return err
		}
		if before.Current() {
			// Somebody else has, while this one waited.
			out = &Stamped{From: before.Revision, To: before.Head}
			return nil
		}
		out, err = w.write(ctx, before)
		return err
	}, func(l *migrate.LeadOptions) { *l = o.Lease })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// stamper is one stamp.
type stamper struct {
	run  Command
	tool Tool
	o    StampOptions
	// proof is what became of the checks that ran beside the reads; proven is
	// whether they have.
	proof  error
	proven bool
}

// inspect reads the table, and runs the checks at the same time where that is
// allowed: one that fails says nothing as long as nothing has to be written.
func (w *stamper) inspect(ctx context.Context) (Table, error) {
	commands := [][]string{w.tool.Heads, w.tool.Current}
	if w.o.Parallel {
		commands = append(commands, w.o.Verify...)
	}
	lines, errs := w.all(ctx, commands)
	w.proof, w.proven = errors.Join(errs[2:]...), w.o.Parallel
	return w.tool.table(lines[0], errs[0], lines[1], errs[1])
}

// all runs commands, at the same time where that is allowed.
func (w *stamper) all(ctx context.Context, commands [][]string) ([][]string, []error) {
	lines, errs := make([][]string, len(commands)), make([]error, len(commands))
	if !w.o.Parallel {
		for i, c := range commands {
			w.observe(c)
			if lines[i], errs[i] = w.run(ctx, c); errs[i] != nil {
				break
			}
		}
		return lines, errs
	}
	w.observe(commands...)
	g, gctx := clock.NewGroup(ctx, 0)
	for i, c := range commands {
		g.Go(func() error {
			lines[i], errs[i] = w.run(gctx, c)
			return nil // the others are let finish: each is a task of its own
		})
	}
	_ = g.Wait()
	return lines, errs
}

func (w *stamper) observe(commands ...[]string) {
	if w.o.Observe != nil {
		w.o.Observe(commands)
	}
}

// write proves, stamps and reads again.
func (w *stamper) write(ctx context.Context, before Table) (*Stamped, error) {
	switch {
	case len(w.o.Verify) == 0 && !w.o.Unproven:
		return nil, fmt.Errorf("stamp %s: %w: no check was given", before.Head, migrate.ErrUnproven)
	case !w.proven:
		_, errs := w.all(ctx, w.o.Verify)
		w.proof = errors.Join(errs...)
	}
	if w.proof != nil {
		return nil, fmt.Errorf("stamp %s: %w: %w", before.Head, migrate.ErrUnproven, w.proof)
	}
	stamp := append(append([]string{}, w.tool.Stamp...), before.Head)
	w.observe(stamp)
	if _, err := w.run(ctx, stamp); err != nil {
		return nil, fmt.Errorf("stamp %s: %w", before.Head, err)
	}
	w.observe(w.tool.Current)
	lines, err := w.run(ctx, w.tool.Current)
	if err != nil {
		return nil, fmt.Errorf("stamp %s: %w", before.Head, err)
	}
	after, err := w.tool.revision(lines)
	if err != nil {
		return nil, fmt.Errorf("stamp %s: %w", before.Head, err)
	}
	if after != before.Head {
		return nil, fmt.Errorf("stamp %s: the table holds %q", before.Head, after)
	}
	return &Stamped{From: before.Revision, To: before.Head, Changed: true}, nil
}
