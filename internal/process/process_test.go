//go:build unix

package process_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/process"
)

func TestTail(t *testing.T) {
	t.Parallel()
	var tail process.Tail
	require.Empty(t, tail.Lines(3))
	for _, s := range []string{"one\n", "\n", "tw", "o  \r\n", "three"} {
		n, err := tail.Write([]byte(s))
		require.NoError(t, err)
		require.Equal(t, len(s), n)
	}
	require.Equal(t, []string{"one", "two", "three"}, tail.Lines(5))
	require.Equal(t, []string{"two", "three"}, tail.Lines(2))
	small := process.Tail{Size: 10}
	_, _ = small.Write([]byte("first line\nsecond\nlast\n"))
	require.Equal(t, []string{"last"}, small.Lines(5), "a line that was cut is left out")
	_, _ = small.Write([]byte(strings.Repeat("x", 100)))
	require.Equal(t, []string{strings.Repeat("x", 10)}, small.Lines(5), "but for one that is all there is")
}

// failing takes no output.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

func TestRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := exec.Command("/bin/sh", "-c", "echo a; echo b >&2; exit 3")
	cmd.Stdout, cmd.Stderr = &out, &out
	exit, ok := errors.AsType[*exec.ExitError](process.Run(t.Context(), cmd, 0))
	require.True(t, ok)
	require.Equal(t, 3, exit.ExitCode())
	require.Equal(t, "a\nb\n", out.String())

	// A writer that fails neither blocks nor ends the program.
	cmd = exec.Command("/bin/sh", "-c", "yes | head -c 1000000; exit 0")
	cmd.Stdout = failing{}
	require.NoError(t, process.Run(t.Context(), cmd, 0))

	require.ErrorIs(t, process.Run(t.Context(), exec.Command("no-such-program"), 0), exec.ErrNotFound)

	// SIGTERM first, and the time that was granted.
	out.Reset()
	cmd = exec.Command("/bin/sh", "-c", "trap 'echo polite; exit 4' TERM; echo up; while :; do sleep 0.05; done")
	cmd.Stdout = &out
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	exit, ok = errors.AsType[*exec.ExitError](process.Run(ctx, cmd, 10*time.Second))
	require.True(t, ok)
	require.Equal(t, 4, exit.ExitCode())
	require.Equal(t, "up\npolite\n", out.String())

	// A process that left the group keeps the pipe: it is not waited for.
	cmd = exec.Command("/bin/sh", "-c", "setsid sleep 30 & echo gone")
	out.Reset()
	cmd.Stdout = &out
	begin := time.Now()
	require.NoError(t, process.Run(t.Context(), cmd, 0))
	require.Less(t, time.Since(begin), 10*time.Second)
	require.Equal(t, "gone\n", out.String())
}
