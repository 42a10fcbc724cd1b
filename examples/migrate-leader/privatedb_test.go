package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate/revision"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// TestRepairInATask repairs a database that only tasks can reach: the verbs run
// in one-off tasks, and what they find and do comes back through the log.
func TestRepairInATask(t *testing.T) {
	t.Parallel()
	url := servers.StartPostgreSQL(t).DSN()
	db := open(t, url)
	for _, s := range []string{"CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)", "INSERT INTO schema_migrations VALUES (2, true)"} {
		_, err := db.Exec(s)
		require.NoError(t, err)
	}
	inspection := "migrate-leader inspect -db " + url + " -watch 200ms -handback"
	stamp := "migrate-leader stamp -db " + url + " -to 2 -handback"
	written := stamp + " -watch 200ms -apply -key app -unproven -reason night"
	// The simulated account has a time of its own, the server has not: what the
	// verbs print and how they end is found out first.
	type end struct {
		lines []string
		code  int
	}
	var ends []end
	commands := []string{inspection, stamp, written, inspection + " -table schema_migrations"}
	for _, c := range commands {
		var out, log bytes.Buffer
		err := run(t.Context(), strings.Fields(c)[1:], &out, &log)
		ends = append(ends, end{strings.Split(strings.TrimSpace("some log\n"+out.String()), "\n"), code(err)})
	}
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		at := map[string]end{}
		for i, c := range commands {
			at[c] = ends[i]
		}
		_, err := a.cloud.PushImage("app", "1", func(c *simtype.Container) {
			e, ok := at[strings.Join(c.Command(), " ")]
			if !ok {
				c.SetHealthy(true)
				return
			}
			c.After(10*time.Second, func() {
				for _, l := range e.lines {
					c.Print(l)
				}
				c.Exit(e.code)
			})
		}, "2")
		require.NoError(t, err)
		var codes []int
		var results []json.RawMessage
		for _, c := range commands {
			var out, log bytes.Buffer
			err := task(t.Context(), a.cloud.Config(), append([]string{"-cluster", "prod", "-service", "web", "-task-definition", "job", "--"}, strings.Fields(c)...), &out, &log)
			codes = append(codes, code(err))
			results = append(results, out.Bytes())
			require.Contains(t, log.String(), "some log")
		}
		require.Equal(t, []int{3, 0, 0, 0}, codes, "stuck, a dry run, written, clean")
		var before, after revision.Inspection
		var dry, done revision.Stamped
		for i, v := range []any{&before, &dry, &done, &after} {
			require.NoError(t, json.Unmarshal(results[i], v), "%s", results[i])
		}
		require.Equal(t, revision.Verdict("stuck"), before.Tables[0].Verdict)
		require.Equal(t, "2 (dirty)", dry.From)
		require.False(t, dry.Changed)
		require.True(t, done.Changed)
		require.Equal(t, revision.Verdict("clean"), after.Tables[0].Verdict)
	})
}
