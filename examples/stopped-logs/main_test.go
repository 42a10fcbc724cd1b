package main

import (
	"bytes"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func TestStoppedLogs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		cfg := in.Cloud.Config()
		try := func(args ...string) (string, error) {
			o, err := parse(append([]string{"-cluster", in.Cluster}, args...))
			require.NoError(t, err)
			var out bytes.Buffer
			err = o.run(t.Context(), ecs.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), &out)
			return out.String(), err
		}
		out, err := try("-dir", dir)
		require.Equal(t, 3, exitCode(err), err)
		require.Contains(t, out, "relation \"plans\" already exists")
		require.Contains(t, out, "next: restore the image")
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		require.Greater(t, len(files), 2)
		again, err := try("-dir", dir)
		require.NoError(t, err, "what was kept is not kept again")
		require.Contains(t, again, ": 0 stopped")
		out, err = try("-json")
		require.Equal(t, 3, exitCode(err), err)
		require.Contains(t, out, `"version":1`)
	})
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"-cluster", "c", "x"}, {"-cluster", "c", "-since", "yesterday"}, {"-nope"}} {
		_, err := parse(args)
		require.Equal(t, 2, exitCode(err), "%q", args)
	}
}
