package toolcmd

import (
	"context"
	"fmt"

	"github.com/stackrescue/stackrescue/migrate"
)

// StampOptions change [Stamp]. The zero value is the default.
type StampOptions struct {
	// Verify are commands that must all exit with 0 before anything is
	// written: the proof that the schema is what the revision says.
	Verify [][]string
	// Unproven allows a stamp without any Verify command.
	Unproven bool
	// Store and Key, where they are not nil and "", are the lock under which the
	// tool writes, so that no leader migrates meanwhile: that of the team's
	// runners. Lease is how it is held.
	Store migrate.Store
	Key   string
	Lease migrate.LeaseOptions
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
// Runs two commands to inspect, the Verify commands, the stamp, and two more
// to inspect again. With a Store it waits for its turn until ctx ends, and then
// begins with another two.
func Stamp(ctx context.Context, run Command, tool Tool, optFns ...func(*StampOptions)) (*Stamped, error) {
	var o StampOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	before, err := Inspect(ctx, run, tool)
	if err != nil {
		return nil, err
	}
	out := &Stamped{From: before.Revision, To: before.Head}
	if before.Current() {
		return out, nil
	}
	if len(o.Verify) == 0 && !o.Unproven {
		return nil, fmt.Errorf("stamp %s: %w: no check was given", before.Head, migrate.ErrUnproven)
	}
	if o.Store == nil {
		return write(ctx, run, tool, o, before)
	}
	err = migrate.Lead(ctx, o.Store, o.Key, func(ctx context.Context, _ migrate.Fence) error {
		if before, err = Inspect(ctx, run, tool); err != nil {
			return err
		}
		if out.From = before.Revision; before.Current() {
			return nil // somebody else has, while this one waited
		}
		out, err = write(ctx, run, tool, o, before)
		return err
	}, func(l *migrate.LeadOptions) { l.LeaseOptions = o.Lease })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// write proves, stamps and reads again.
func write(ctx context.Context, run Command, tool Tool, o StampOptions, before Table) (*Stamped, error) {
	for _, check := range o.Verify {
		if _, err := run(ctx, check); err != nil {
			return nil, fmt.Errorf("stamp %s: %w: %w", before.Head, migrate.ErrUnproven, err)
		}
	}
	if _, err := run(ctx, append(append([]string{}, tool.Stamp...), before.Head)); err != nil {
		return nil, fmt.Errorf("stamp %s: %w", before.Head, err)
	}
	after, err := Inspect(ctx, run, tool)
	if err != nil {
		return nil, err
	}
	if after.Revision != before.Head {
		return nil, fmt.Errorf("stamp %s: the table holds %q", before.Head, after.Revision)
	}
	return &Stamped{From: before.Revision, To: before.Head, Changed: true}, nil
}
