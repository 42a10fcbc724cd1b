package revision

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/migrate"
)

// ErrNewer is returned by the probe of [Probe], with [migrate.ErrProbe], if the
// database holds migrations that the image does not know and
// [ProbeOptions.RefuseNewer] is set.
var ErrNewer = errors.New("the database is newer than the image")

// ProbeOptions change [Probe]. The zero value is the default.
type ProbeOptions struct {
	// Tool and Table say which of several tables is meant, as in [Change].
	Tool, Table string
	// RefuseNewer makes a database that is newer than the image an error. By
	// default it is done: an older image that is rolled back to runs on the
	// newer schema, and neither migrates it nor undoes it.
	RefuseNewer bool
}

// Probe returns a probe that reads the migration tool's own table: done means
// that every migration of the image is recorded, whatever else is. A database
// without a table of the tool has nothing applied. It is for golang-migrate,
// goose, Alembic, Rails and Django, and runs nothing of theirs: an older image
// answers about a newer database, where the tool itself fails ("Can't locate
// revision", "no migration found for version").
//
// history is what the image brings: see [ReadHistory]. The probe makes three or
// four statements, and changes nothing.
func Probe(db *sql.DB, history History, optFns ...func(*ProbeOptions)) migrate.Probe {
	var o ProbeOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	return func(ctx context.Context) (migrate.State, error) {
		s := &snapshot{}
		if db == nil || len(history) == 0 {
			return migrate.State{}, fmt.Errorf("%w: it needs a database, and the image's migrations", migrate.ErrProbe)
		}
		err := s.readTables(ctx, db, InspectOptions{Tool: o.Tool, Table: o.Table})
		if errors.Is(err, ErrNoTable) {
			return migrate.State{}, nil
		}
		if err != nil {
			return migrate.State{}, err
		}
		i, err := s.choose(Change{Tool: o.Tool, Table: o.Table})
		if err != nil {
			return migrate.State{}, fmt.Errorf("%w: %w", migrate.ErrProbe, err)
		}
		c := s.contents[i]
		if err := c.readable(); err != nil {
			return migrate.State{}, err
		}
		pending, unknown := s.found[i].compare(c, history)
		if len(unknown) > 0 && o.RefuseNewer {
			return migrate.State{}, fmt.Errorf("%w: %w: it holds %s", migrate.ErrProbe, ErrNewer, strings.Join(unknown, ", "))
		}
		return migrate.State{Version: c.version, Dirty: len(c.unfinished) > 0, Done: len(pending) == 0}, nil
	}
}
