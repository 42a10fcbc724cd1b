package migrate

import (
	"context"
	"errors"
	"fmt"
)

// State is what a [Probe] found.
type State struct {
	// Version is what the database is at, for people and for telling one state
	// from another. "" where nothing has been applied.
	Version string `json:"version"`
	// Dirty means that a migration began and did not end cleanly. It is normal
	// while a leader works, and a reason to stop when nobody does.
	Dirty bool `json:"dirty,omitempty"`
	// Done means that the schema is what this process needs, or newer: a
	// process of an older release that was rolled back to is done, too, where
	// its code runs on the newer schema. Nothing here ever migrates down.
	Done bool `json:"done"`
}

// String is such as "version 7 (dirty)".
func (s State) String() string {
	text := "version " + s.Version
	switch {
	case s.Version == "" && s.Done:
		text = "done"
	case s.Version == "":
		text = "no version"
	}
	if s.Dirty {
		text += " (dirty)"
	}
	return text
}

// ready reports whether there is nothing to do.
func (s State) ready() bool { return s.Done && !s.Dirty }

// Probe reads the truth: where the database's migrations stand. It must not
// change anything, and it is called often, by every replica.
type Probe func(ctx context.Context) (State, error)

var (
	// ErrDirty is returned by [Runner.Run] if an earlier migration was left
	// unfinished and
	// nobody is working on it: see packages toolcmd and revision.
	ErrDirty = errors.New("left unfinished by an earlier migration: inspect it, then repair or stamp")
	// ErrUnverified is returned by [Runner.Run] and [OneOff] if the work ended
	// without an error and the
	// probe does not confirm it.
	ErrUnverified = errors.New("the work ended, and the probe does not confirm it")
	// ErrProbe is returned by [Runner.Run] if the probe cannot be made, now or
	// later: its program is not there, say. A [Probe] may wrap it.
	ErrProbe = errors.New("the probe cannot be run")
	// ErrUnproven is returned by the Stamp functions of packages toolcmd and
	// revision if a check did not confirm that the migration was applied:
	// nothing was written.
	ErrUnproven = errors.New("not proven that the migration was applied")
	// ErrOutput is returned by [ReadHandback], and by package toolcmd, if a
	// program printed something else than expected.
	ErrOutput = errors.New("unexpected output")
)

// StepError is a step that failed.
type StepError struct {
	ID string
	// Before are the steps that had succeeded in the same run.
	Before []Applied
	Err    error
}

// Error names the step.
func (e *StepError) Error() string { return fmt.Sprintf("step %s: %v", e.ID, e.Err) }

// Unwrap is the step's own error.
func (e *StepError) Unwrap() error { return e.Err }
