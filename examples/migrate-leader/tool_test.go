package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

const (
	toolDSN   = "MIGRATE_LEADER_TEST_DSN"
	toolKey   = "MIGRATE_LEADER_TEST_KEY"
	toolNaive = "MIGRATE_LEADER_TEST_NAIVE"
	toolSteps = 8
)

// ledger is what the migration tool of the proof leaves: a row per step and
// time it was done, in the same transaction as its effect.
const ledger = `CREATE TABLE ledger (key text, step int, epoch bigint, pid int, t0 timestamptz, t1 timestamptz)`

// tool is the team's migration tool, in a process of its own.
func tool(mode string) int {
	ctx := context.Background()
	key := os.Getenv(toolKey)
	fence, _ := strconv.ParseInt(os.Getenv("MIGRATE_FENCE"), 10, 64)
	db, err := sql.Open("pgx", os.Getenv(toolDSN)+"&application_name="+os.Getenv("PGAPPNAME"))
	if err != nil {
		return 9
	}
	if mode == "probe" {
		var n int
		err := db.QueryRow(`SELECT count(DISTINCT step) FROM ledger WHERE key = $1`, key).Scan(&n)
		fmt.Println(n)
		switch {
		case err != nil:
			return 9
		case n < toolSteps:
			return 1
		}
		return 0
	}
	naive := os.Getenv(toolNaive) != ""
	if !naive {
		if err := pglease.Raise(ctx, db, key, migrate.Fence(fence)); err != nil {
			fmt.Fprintln(os.Stderr, "tool:", err)
			return 8
		}
	}
	for step := range toolSteps {
		if err := oneStep(ctx, db, key, step, migrate.Fence(fence), naive); err != nil {
			fmt.Fprintln(os.Stderr, "tool:", err)
			return 8
		}
	}
	return 0
}

// oneStep does a step that was not done, in one guarded transaction.
func oneStep(ctx context.Context, db *sql.DB, key string, step int, fence migrate.Fence, naive bool) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if !naive {
		if err := pglease.Guard(ctx, tx, key, fence); err != nil {
			return err
		}
	}
	var done bool
	if err := tx.QueryRow(`SELECT EXISTS (SELECT FROM ledger WHERE key = $1 AND step = $2)`, key, step).Scan(&done); err != nil || done {
		return err
	}
	var t0 time.Time
	if err := tx.QueryRow(`SELECT clock_timestamp()`).Scan(&t0); err != nil {
		return err
	}
	if _, err := tx.Exec(`SELECT pg_sleep(0.1)`); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO ledger VALUES ($1, $2, $3, $4, $5, clock_timestamp())`, key, step, int64(fence), os.Getpid(), t0); err != nil {
		return err
	}
	return tx.Commit()
}
