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

// ErrNoTable means that the database has no table of a migration tool, as far
// as this user can see.
var ErrNoTable = errors.New("no table of a migration tool")

// InspectOptions change [Inspect]. The zero value is the default.
type InspectOptions struct {
	// Table is a table with a name of one's own, such as "versions" or
	// "public.versions", beside the tools' usual ones.
	Table string
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
}

// Inspect says which migration tools' tables the database holds, where they
// stand, and whether somebody is at work. It is [ErrNoTable] when it finds
// none, and [ErrEngine] for other servers.
//
// It changes nothing. A table that looks unfinished, or a lease that somebody
// holds, is looked at twice: that takes as long as Watch. Safe to repeat.
func Inspect(ctx context.Context, db *sql.DB, optFns ...func(*InspectOptions)) (*Inspection, error) {
	var o InspectOptions
	for _, fn := range optFns {
		fn(&o)
	}
	first, err := look(ctx, db, o)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	last := first
	if wait := first.patience(o.Watch); wait > 0 {
		if err := poll.Sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("inspect: %w", err)
		}
		if last, err = look(ctx, db, o); err != nil {
			return nil, fmt.Errorf("inspect: %w", err)
		}
	}
	return report(first, last, o), nil
}
