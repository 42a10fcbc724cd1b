package main

import (
	"bytes"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func TestRecordsAndRestores(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ledger.json")
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context(), func(o *rescuetest.IncidentOptions) { o.Switches.OutputsAfterSkip = "dropped" })
		require.NoError(t, err)
		api, bucket := cloudformation.NewFromConfig(in.Cloud.Config()), s3.NewFromConfig(in.Cloud.Config())
		try := func(args ...string) (string, error) {
			o, err := parse(append([]string{"-stack", in.Stack}, args...))
			require.NoError(t, err)
			var out bytes.Buffer
			err = o.run(t.Context(), api, bucket, &out)
			return out.String(), err
		}
		_, err = try("-record", file)
		require.NoError(t, err)
		_, err = cfnx.ContinueRollbackSkipping(t.Context(), api, in.Stack, cfnx.SkipMinimal)
		require.NoError(t, err)
		lost := func() map[string]bool {
			tree, err := cfnx.Snapshot(t.Context(), api, in.Stack)
			require.NoError(t, err)
			d, err := tree.NewDraft(t.Context(), bucket)
			require.NoError(t, err)
			keys := map[string]bool{}
			for _, l := range d.LostOutputs(nil) {
				keys[l.Stack+"."+l.Key] = true
			}
			return keys
		}
		gone := lost()
		require.NotEmpty(t, gone)
		args := []string{"-ledger", file}
		out, err := try(args...)
		require.NoError(t, err)
		for key := range gone {
			require.Contains(t, out, key+" = ")
		}
		require.Contains(t, out, "repeat with -apply")
		require.Equal(t, gone, lost(), "nothing was changed")
		out, err = try(append(args, "-consumers")...)
		require.NoError(t, err)
		require.Contains(t, out, "is a literal from now on")
		require.Contains(t, out, "still has its value")
		other := append([]string{"-consumers"}, args...)
		for key := range gone {
			other = append(other, "-output", key+"=another")
		}
		out, err = try(other...)
		require.NoError(t, err)
		require.Contains(t, out, "(-output)")
		require.Contains(t, out, "repeat with -apply")
		require.Equal(t, gone, lost())
		out, err = try(append(args, "-apply")...)
		require.NoError(t, err)
		require.Contains(t, out, "UPDATE_COMPLETE")
		require.Empty(t, lost())
		out, err = try(args...)
		require.NoError(t, err)
		require.Contains(t, out, "no output is lost")
	})
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"-stack", "x", "y"}, {"-stack", "x", "-record", "f", "-apply"}, {"-stack", "x", "-output", "Key=v"}, {"-stack", "x", "-output", "A.Key"}} {
		_, err := parse(args)
		assert.Equal(t, 2, exitCode(err), "%q", args)
	}
}
