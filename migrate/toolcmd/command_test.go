package toolcmd_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

func TestProbeCommand(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]migrate.State{0: {Version: "v7", Done: true}, 1: {Version: "v7"}} {
		s, err := toolcmd.ProbeCommand(func(_ context.Context, args []string) ([]string, error) {
			lines := []string{"log", " v7 "}
			if code != 0 {
				return lines, &toolcmd.CommandError{Args: args, Code: code}
			}
			return lines, nil
		}, []string{"probe"})(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, s)
	}
	_, err := toolcmd.ProbeCommand(func(_ context.Context, args []string) ([]string, error) {
		return nil, &toolcmd.CommandError{Args: args, Code: 2}
	}, []string{"probe"})(t.Context())
	require.Error(t, err)
}

// TestLocalIsBounded runs shells whose children keep the pipe open: as every
// compound command does on Debian, whose sh forks for its last one.
func TestLocalIsBounded(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"compound":   "sleep 60; exit 1",
		"replaced":   "exec sleep 60",
		"deaf":       "trap '' TERM; sleep 60; sleep 60",
		"background": "sleep 60 & sleep 60",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		begin := time.Now()
		_, err := toolcmd.Local(ctx, []string{"/bin/sh", "-c", "echo looking; " + script})
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded, name)
		require.ErrorContains(t, err, "looking", name)
		require.Less(t, time.Since(begin), 5*time.Second, name)
	}
	// What is left in the background ends with the command, and does not delay it.
	begin := time.Now()
	lines, err := toolcmd.Local(t.Context(), []string{"/bin/sh", "-c", "sleep 60 & echo $!"})
	require.NoError(t, err)
	require.Less(t, time.Since(begin), 20*time.Second)
	require.Len(t, lines, 1)
	left, err := strconv.Atoi(lines[0])
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(left), "stat"))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 20*time.Second, 10*time.Millisecond)
}

func TestProbeThatCannotRun(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"/bin/sh", "-c", "no-such-program --check"}, {"/bin/sh", "-c", "/etc/passwd"}, {"/no/such/sh", "-c", "true"}, {"/etc/passwd"}, {}} {
		_, err := toolcmd.ProbeCommand(toolcmd.Local, args)(t.Context())
		require.ErrorIs(t, err, migrate.ErrProbe, strings.Join(args, " "))
	}
	for _, script := range []string{"exit 2", "kill -SEGV $$"} {
		_, err := toolcmd.ProbeCommand(toolcmd.Local, []string{"/bin/sh", "-c", script})(t.Context())
		require.Error(t, err)
		require.NotErrorIs(t, err, migrate.ErrProbe)
	}
}
