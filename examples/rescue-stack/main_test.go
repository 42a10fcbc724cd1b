package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		require.NoError(t, run(t.Context(), []string{"-demo"}, strings.NewReader(""), &out))
		for _, want := range []string{
			"service prod/backend does NOT serve: 0 of 2 tasks run",
			"WHY THE UPDATE FAILED\n", `relation "plans" already exists`,
			"WHY ECS COULD NOT GO BACK\n", "expire 7 days after push",
			"WHY CLOUDFORMATION COULD NOT GO BACK\n",
			"RESULT  rescued", "service prod/backend serves: 2 of 2 tasks run",
			"RESTORED OUTPUTS\n", "SecretArn = arn:aws:secretsmanager:",
			"A ROLLBACK FROM HERE WOULD SUCCEED\n  [x]",
		} {
			require.Contains(t, out.String(), want)
		}
		require.NotContains(t, out.String(), "[ ]")
	})
}

func TestDemoAsJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		require.NoError(t, run(t.Context(), []string{"-demo", "-json", "-evidence", t.TempDir()}, strings.NewReader(""), &out))
		var last map[string]json.RawMessage
		lines := bufio.NewScanner(strings.NewReader(out.String()))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			last = nil
			require.NoError(t, json.Unmarshal(lines.Bytes(), &last), lines.Text())
		}
		require.NoError(t, lines.Err())
		require.JSONEq(t, `"rescued"`, string(last["result"]))
		var stacks []struct{ Name, Status string }
		require.NoError(t, json.Unmarshal(last["stacks"], &stacks))
		require.Equal(t, "prod", stacks[0].Name)
		require.Equal(t, "UPDATE_COMPLETE", stacks[0].Status)
		var causes map[string][]struct{ Subject, Text string }
		require.NoError(t, json.Unmarshal(last["causes"], &causes))
		for _, k := range []string{"update", "service", "rollback"} {
			require.NotEmpty(t, causes[k], k)
		}
		for _, k := range []string{"steps", "outputs", "calls"} {
			require.Contains(t, last, k)
		}
	})
}

func TestPlanStopsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		require.NoError(t, run(t.Context(), []string{"-demo", "-plan"}, strings.NewReader(""), &out))
		require.Contains(t, out.String(), "5-unlock")
		require.NotContains(t, out.String(), "RESULT")
	})
}

func TestUsageAndExitCodes(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"-demo", "-stack", "x"}, {"-demo", "extra"}, {"-stack", "x", "-migration", "flyway"}} {
		err := run(t.Context(), args, strings.NewReader(""), &strings.Builder{})
		require.ErrorIs(t, err, errUsage, args)
		require.Equal(t, 2, exitCode(err))
	}
	require.Equal(t, 0, exitCode(nil))
	require.Equal(t, 1, exitCode(errors.New("other")))
	require.Equal(t, 4, exitCode(&rescue.Error{Err: rescue.ErrNoStack}))
	require.Equal(t, 10, exitCode(&rescue.Error{Err: rescue.ErrDirection}))
}

func TestAskTakesOnlyYes(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := rescue.Step{ID: "1-unlock", Subject: "stack prod", Risk: rescue.RiskIrreversible}
	require.True(t, ask(bufio.NewReader(strings.NewReader("yes\n")), &out, s))
	require.False(t, ask(bufio.NewReader(strings.NewReader("y\n")), &out, s))
	require.False(t, ask(bufio.NewReader(strings.NewReader("")), &out, s))
	require.Contains(t, out.String(), "risk: irreversible")
}
