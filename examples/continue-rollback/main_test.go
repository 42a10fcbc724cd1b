package main

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func TestShowsAndContinues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		api := cloudformation.NewFromConfig(in.Cloud.Config())
		try := func(args ...string) (string, error) {
			o, err := parse(append([]string{"-stack", in.Stack}, args...))
			require.NoError(t, err)
			var out bytes.Buffer
			err = o.run(t.Context(), api, &out)
			return out.String(), err
		}
		out, err := try("-skip", "minimal")
		require.NoError(t, err)
		assert.Contains(t, out, "skips    prod-App-")
		assert.Contains(t, out, "Service: is skipped")
		assert.Contains(t, out, "nothing was started")
		for _, c := range in.Cloud.Calls() {
			require.NotEqual(t, "cloudformation:ContinueUpdateRollback", c.Action)
		}
		_, err = try("-skip", "Nope", "-apply")
		assert.Equal(t, 4, exitCode(err), err)
		out, err = try("-skip", "minimal", "-apply")
		require.NoError(t, err)
		assert.Contains(t, out, "UPDATE_ROLLBACK_FAILED -> UPDATE_ROLLBACK_COMPLETE")
		_, err = try("-apply")
		assert.Equal(t, 3, exitCode(err), err)
	})
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"-stack", ""}, {"-stack", "x", "y"}, {"-stack", "x", "-skip", "minimal", "-type", "AWS::ECS::Service"}, {"-nope"}} {
		_, err := parse(args)
		assert.Equal(t, 2, exitCode(err), "%q", args)
	}
}
