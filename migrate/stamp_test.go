package migrate_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
)

// shell answers the commands of alembic on a table with one row.
type shell struct {
	row, head, schema string
	ran               []string
}

func (s *shell) run(_ context.Context, args []string) ([]string, error) {
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
	return nil, &migrate.CommandError{Args: args, Code: 1, Lines: []string{"no"}}
}

func TestStampNeedsProof(t *testing.T) {
	t.Parallel()
	s := &shell{row: "a1", head: "b2", schema: "b2"}
	_, err := migrate.Stamp(t.Context(), s.run, migrate.Alembic())
	require.ErrorIs(t, err, migrate.ErrUnproven)
	s.schema = "a1"
	check := func(o *migrate.StampOptions) { o.Verify = [][]string{{"check"}} }
	_, err = migrate.Stamp(t.Context(), s.run, migrate.Alembic(), check)
	require.ErrorIs(t, err, migrate.ErrUnproven)
	require.Equal(t, "a1", s.row)
	s.schema = "b2"
	out, err := migrate.Stamp(t.Context(), s.run, migrate.Alembic(), check)
	require.NoError(t, err)
	require.Equal(t, &migrate.Stamped{From: "a1", To: "b2", Changed: true}, out)
	s.ran = nil
	out, err = migrate.Stamp(t.Context(), s.run, migrate.Alembic(), check)
	require.NoError(t, err)
	require.False(t, out.Changed)
	require.Equal(t, []string{"alembic heads", "alembic current"}, s.ran)
}

func TestInspectRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	_, err := migrate.Inspect(t.Context(), func(context.Context, []string) ([]string, error) { return []string{"two words"}, nil }, migrate.Alembic())
	require.ErrorIs(t, err, migrate.ErrOutput)
	s, err := migrate.Inspect(t.Context(), (&shell{row: "", head: "b2"}).run, migrate.Alembic("poetry", "run"))
	require.Error(t, err, "the prefix is part of the command")
	require.Empty(t, s.Revision)
}
