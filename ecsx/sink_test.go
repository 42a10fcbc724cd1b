package ecsx_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func TestFolderKeepsEverythingAndNoSecret(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "evidence")
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.run(f.bare(f.push("app", "1", rescuetest.Exits(3, time.Second, "starting", "FATAL: password=hunter2 refused \x1b]0;owned\x07"))), 2)
		time.Sleep(5 * time.Minute)
		require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod"}, ecsx.Folder(dir)))
	})
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(b), "hunter2")
		require.NotContains(t, string(b), "\x1b")
		if filepath.Ext(file) == ".log" {
			require.Regexp(t, `^[0-9a-f]{32}-app\.log$`, filepath.Base(file))
			require.Equal(t, 2, strings.Count(string(b), "\n"))
			continue
		}
		for line := range strings.Lines(string(b)) {
			var x struct {
				Version int `json:"version"`
				ecsx.StoppedTask
			}
			require.NoError(t, json.Unmarshal([]byte(line), &x))
			require.Equal(t, 1, x.Version)
			require.Equal(t, ecsx.Class("application"), x.Cause.Class)
			require.Len(t, x.Containers[0].Log.Lines, 2)
		}
	}
}

// Names from elsewhere lead nowhere, and what was kept is not overwritten.
func TestFolderIsSafe(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "evidence")
	sink := ecsx.Folder(dir)
	task := func(name, line string) ecsx.StoppedTask {
		return ecsx.StoppedTask{ARN: "arn:x/" + strings.Repeat("a", 8), Containers: []ecsx.StoppedContainer{{Name: name, Log: ecsx.Log{Lines: []ecsx.Line{{Message: line}}}}}}
	}
	for _, name := range []string{"../../etc/passwd", "a:b", "CON", strings.Repeat("n", 300), "web", "x\ny"} {
		require.NoError(t, sink(task(name, "one")))
	}
	require.NoError(t, sink(task("web", "one")))
	require.NoError(t, sink(task("web", "two")))
	outside, err := filepath.Glob(filepath.Join(root, "*"))
	require.NoError(t, err)
	require.Len(t, outside, 1)
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	require.Len(t, logs, 7)
	b, err := os.ReadFile(filepath.Join(dir, "aaaaaaaa-web-2.log"))
	require.NoError(t, err)
	require.Contains(t, string(b), "two")
	require.Error(t, ecsx.Folder("")(ecsx.StoppedTask{}))
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	in := ecsx.StoppedTask{ARN: "x", Reason: "bidi \u202e and token=abcdef0123456789"}
	require.NoError(t, ecsx.JSONLines(&b)(in))
	require.NoError(t, ecsx.JSONLines(&b)(in))
	require.Equal(t, 2, strings.Count(b.String(), "\n"))
	require.NotContains(t, b.String(), "\u202e")
	require.NotContains(t, b.String(), "abcdef0123456789")
	require.Contains(t, in.Reason, "abcdef", "the caller's task is as it was")
	require.Error(t, ecsx.JSONLines(nil)(in))
}
