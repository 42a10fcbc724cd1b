package revision

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

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
