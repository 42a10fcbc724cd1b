package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// unproven are the options of a stamp that nothing but the table decides.
func unproven(t *testing.T) func(*revision.StampOptions) {
	store := migrate.FileStore(t.TempDir())
	return func(o *revision.StampOptions) {
		o.Store, o.Key, o.Who, o.Reason, o.Unproven, o.Watch = store, "k", "test", "test", true, time.Millisecond
	}
}

// TestStampOfMoreRows replaces one version in a table whose collation takes two
// for one: nothing is written.
func TestStampOfMoreRows(t *testing.T) {
	t.Parallel()
	db := openURL(t, fmt.Sprintf("mysql://root@127.0.0.1:%d/app", servers.StartMariaDB(t).Port))
	for _, s := range []string{"CREATE TABLE alembic_version (version_num varchar(32)) COLLATE utf8mb4_general_ci", "INSERT INTO alembic_version VALUES ('abc'), ('ABC')"} {
		_, err := db.Exec(s)
		require.NoError(t, err)
	}
	history := revision.History{{Version: "abc"}, {Version: "ABC"}, {Version: "x9", Parents: []string{"ABC"}}}
	out, err := revision.Stamp(t.Context(), db, revision.Change{To: "x9", History: history}, unproven(t))
	require.ErrorIs(t, err, revision.ErrChanged)
	require.ErrorContains(t, err, "2 rows, not 1")
	require.False(t, out.Changed)
	var n int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM alembic_version WHERE version_num = 'abc'").Scan(&n))
	require.Equal(t, 2, n)
}

// TestStampAsksTheToolsLock meets a lock that belongs to no session: a transaction
// that was prepared and left.
func TestStampAsksTheToolsLock(t *testing.T) {
	t.Parallel()
	db := openURL(t, servers.StartPostgreSQL(t, "max_prepared_transactions=5").DSN())
	for _, s := range []string{
		"CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now())",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true)",
		"BEGIN; SELECT pg_advisory_xact_lock(4097083626); PREPARE TRANSACTION 'left'",
	} {
		_, err := db.Exec(s)
		require.NoError(t, err)
	}
	_, err := revision.Stamp(t.Context(), db, revision.Change{To: "1"}, unproven(t))
	require.ErrorIs(t, err, revision.ErrRunning)
	require.ErrorContains(t, err, "the lock of goose is held")
	_, err = db.Exec("ROLLBACK PREPARED 'left'")
	require.NoError(t, err)
	out, err := revision.Stamp(t.Context(), db, revision.Change{To: "1"}, unproven(t))
	require.NoError(t, err)
	require.True(t, out.Changed)
}
