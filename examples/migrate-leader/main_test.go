package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
)

// asMain makes the test binary be the command.
const asMain = "MIGRATE_LEADER_TEST_MAIN"

func TestMain(m *testing.M) {
	switch os.Getenv(asMain) {
	case "1":
		main()
		return
	case "work", "probe":
		os.Exit(tool(os.Getenv(asMain)))
	}
	os.Exit(m.Run())
}

// command is the command as a process of its own.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	return cmd
}

func TestDemo(t *testing.T) {
	t.Setenv(asMain, "1")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-demo"}, &out, &out), "%s", &out)
	require.Contains(t, out.String(), "4 of 5 replicas are ready, 1 was killed; the migration's own ledger: begin 1 begin 2 end 2")
}

func TestRunBecomesTheApplication(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base := []string{"run", "-store", "file:" + dir, "-key", "k", "-build", "v1", "--", "/bin/sh", "-c", "echo migrating $MIGRATE_FENCE $PGAPPNAME", "-then", "/bin/sh", "-c", "echo serving; exit 7"}
	out, err := command(t.Context(), base...).Output()
	require.ErrorContains(t, err, "exit status 7", "the application's own")
	require.Equal(t, "migrating 1 migrate/k/1\nserving\n", string(out))
	out, err = command(t.Context(), base...).Output()
	require.ErrorContains(t, err, "exit status 7")
	require.Equal(t, "serving\n", string(out), "the same build does not migrate again")
	out, err = command(t.Context(), "status", "-store", "file:"+dir, "-key", "k").Output()
	require.NoError(t, err)
	var s struct {
		Epoch    migrate.Fence
		Progress migrate.Progress
	}
	require.NoError(t, json.Unmarshal(out, &s))
	require.Equal(t, migrate.Fence(1), s.Epoch)
	require.Equal(t, "done", s.Progress.Outcome)
}

// TestOneShots runs five containers that only migrate, as every task of a
// service has one that the others depend on: one of them does it.
func TestOneShots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ledger := filepath.Join(dir, "ledger")
	outs := make([]bytes.Buffer, 5)
	var shots []*exec.Cmd
	for i := range outs {
		cmd := command(t.Context(), "run", "-store", "file:"+dir, "-key", "k", "-build", "v1", "-interval", "100ms", "-handback", "--", "/bin/sh", "-c", "echo $MIGRATE_FENCE >>"+ledger+"; sleep 1; echo migrated")
		cmd.Stdout = &outs[i]
		require.NoError(t, cmd.Start())
		shots = append(shots, cmd)
	}
	led := 0
	for i, cmd := range shots {
		require.NoError(t, cmd.Wait())
		res, err := migrate.ReadHandback[migrate.Result](strings.Split(outs[i].String(), "\n"))
		require.NoError(t, err)
		require.Equal(t, migrate.State{Version: "v1", Done: true}, res.State)
		if res.Fence > 0 {
			led++
			require.True(t, strings.HasPrefix(outs[i].String(), "migrated\n"))
		}
	}
	require.Equal(t, 1, led)
	b, err := os.ReadFile(ledger)
	require.NoError(t, err)
	require.Equal(t, "1\n", string(b))
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, want := range []int{9, 9, 3} {
		cmd := command(t.Context(), "run", "-store", "file:"+dir, "-key", "k", "--", "/bin/sh", "-c", "exit 9")
		out, _ := cmd.CombinedOutput()
		require.Equal(t, want, cmd.ProcessState.ExitCode(), "run %d: %s", i, out)
	}
	for _, args := range [][]string{{}, {"nonsense"}, {"run", "--", "x"}, {"run", "-store", "nonsense", "-key", "k", "--", "x"}, {"status"}, {"task"}, {"task", "-nonsense"}, {"preflight"}} {
		cmd := command(t.Context(), args...)
		_ = cmd.Run()
		require.Equal(t, 2, cmd.ProcessState.ExitCode(), "%v", args)
	}
}

func TestStampTellsBeforeItWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "row"), []byte("a1\n"), 0o600))
	fake := filepath.Join(dir, "fake")
	script := fmt.Sprintf("#!/bin/sh\ncase $2 in heads) echo 'b2 (head)';; current) cat %[1]s/row;; stamp) echo $3 >%[1]s/row;; esac\n", dir)
	require.NoError(t, os.WriteFile(fake, []byte(script), 0o700))
	row := func() string {
		b, err := os.ReadFile(filepath.Join(dir, "row"))
		require.NoError(t, err)
		return strings.TrimSpace(string(b))
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"stamp", "--", fake}, &out, &out))
	require.JSONEq(t, `{"from":"a1","to":"b2","changed":false}`, out.String())
	require.Equal(t, "a1", row())
	require.ErrorIs(t, run(t.Context(), []string{"stamp", "-apply", "--", fake}, &out, &out), migrate.ErrUnproven)
	require.ErrorIs(t, run(t.Context(), []string{"stamp", "-apply", "-verify", "false", "--", fake}, &out, &out), migrate.ErrUnproven)
	require.Equal(t, "a1", row())
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"stamp", "-apply", "-verify", "true", "-store", "file:" + dir, "-key", "k", "--", fake}, &out, &out))
	require.JSONEq(t, `{"from":"a1","to":"b2","changed":true}`, out.String())
	require.Equal(t, "b2", row())
	rec, err := migrate.FileStore(dir).Read(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, migrate.Fence(1), rec.Epoch, "it was written under the lock")
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"inspect", "--", fake}, &out, &out))
	require.JSONEq(t, `{"tool":"alembic","revision":"b2","head":"b2"}`, out.String())
}
