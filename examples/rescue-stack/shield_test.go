package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
)

// The command of the plan is what is run, in the region of the stack, and its refusal
// is the error.
func TestShieldRunsTheCommand(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	aws := "#!/bin/sh\necho \"$AWS_REGION $*\" >> " + log + "\ncase \"$*\" in *denied*) echo AccessDenied >&2; exit 254;; esac\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "aws"), []byte(aws), 0o700)) //nolint:gosec // it is to be run
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	table := cfnx.Deletion{Type: "AWS::DynamoDB::Table", PhysicalID: "orders", Shield: "aws dynamodb update-table --table-name orders --deletion-protection-enabled"}
	run := shield("eu-central-1")
	require.NoError(t, run(t.Context(), table, true))
	require.NoError(t, run(t.Context(), table, false))
	table.Shield = "aws dynamodb update-table --table-name denied --deletion-protection-enabled"
	require.ErrorContains(t, run(t.Context(), table, true), "AccessDenied")
	require.Error(t, run(t.Context(), cfnx.Deletion{}, true))
	require.NoError(t, run(t.Context(), cfnx.Deletion{Resists: "DeletionProtection is set"}, true))
	text, err := os.ReadFile(log) //nolint:gosec // the test's own
	require.NoError(t, err)
	require.Equal(t, "eu-central-1 dynamodb update-table --table-name orders --deletion-protection-enabled\n"+
		"eu-central-1 dynamodb update-table --table-name orders --no-deletion-protection-enabled\n"+
		"eu-central-1 dynamodb update-table --table-name denied --deletion-protection-enabled\n", string(text))
}
