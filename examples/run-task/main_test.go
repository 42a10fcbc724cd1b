package main

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func TestRunTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		try := func(args ...string) (string, error) {
			o, err := parse(append([]string{"-cluster", in.Cluster, "-definition", "backend:2", "-like", in.Service, "-container", "backend"}, args...))
			require.NoError(t, err)
			var out bytes.Buffer
			err = o.run(t.Context(), in.Cloud.Config(), &out)
			return out.String(), err
		}
		out, err := try("-token", "heads", "alembic", "heads")
		require.NoError(t, err)
		require.Contains(t, out, "8c5e1b40d2aa")
		again, err := try("-token", "heads", "alembic", "heads")
		require.NoError(t, err)
		require.Equal(t, out, again, "the same task")
		out, err = try("alembic", "upgrade", "head")
		require.Equal(t, 4, exitCode(err), "%v\n%s", err, out)
		require.Contains(t, out, "exited with 127")
	})
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"-cluster", "c"}, {"-cluster", "c", "-definition", "d", "command"}, {"-cluster", "c", "-definition", "d", "-container", "x"}, {"-nope"}} {
		_, err := parse(args)
		require.Equal(t, 2, exitCode(err), "%q", args)
	}
}
