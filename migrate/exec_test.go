//go:build linux

package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
)

func TestExecCarriesTheFence(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	run := migrate.Program{Args: []string{"/bin/sh", "-c", `echo "$A $MIGRATE_FENCE"`}, Env: []string{"A=b"}, Stdout: &out}.Run
	require.NoError(t, run(t.Context(), 7))
	require.Equal(t, "b 7\n", out.String())
	err := migrate.Program{Args: []string{"/bin/sh", "-c", "exit 3"}}.Run(t.Context(), 7)
	e, ok := errors.AsType[*migrate.ExitError](err)
	require.True(t, ok)
	require.Equal(t, 3, e.Code)
	require.Error(t, migrate.Program{}.Run(t.Context(), 7))
	require.Error(t, migrate.Program{Args: []string{"/no/such/program"}}.Run(t.Context(), 7))
}

// TestExecEndsTheWholeFamily ends a program that passes over SIGTERM, and has a
// child.
func TestExecEndsTheWholeFamily(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	script := `trap 'echo term >>"$0"' TERM; sleep 60 & echo $! >>"$0"; while :; do wait; done`
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	errs := make(chan error)
	go func() {
		errs <- migrate.Program{Args: []string{"/bin/sh", "-c", script, pids}, Grace: 100 * time.Millisecond}.Run(ctx, 1)
	}()
	var child int
	require.Eventually(t, func() bool {
		b, _ := os.ReadFile(pids)
		child, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		return child > 0
	}, 10*time.Second, time.Millisecond)
	cancel(migrate.ErrLeaseLost)
	require.ErrorIs(t, <-errs, migrate.ErrLeaseLost)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(child), "stat"))
		return err != nil || strings.Contains(string(stat), ") Z ") || errors.Is(syscall.Kill(child, 0), syscall.ESRCH)
	}, 10*time.Second, time.Millisecond)
}

// A failure is kept in the store and told to every process that waits: the
// address that the tool was given may have a password.
func TestErrorsOfProgramsHaveNoPassword(t *testing.T) {
	t.Parallel()
	err := migrate.Program{Args: []string{"/bin/sh", "-c", `echo "dial $0"; exit 9`, "postgres://app:hunter2@db/app"}}.Run(t.Context(), 1)
	require.ErrorContains(t, err, "postgres://app:")
	require.NotContains(t, err.Error(), "hunter2")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = migrate.Program{Args: []string{"/bin/sh", "-c", "sleep 60", "mysql://app:hunter2@db/app"}}.Run(ctx, 1)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}
