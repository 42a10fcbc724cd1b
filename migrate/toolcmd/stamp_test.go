package toolcmd_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// shell answers the commands of alembic on a table with one row.
type shell struct {
	mu                sync.Mutex
	row, head, schema string
	ran               []string
}

func (s *shell) run(_ context.Context, args []string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := strings.Join(args, " ")
	s.ran = append(s.ran, line)
	switch {
	case line == "alembic heads":
		return []string{"INFO  [alembic] context", s.head + " (head)"}, nil
	case line == "alembic current" && s.row == s.head:
		return []string{s.row + " (head)"}, nil
	case line == "alembic current":
		return []string{s.row}, nil
	case strings.HasPrefix(line, "alembic stamp "):
		s.row = args[2]
		return nil, nil
	case line == "check" && s.schema == s.head:
		return nil, nil
	}
	return nil, &toolcmd.CommandError{Args: args, Code: 1, Lines: []string{"no"}}
}

func TestStampNeedsProof(t *testing.T) {
	t.Parallel()
	s := &shell{row: "a1", head: "b2", schema: "b2"}
	_, err := toolcmd.Stamp(t.Context(), s.run, toolcmd.Alembic())
	require.ErrorIs(t, err, migrate.ErrUnproven)
	s.schema = "a1"
	check := func(o *toolcmd.StampOptions) { o.Verify = [][]string{{"check"}} }
	_, err = toolcmd.Stamp(t.Context(), s.run, toolcmd.Alembic(), check)
	require.ErrorIs(t, err, migrate.ErrUnproven)
	require.Equal(t, "a1", s.row)
	s.schema = "b2"
	out, err := toolcmd.Stamp(t.Context(), s.run, toolcmd.Alembic(), check)
	require.NoError(t, err)
	require.Equal(t, &toolcmd.Stamped{From: "a1", To: "b2", Changed: true}, out)
	s.ran = nil
	out, err = toolcmd.Stamp(t.Context(), s.run, toolcmd.Alembic(), check)
	require.NoError(t, err)
	require.False(t, out.Changed)
	require.Equal(t, []string{"alembic heads", "alembic current"}, s.ran)
}

func TestInspectRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	_, err := toolcmd.Inspect(t.Context(), func(context.Context, []string) ([]string, error) { return []string{"two words"}, nil }, toolcmd.Alembic())
	require.ErrorIs(t, err, migrate.ErrOutput)
	s, err := toolcmd.Inspect(t.Context(), (&shell{row: "", head: "b2"}).run, toolcmd.Alembic("poetry", "run"))
	require.Error(t, err, "the prefix is part of the command")
	require.Empty(t, s.Revision)
}

// TestStampUnderTheLock waits for a leader that migrates, and finds that there
// is nothing left to stamp.
func TestStampUnderTheLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		s := &shell{row: "a1", head: "b2", schema: "b2"}
		begun, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			ended <- migrate.Lead(t.Context(), m.Client(), "app", func(context.Context, migrate.Fence) error {
				close(begun)
				time.Sleep(time.Minute)
				s.mu.Lock()
				defer s.mu.Unlock()
				s.row = "b2"
				return nil
			})
		}()
		<-begun
		begin := time.Now()
		lock := func(o *toolcmd.StampOptions) { o.Store, o.Key, o.Unproven = m.Client(), "app", true }
		out, err := toolcmd.Stamp(t.Context(), s.run, toolcmd.Alembic(), lock)
		require.NoError(t, err)
		require.Equal(t, &toolcmd.Stamped{From: "b2", To: "b2"}, out)
		require.GreaterOrEqual(t, time.Since(begin), time.Minute)
		require.NoError(t, <-ended)
		require.NotContains(t, strings.Join(s.ran, ";"), "stamp")
		s.row = "a1"
		out, err = toolcmd.Stamp(t.Context(), s.run, toolcmd.Alembic(), lock)
		require.NoError(t, err)
		require.Equal(t, &toolcmd.Stamped{From: "a1", To: "b2", Changed: true}, out)
		r, err := m.Client().Read(t.Context(), "app")
		require.NoError(t, err)
		require.Equal(t, migrate.Fence(3), r.Epoch)
		require.Empty(t, r.Owner)
	})
}
