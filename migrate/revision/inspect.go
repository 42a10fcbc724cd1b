package revision

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/migrate"
)

// ErrNoTable is returned by [Inspect] and [Stamp], best as a [*NoTableError], if
// the database has no table of a migration tool, as far as this user can see.
var ErrNoTable = errors.New("no table of a migration tool")

// NoTableError names tables that look like one under another name. It matches
// [ErrNoTable].
type NoTableError struct {
	Database string
	// Candidates have the columns of a tool's table: give one as
	// [InspectOptions.Table].
	Candidates []Candidate
}

// Candidate is a table that may be a migration tool's.
type Candidate struct {
	Tool  string `json:"tool"`
	Table string `json:"table"`
}

// Error names the candidates.
func (e *NoTableError) Error() string {
	s := fmt.Sprintf("database %s: %s", e.Database, ErrNoTable)
	for i, c := range e.Candidates {
		s += map[bool]string{true: " under its usual name: ", false: ", "}[i == 0] + c.Table + " looks like one of " + c.Tool
	}
	if len(e.Candidates) > 0 {
		s += "; name the table that is meant"
	}
	return s
}

// Unwrap is [ErrNoTable].
func (e *NoTableError) Unwrap() error { return ErrNoTable }

// InspectOptions change [Inspect]. The zero value is the default.
type InspectOptions struct {
	// Table is a table with a custom name, such as "versions" or
	// "public.versions", beside the tools' usual ones; Tool is the only tool
	// that is looked for. "" for none and all.
	Table, Tool string
	// History is what the image brings; nil if that is not known.
	History History
	// Store and Key are where the leader of package migrate holds its lease, if
	// the team uses one.
	Store migrate.Store
	Key   string
	// Watch is how long a table that looks unfinished is watched for a change
	// before it is called stuck. Defaults to 15 s, or the lease of the leader
	// if that is longer; a negative value means not at all, and then nothing is
	// called stuck.
	Watch time.Duration
	// OrphanAfter is how long a session that holds the tool's lock may be idle
	// before it is called an orphan. Defaults to 5 min; a negative value means
	// not at all.
	OrphanAfter time.Duration
}

// Inspect says which migration tools' tables the database holds, at which
// version they are, and whether somebody is at work. It returns [ErrNoTable] if
// there is none, and [ErrEngine] for other servers.
//
// It changes nothing. A table that looks unfinished, or a lease that somebody
// holds, is read twice: that takes as long as Watch. Safe to repeat.
func Inspect(ctx context.Context, db *sql.DB, optFns ...func(*InspectOptions)) (*Inspection, error) {
	var o InspectOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	first, err := read(ctx, db, o)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	last := first
	if wait := first.watchFor(o.Watch); wait > 0 {
		if err := poll.Sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("inspect: %w", err)
		}
		if last, err = read(ctx, db, o); err != nil {
			return nil, fmt.Errorf("inspect: %w", err)
		}
	}
	return report(first, last, o), nil
}
