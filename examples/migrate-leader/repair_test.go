package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// TestRepairBySQL goes the way of the operator: inspect, a dry run, the stamp,
// inspect again.
func TestRepairBySQL(t *testing.T) {
	t.Run("postgresql", func(t *testing.T) {
		t.Parallel()
		repair(t, servers.StartPostgreSQL(t).DSN())
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		repair(t, fmt.Sprintf("mysql://root@127.0.0.1:%d/app", servers.StartMariaDB(t).Port))
	})
}

func repair(t *testing.T, url string) {
	db, err := openDatabase(url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	for _, s := range []string{
		"CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)", "INSERT INTO schema_migrations VALUES (2, true)",
		"CREATE TABLE item (id int PRIMARY KEY, price int)",
	} {
		_, err := db.Exec(s)
		require.NoError(t, err)
	}
	dir := t.TempDir()
	for _, f := range []string{"1_item.up.sql", "2_price.up.sql", "3_name.up.sql"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), nil, 0o600))
	}
	// The URL is a secret: it comes from the environment, into a process.
	call := func(args ...string) ([]byte, int) {
		cmd := command(t.Context(), args...)
		cmd.Env = append(cmd.Env, "DATABASE_URL="+url)
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		_ = cmd.Run()
		require.NotContains(t, log.String(), url)
		t.Logf("%v: %d %s%s", args, cmd.ProcessState.ExitCode(), out.String(), log.String())
		return out.Bytes(), cmd.ProcessState.ExitCode()
	}
	base := []string{"-db", "env:DATABASE_URL", "-dir", dir, "-watch", "200ms"}
	out, code := call(append([]string{"inspect"}, base...)...)
	require.Equal(t, 3, code)
	var in revision.Inspection
	require.NoError(t, json.Unmarshal(out, &in))
	require.Equal(t, revision.Verdict("stuck"), in.Tables[0].Verdict)
	require.Equal(t, []string{"3"}, in.Tables[0].Pending)

	plan := append(append([]string{"stamp"}, base...), "-to", "2", "-check", "SELECT count(price) FROM item => 0")
	out, code = call(plan...)
	require.Equal(t, 0, code)
	var dry revision.Stamped
	require.NoError(t, json.Unmarshal(out, &dry))
	require.False(t, dry.Changed)
	require.True(t, dry.Proven)

	write := append(plan, "-apply", "-key", "app", "-expect", dry.Fingerprint)
	_, code = call(write...)
	require.Equal(t, 2, code, "no reason")
	write = append(write, "-reason", "killed by the health check")
	out, code = call(write...)
	require.Equal(t, 0, code)
	var done revision.Stamped
	require.NoError(t, json.Unmarshal(out, &done))
	require.True(t, done.Changed)
	_, code = call(append([]string{"inspect"}, base...)...)
	require.Equal(t, 0, code)
	_, code = call(append(append([]string{"stamp"}, base...), "-to", "1")...)
	require.Equal(t, 1, code, "backwards")
	_, code = call("stamp", "-db", "env:NONE", "-to", "1")
	require.Equal(t, 2, code)
}
