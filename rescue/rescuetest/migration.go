package rescuetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Revisions of the incident's schema.
const (
	revisionOld = "3f2a9c1d7b04"
	revisionNew = "8c5e1b40d2aa"
)

// migratesAtStart is the application of the incident: every replica migrates
// the database when it starts, and serves once the table holds the revision it
// knows. Called with a command of the migration tool, it does only that.
//
// The migration takes half a minute. The first replica marks the table and
// changes the schema; a second one that begins in the meantime meets the
// first's changes and dies, and takes the first one's revision with it. From
// then on the mark stays, and every later replica waits for a migration that
// nobody runs.
func migratesAtStart(db *Database, revision string) simtype.Program {
	return func(c *simtype.Container) {
		if args := c.Command(); len(args) > 0 {
			alembic(c, db, revision, args)
			return
		}
		c.Print("INFO  [app] starting, schema wanted: " + revision)
		if c.Env("DATABASE_PASSWORD") == "" {
			c.Print("ERROR [app] DATABASE_PASSWORD is not set")
			c.After(time.Second, func() { c.Exit(1) })
			return
		}
		c.After(3*time.Second, func() { migrate(c, db, revision) })
	}
}

func migrate(c *simtype.Container, db *Database, revision string) {
	serve := func() {
		c.Print("INFO  [app] schema " + revision + " found, serving")
		c.SetHealthy(true)
	}
	var wait func()
	wait = func() {
		if db.Revision == revision {
			serve()
			return
		}
		c.Print("INFO  [app] waiting for the migration to finish")
		c.After(10*time.Second, wait)
	}
	switch {
	case db.Revision == revision:
		serve()
	case db.Holder == "":
		db.Holder, db.Runs = c.TaskARN(), db.Runs+1
		c.Print(fmt.Sprintf("INFO  [alembic.runtime.migration] Running upgrade %s -> %s, add plans", db.Revision, revision))
		c.After(20*time.Second, func() { db.Schema = revision })
		c.After(30*time.Second, func() {
			if db.Runs > 1 { // somebody else ran it too: the row is not what it was
				c.Print("ERROR [alembic.util.messaging] Online migration expected to match one row when updating '" + db.Revision + "' to '" + revision + "' in 'alembic_version'; 0 found")
				c.Exit(1)
				return
			}
			db.Revision, db.Holder = revision, ""
			serve()
		})
	case db.Runs == 1 && db.Schema != revision: // the race: begun before the first one has finished
		db.Runs++
		c.Print(fmt.Sprintf("INFO  [alembic.runtime.migration] Running upgrade %s -> %s, add plans", db.Revision, revision))
		c.After(25*time.Second, func() {
			c.Print(`ERROR [sqlalchemy] psycopg2.errors.DuplicateTable: relation "plans" already exists`)
			c.Exit(1)
		})
	default:
		wait()
	}
}

// alembic is the migration tool's commands that a rescue needs.
func alembic(c *simtype.Container, db *Database, head string, args []string) {
	line := strings.Join(args, " ")
	c.After(4*time.Second, func() {
		switch {
		case strings.HasSuffix(line, "alembic current"):
			mark := ""
			if db.Revision == head {
				mark = " (head)"
			}
			c.Print(db.Revision + mark)
		case strings.HasSuffix(line, "alembic heads"):
			c.Print(head + " (head)")
		case strings.HasSuffix(line, "alembic stamp head"), strings.HasSuffix(line, "alembic stamp "+head):
			c.Print("INFO  [alembic.runtime.migration] Running stamp_revision " + db.Revision + " -> " + head)
			db.Revision, db.Holder = head, ""
		case strings.HasSuffix(line, "check-schema"):
			c.Print("schema " + db.Schema)
			if db.Schema != head {
				c.Exit(3)
				return
			}
		default:
			c.Print("unknown command: " + line)
			c.Exit(127)
			return
		}
		c.Exit(0)
	})
}

// readsOldSchema is the application's earlier image: it serves only while the
// schema is the old one.
func readsOldSchema(db *Database) simtype.Program {
	return func(c *simtype.Container) {
		c.After(3*time.Second, func() {
			if db.Schema != revisionOld {
				c.Print(`ERROR [sqlalchemy] psycopg2.errors.UndefinedColumn: column users.plan does not exist`)
				c.Exit(1)
				return
			}
			c.Print("INFO  [app] serving")
			c.SetHealthy(true)
		})
	}
}
