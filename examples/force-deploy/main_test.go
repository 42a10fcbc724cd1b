package main

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func TestForceDeploy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		try := func(args ...string) (string, error) {
			o, err := parse(append([]string{"-service", in.Cluster + "/" + in.Service}, args...))
			require.NoError(t, err)
			var out bytes.Buffer
			err = o.run(t.Context(), in.Cloud.Config(), &out)
			return out.String(), err
		}
		before := len(in.Cloud.Calls())
		_, err = try("-from", "backend:1")
		require.Equal(t, 3, exitCode(err), err)
		out, err := try("-from", "backend:2")
		require.NoError(t, err)
		require.Contains(t, out, "container backend: ")
		require.Contains(t, out, "rollback: container backend: image ")
		require.Contains(t, out, "repeat with -apply")
		for _, c := range in.Cloud.Calls()[before:] {
			require.False(t, c.Mutates(), c.Action)
		}
		// The application still waits: the schema is half migrated.
		out, err = try("-from", "backend:2", "-apply")
		require.Equal(t, 5, exitCode(err), "%v\n%s", err, out)
		require.ErrorContains(t, err, "waiting for the migration")
	})
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"-service", "c/s", "x"}, {"-service", "c/s", "-soak", "long"}, {"-nope"}} {
		_, err := parse(args)
		require.Equal(t, 2, exitCode(err), "%q", args)
	}
}
