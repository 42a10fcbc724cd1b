package revision

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

// snapshot is what one reading of a database gave.
type snapshot struct {
	server
	found    []located
	contents []content
	live     []Session
	blind    string
	lease    migrate.Record
	progress migrate.Progress
}

// read reads everything once.
func read(ctx context.Context, db querier, o InspectOptions) (*snapshot, error) {
	s := &snapshot{}
	if err := s.readTables(ctx, db, o); err != nil {
		return nil, err
	}
	var err error
	if s.live, s.blind, err = s.sessions(ctx, db, s.found); err != nil {
		return nil, err
	}
	after := cmp.Or(o.OrphanAfter, 5*time.Minute)
	for i := range s.live {
		s.live[i].judge(after)
	}
	if o.Store != nil {
		if s.lease, s.progress, err = migrate.Status(ctx, o.Store, o.Key); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readTables reads the tools' tables.
func (s *snapshot) readTables(ctx context.Context, db querier, o InspectOptions) (err error) {
	if s.server, err = identify(ctx, db); err != nil {
		return err
	}
	given := o.Table[strings.LastIndex(o.Table, ".")+1:]
	all, err := s.listTables(ctx, db, tableNames(given))
	if err != nil {
		return err
	}
	r := reader{s.server, db, all}
	for _, p := range all.sorted() {
		mine := o.Table != "" && (strings.EqualFold(o.Table, p.name) || strings.EqualFold(o.Table, p.String()))
		t, ok := owner(all, p, mine)
		if !ok || (o.Tool != "" && !strings.EqualFold(o.Tool, t.name)) {
			continue
		}
		c, err := t.readWithin(ctx, r, p)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", p, t.name, err)
		}
		s.found, s.contents = append(s.found, located{t, p}), append(s.contents, c)
	}
	if len(s.found) == 0 {
		return s.noTable(ctx, db)
	}
	return nil
}

// readLimit is how long a table of a few rows may take to be read. One that a
// session has locked is not read at all, and who has it is what one wants to
// know then.
const readLimit = 5 * time.Second

// readWithin reads a table, or says in the content that it could not be read in
// time.
func (t tool) readWithin(ctx context.Context, r reader, p place) (content, error) {
	call, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	c, err := t.read(call, r, p)
	if err != nil && call.Err() != nil && ctx.Err() == nil {
		return content{unread: fmt.Sprintf("it could not be read within %s: a session has it locked, or the server does not answer", readLimit)}, nil
	}
	return c, err
}

// readable returns [ErrRunning] for a table that could not be read.
func (c content) readable() error {
	if c.unread != "" {
		return fmt.Errorf("%w: %s", ErrRunning, c.unread)
	}
	return nil
}

// distinctive are columns that only tables of migration tools have.
var distinctive = []string{"dirty", "version_num", "version_id", "installed_rank", "orderexecuted", "applied_steps_count"}

// noTable looks for tables that a tool was configured to name differently.
func (s *snapshot) noTable(ctx context.Context, db querier) error {
	e := &NoTableError{Database: s.database}
	query := `SELECT DISTINCT lower(table_name) FROM information_schema.columns WHERE lower(column_name) IN ('` + strings.Join(distinctive, `', '`) + `')`
	if s.engine == mySQL {
		query += ` AND table_schema = database()`
	}
	names, err := column(ctx, db, query)
	if err != nil || len(names) == 0 {
		return errors.Join(e, err)
	}
	all, err := s.listTables(ctx, db, names)
	if err != nil {
		return errors.Join(e, err)
	}
	for _, p := range all.sorted() {
		if t, ok := owner(all, p, true); ok {
			e.Candidates = append(e.Candidates, Candidate{t.name, p.String()})
		}
	}
	return e
}

// watchFor is how long to wait before the second reading, 0 for none.
func (s *snapshot) watchFor(watch time.Duration) time.Duration {
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
func (c content) suspicious() bool { return len(c.unfinished) > 0 || c.locked != "" || c.unread != "" }

// fingerprint is of all that a table holds.
func (c content) fingerprint() string {
	h := sha256.New()
	for _, e := range c.entries {
		_, _ = fmt.Fprintln(h, e)
	}
	_, _ = fmt.Fprintln(h, c.version, c.unfinished, c.locked)
	return hex.EncodeToString(h.Sum(nil))[:16]
}
