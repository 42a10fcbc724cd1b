package revision

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/migrate"
)

// ErrNoTable means that the database has no table of a migration tool, as far
// as this user can see.
var ErrNoTable = errors.New("no table of a migration tool")

// KindInspection and KindStamped are the kinds under which results are handed
// back from a task: see [migrate.Handback].
const (
	KindInspection = "revision.Inspection"
	KindStamped    = "revision.Stamped"
)

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

// Verdict is what to think of a table.
type Verdict string

// The verdicts.
const (
	// Clean: nothing is unfinished, and nobody is at work.
	Clean Verdict = "clean"
	// RunningNow: somebody is at work. Hands off.
	RunningNow Verdict = "running"
	// Stuck: something is unfinished, nobody is at work, and nothing has
	// changed while it was watched.
	Stuck Verdict = "stuck"
	// Unclear: something is unfinished, and whether anybody is at work cannot
	// be seen.
	Unclear Verdict = "unclear"
)

// Table is a migration tool's table.
type Table struct {
	Tool string `json:"tool"`
	Name string `json:"table"`
	// Version is where it stands: the newest version, or the heads. "" for
	// nothing applied.
	Version string `json:"version"`
	// Recorded is how many versions it holds.
	Recorded int `json:"recorded"`
	// Unfinished are migrations that began and did not end, as far as the tool
	// records that.
	Unfinished []string `json:"unfinished,omitempty"`
	// Locked is who holds the tool's own lock row.
	Locked string `json:"locked,omitempty"`
	// Pending are the image's that are not recorded, Unknown those recorded
	// that the image does not know: of a newer release, mostly.
	Pending []string `json:"pending,omitempty"`
	Unknown []string `json:"unknown,omitempty"`
	// Odd is what should not be there.
	Odd []string `json:"odd,omitempty"`

	Verdict Verdict `json:"verdict"`
	// Why are the reasons for the verdict.
	Why []string `json:"why,omitempty"`
	// Stampable is set for tools that [Stamp] can correct; Repair names the
	// tool's own commands.
	Stampable bool     `json:"stampable"`
	Repair    []string `json:"repair,omitempty"`
	// Fingerprint is of all that the table holds: see [StampOptions.Expect].
	Fingerprint string `json:"fingerprint"`
}

// Inspection is what [Inspect] found.
type Inspection struct {
	// Format is 1.
	Format   int     `json:"format"`
	Engine   Engine  `json:"engine"`
	Database string  `json:"database"`
	Tables   []Table `json:"tables"`
	// Sessions look as if they migrate.
	Sessions []Session `json:"sessions,omitempty"`
	// Leader is who holds the lease, with its progress; "" for nobody.
	Leader   string           `json:"leader,omitempty"`
	Progress migrate.Progress `json:"progress,omitzero"`
	// Blind is what could not be seen.
	Blind string `json:"blind,omitempty"`
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

// sight is one look at a database.
type sight struct {
	server
	found    []located
	contents []content
	live     []Session
	blind    string
	lease    migrate.Record
}

// look reads everything once.
func look(ctx context.Context, db querier, o InspectOptions) (*sight, error) {
	s := &sight{}
	var err error
	if s.server, err = identify(ctx, db); err != nil {
		return nil, err
	}
	given := o.Table[strings.LastIndex(o.Table, ".")+1:]
	all, err := s.survey(ctx, db, tableNames(given))
	if err != nil {
		return nil, err
	}
	r := reader{s.server, db, all}
	for _, p := range all.sorted() {
		mine := o.Table != "" && (strings.EqualFold(o.Table, p.name) || strings.EqualFold(o.Table, p.String()))
		t, ok := owner(all, p, mine)
		if !ok {
			continue
		}
		c, err := t.read(ctx, r, p)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", p, t.name, err)
		}
		s.found, s.contents = append(s.found, located{t, p}), append(s.contents, c)
	}
	if len(s.found) == 0 {
		return nil, fmt.Errorf("database %s: %w", s.database, ErrNoTable)
	}
	if s.live, s.blind, err = s.sessions(ctx, db, s.found); err != nil {
		return nil, err
	}
	if o.Store != nil {
		if s.lease, err = o.Store.Read(ctx, o.Key); err != nil {
			return nil, fmt.Errorf("lease %s: %w", o.Key, err)
		}
	}
	return s, nil
}

// patience is how long to wait before the second look, 0 for none.
func (s *sight) patience(watch time.Duration) time.Duration {
	held := s.lease.Owner != "" && !s.lease.Dead
	suspicious := slices.ContainsFunc(s.contents, content.suspicious)
	if watch < 0 || (!held && !suspicious) {
		return 0
	}
	watch = cmp.Or(watch, 15*time.Second)
	if held {
		watch = max(watch, s.lease.Lease)
	}
	return watch
}

// suspicious reports whether the table says that something is unfinished.
func (c content) suspicious() bool { return len(c.unfinished) > 0 || c.locked != "" }

// fingerprint is of all that a table holds.
func (c content) fingerprint() string {
	h := sha256.New()
	for _, e := range c.entries {
		_, _ = fmt.Fprintln(h, e)
	}
	_, _ = fmt.Fprintln(h, c.version, c.unfinished, c.locked)
	return hex.EncodeToString(h.Sum(nil))[:16]
}
