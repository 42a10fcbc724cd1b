package rescue_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// What a rescue leaves behind is said until it is paid, and is no reason to call a
// stack unhealthy whose next rollback would succeed.
func TestWhatARescueLeavesBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		keep := func(o *rescue.Options) { o.Evidence = dir }
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, keep)
		require.NoError(t, err)
		require.Contains(t, strings.Join(d.Leftovers, "\n"), ".Instance was skipped by a rollback", "by whoever tried before")
		p, err := rescue.MakePlan(d, forward())
		require.NoError(t, err)
		_, err = rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed, keep)
		require.NoError(t, err)
		d, err = rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, keep)
		require.NoError(t, err)
		require.Equal(t, rescue.Situation("healthy"), d.Situation, d)
		left := strings.Join(d.Leftovers, "\n")
		for _, want := range []string{"the lifecycle policy of repository backend is frozen", "repository backend-nginx is frozen", "is a rescue's own", "a template that a rescue uploaded: s3://prod-templates/app/stackrescue-"} {
			require.Contains(t, left, want)
		}
		require.NotContains(t, left, "skipped by a rollback", "the savepoint has updated it since")
		require.Contains(t, d.Evidence().Frozen["backend"], "expire 7 days after push", "what it was before")
		d, err = rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		require.NotContains(t, strings.Join(d.Leftovers, "\n"), "is frozen", "only the folder knows")
	})
}

// What was read is on disk before the calls that may fail: a process that is ended
// there leaves the stopped tasks and their logs.
func TestTheTasksAreOnDiskFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		in.Cloud.Inject(simtype.Fault{Action: "ecs:DescribeServices", Kind: simtype.CrashBefore})
		_, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, func(o *rescue.Options) { o.Evidence, o.Now = dir, in.Cloud.Now })
		require.NoError(t, err, "what is not read is unknown")
	})
	whole, err := filepath.Glob(filepath.Join(dir, "capture-*.json"))
	require.NoError(t, err)
	for _, f := range whole {
		require.NoError(t, os.Remove(f)) // a process that is killed does not get that far
	}
	b, err := rescue.OpenBundle(dir)
	require.NoError(t, err)
	require.True(t, b.Partial)
	d := b.Explain()
	require.NotEmpty(t, b.Tasks)
	require.Contains(t, strings.Join(d.Unknown, "\n"), "came no further than the stopped tasks")
	require.Equal(t, rescue.UserState("unknown"), d.Users[0].State)
	_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Serve})
	require.ErrorIs(t, err, rescue.ErrUnknown)
	folder := report.Folder{Path: dir}
	in, err := folder.Read()
	require.NoError(t, err)
	require.Len(t, in.Captures, 1)
	logs, err := filepath.Glob(filepath.Join(dir, "logs", "*-backend.log"))
	require.NoError(t, err)
	found := false
	for _, f := range logs {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		found = found || strings.Contains(string(text), `relation "plans" already exists`)
	}
	require.True(t, found, "a log that a person can read: %v", logs)
}
