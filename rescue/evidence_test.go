package rescue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func newIncident(t *testing.T, fns ...func(*rescuetest.IncidentOptions)) *rescuetest.Incident {
	t.Helper()
	in, err := rescuetest.ExpiredRollbackImage(t.Context(), fns...)
	require.NoError(t, err)
	return in
}

// captures are the capture files of a folder with their contents.
func captures(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "capture-*.json"))
	require.NoError(t, err)
	out := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		out[filepath.Base(f)] = string(b)
	}
	return out
}

// Evidence is added and never replaced: what a poorer, later capture does not
// have is still there, and is read.
func TestEvidenceIsNeverReplaced(t *testing.T) {
	t.Parallel()
	for name, poorer := range map[string]func(*rescuetest.Incident){
		"ECS may not be read any more": func(in *rescuetest.Incident) {
			in.Cloud.Inject(simtype.Fault{Action: "ecs:*", Kind: simtype.Deny})
		},
		"nor the logs": func(in *rescuetest.Incident) {
			in.Cloud.Inject(simtype.Fault{Action: "logs:*", Kind: simtype.Deny})
		},
		"ECS has forgotten the tasks": func(*rescuetest.Incident) { time.Sleep(3 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				in := newIncident(t)
				write := func(o *rescue.Options) { o.Evidence, o.Now = dir, in.Cloud.Now }
				first, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, write)
				require.NoError(t, err)
				before := captures(t, dir)
				require.Len(t, before, 1)
				poorer(in)
				_, err = rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, write)
				require.NoError(t, err)
				after := captures(t, dir)
				require.Len(t, after, 2)
				for f, text := range before {
					require.Equal(t, text, after[f])
				}
				b, err := rescue.OpenBundle(dir)
				require.NoError(t, err)
				require.Contains(t, b.Explain().String(), "DuplicateTable")
				require.True(t, b.At.After(first.At), "the newest facts")
				seen := map[string]bool{}
				for _, task := range b.Tasks {
					require.False(t, seen[task.ARN], "each task once")
					seen[task.ARN] = true
				}
			})
		})
	}
}

// A bundle that version 1 of this package wrote, of the founding incident, still
// says what it said.
func TestBundleOfVersion1IsRead(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "bundle-v1.json"))
	require.NoError(t, err)
	b := new(rescue.Bundle)
	require.NoError(t, json.Unmarshal(data, b))
	require.Equal(t, "prod", b.Services[0].Service.Cluster)
	require.Len(t, b.Services[0].Network.Subnets, 1)
	d := b.Explain()
	require.Equal(t, rescue.Situation("stuck"), d.Situation)
	for _, want := range []string{"does NOT serve", "DuplicateTable", "expire 7 days after push", "is missing", "SecretArn"} {
		require.Contains(t, d.String(), want)
	}
	_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Hold})
	require.ErrorIs(t, err, rescue.ErrNoEvidence, "it does not say what serves")
}

// The folder of an earlier version, with one file, is still read, and a capture
// beside it does not touch it.
func TestFolderOfVersion1IsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		_, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, func(o *rescue.Options) { o.Evidence, o.Now = dir, in.Cloud.Now })
		require.NoError(t, err)
		var name string
		for name = range captures(t, dir) {
		}
		legacy := filepath.Join(dir, "bundle.json")
		require.NoError(t, os.Rename(filepath.Join(dir, name), legacy))
		text, err := os.ReadFile(legacy)
		require.NoError(t, err)
		b, err := rescue.OpenBundle(dir)
		require.NoError(t, err)
		require.NotEmpty(t, b.Tasks)
		time.Sleep(3 * time.Hour)
		_, err = rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, func(o *rescue.Options) { o.Evidence, o.Now = dir, in.Cloud.Now })
		require.NoError(t, err)
		again, err := os.ReadFile(legacy)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
		b, err = rescue.OpenBundle(dir)
		require.NoError(t, err)
		require.Contains(t, b.Explain().String(), "DuplicateTable")
	})
}

// A capture that cannot be read is named and does not hide the others.
func TestOpenBundleNamesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	_, err := rescue.OpenBundle(t.TempDir())
	require.ErrorIs(t, err, fs.ErrNotExist)
	dir := t.TempDir()
	bad := filepath.Join(dir, "capture-20000101T000000.000Z-00000000.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{"version": 7}`), 0o600))
	_, err = rescue.OpenBundle(dir)
	require.ErrorContains(t, err, "version 7")
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		_, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, func(o *rescue.Options) { o.Evidence, o.Now = dir, in.Cloud.Now })
		require.NoError(t, err)
	})
	b, err := rescue.OpenBundle(dir)
	require.NoError(t, err)
	require.NotEmpty(t, b.Tasks)
	raw, err := json.Marshal(b.Problems)
	require.NoError(t, err)
	require.Contains(t, string(raw), filepath.Base(bad))
}

// What a deadline left time for is kept: the stacks, and the tasks that ECS is
// about to forget.
func TestADeadlineKeepsWhatWasRead(t *testing.T) {
	t.Parallel()
	for seconds, tasks := range map[int]bool{1: false, 3: true, 4: true, 5: true} {
		t.Run(fmt.Sprint(seconds, " s"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			inSite(t, func(t *testing.T, s *site) {
				s.stuck()
				s.cloud.Inject(simtype.Fault{Kind: simtype.Slow, Delay: 400 * time.Millisecond})
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
				defer cancel()
				d, err := rescue.Diagnose(ctx, s.cloud.Config(), "prod", func(o *rescue.Options) { o.Evidence = dir })
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Nil(t, d)
				b, err := rescue.OpenBundle(dir)
				if !tasks {
					return // there was no time for the stack
				}
				require.NoError(t, err)
				require.NotEmpty(t, b.Tasks)
				d = b.Explain()
				require.Contains(t, d.String(), "ended early")
				_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Hold})
				require.ErrorIs(t, err, rescue.ErrUnknown)
			})
		})
	}
}

// A capture that ended early does not hide the facts of a whole one, and a task that
// ECS has forgotten since is the one that it was.
func TestALaterPoorerCapture(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		keep := func(o *rescue.Options) { o.Evidence = dir }
		whole := s.diagnose(keep)
		time.Sleep(10 * time.Hour) // ECS has forgotten the tasks, their logs are found
		s.diagnose(keep)
		s.cloud.Inject(simtype.Fault{Kind: simtype.Slow, Delay: 400 * time.Millisecond})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := rescue.Diagnose(ctx, s.cloud.Config(), "prod", keep)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		b, err := rescue.OpenBundle(dir)
		require.NoError(t, err)
		require.False(t, b.Partial)
		require.Len(t, b.Tasks, len(whole.Evidence().Tasks), "no task is there twice")
		require.Equal(t, whole.Users, b.Explain().Users)
		require.Contains(t, b.Explain().String(), "ended early")
	})
}
