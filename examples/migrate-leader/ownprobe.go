package main

import (
	"database/sql"
	"flag"
	"fmt"
	"os"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// ownProbe reads the migration tool's table, rather than asking the tool.
type ownProbe struct{ db, dir, tool, table, newer string }

func (p *ownProbe) flags(fs *flag.FlagSet) {
	fs.StringVar(&p.dir, "dir", "", "directory of the image's migrations (Django: the one above the apps): done is when the tool's table has them all; in the place of -probe")
	fs.StringVar(&p.tool, "tool", "", "with -dir: golang-migrate, goose, alembic, rails or django")
	fs.StringVar(&p.table, "table", "", "with -dir: the tool's table, where it has a name of its own")
	fs.StringVar(&p.db, "db", "", "with -dir: URL of the database, or env:NAME; defaults to that of the store")
	fs.StringVar(&p.newer, "newer", "accept", "with -dir: accept or refuse a database that is newer than the image, as after a rollback")
}

func (p *ownProbe) given() bool { return p.dir != "" || p.tool != "" || p.db != "" }

func (p *ownProbe) probe(store *opened) (migrate.Probe, error) {
	if p.dir == "" || p.tool == "" {
		return nil, fmt.Errorf("%w: -dir and -tool belong together", errUsage)
	}
	if p.newer != "accept" && p.newer != "refuse" {
		return nil, fmt.Errorf("%w: -newer is accept or refuse", errUsage)
	}
	history, err := revision.ReadHistory(os.DirFS(p.dir), p.tool)
	if err != nil {
		return nil, err
	}
	if len(history) == 0 {
		return nil, fmt.Errorf("%w: %s holds no migrations of %s", errUsage, p.dir, p.tool)
	}
	var db *sql.DB
	if db = store.db; p.db != "" {
		if db, err = openDatabase(p.db); err != nil {
			return nil, err
		}
	}
	if db == nil {
		return nil, fmt.Errorf("%w: -dir needs -db, or a store in a database", errUsage)
	}
	return revision.Probe(db, history, func(o *revision.ProbeOptions) {
		o.Tool, o.Table, o.RefuseNewer = p.tool, p.table, p.newer == "refuse"
	}), nil
}
