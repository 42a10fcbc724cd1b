package revision_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing/fstest"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/pglease"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// Which migrations does this image bring?
func ExampleReadHistory() {
	files := fstest.MapFS{ // os.DirFS("db/migrate"), or an embed.FS
		"20260301093000_add_state.rb": {}, "20260101120000_create_orders.rb": {}, "20260201080000_add_price.rb": {},
	}
	history, err := revision.ReadHistory(files, "rails")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range history {
		fmt.Println(m.Version, m.File)
	}
	// Output:
	// 20260101120000 20260101120000_create_orders.rb
	// 20260201080000 20260201080000_add_price.rb
	// 20260301093000 20260301093000_add_state.rb
}

// A migration was applied and not recorded: look first, then write with a
// proof. It is not run here: it needs a database.
func ExampleStamp() {
	var db *sql.DB // with any driver
	change := revision.Change{To: "20260301093000"}
	proof := revision.Check{Query: `SELECT count(*) FROM information_schema.columns WHERE table_name = 'orders' AND column_name = 'state'`, Want: "1"}
	_ = func(ctx context.Context) error {
		plan, err := revision.Stamp(ctx, db, change, func(o *revision.StampOptions) { o.Checks, o.DryRun = []revision.Check{proof}, true })
		if err != nil || !plan.Proven {
			return err
		}
		fmt.Println(plan.From, "->", plan.To, plan.Statements)
		_, err = revision.Stamp(ctx, db, change, func(o *revision.StampOptions) {
			o.Checks, o.Expect = []revision.Check{proof}, plan.Fingerprint
			o.Store, o.Key, o.Who, o.Reason = pglease.Table(db), "orders", "ann", "ticket 4711"
			o.Enter = func(ctx context.Context, f migrate.Fence) error { return pglease.Raise(ctx, db, "orders", f) }
		})
		return err
	}
}

// Which tool owns which table, at which version, and who is at work. It is not run
// here: it needs a database.
func ExampleInspect() {
	var db *sql.DB
	found, err := revision.Inspect(context.Background(), db)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range found.Sessions {
		fmt.Println(s)
	}
}

// Replicas wait until the image's last migration is recorded.
func ExampleProbe() {
	var db *sql.DB
	var store migrate.Store
	history, err := revision.ReadHistory(fstest.MapFS{"1_init.up.sql": {}, "2_state.up.sql": {}}, "golang-migrate")
	if err != nil {
		fmt.Println(err)
		return
	}
	probe := revision.Probe(db, history)
	_, err = migrate.New(store, "orders", probe, migrate.Func(func(context.Context, migrate.Fence) error { return nil }))
	fmt.Println(err)
}

// A session that was left behind holds the tool's lock.
func ExampleEndSession() {
	var db *sql.DB
	s, err := revision.EndSession(context.Background(), db, 4711)
	fmt.Println(s, err)
}
