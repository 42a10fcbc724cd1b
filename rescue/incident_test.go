package rescue_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// forward is what the operator of the incident decides.
func forward() rescue.Choices {
	return rescue.Choices{
		Direction: rescue.Forward, Freeze: true,
		Migration: &rescue.Migration{Tool: toolcmd.Alembic(), Verify: [][]string{{"check-schema"}}},
	}
}

func confirmed(o *rescue.Options) { o.Confirm = func(rescue.Step) bool { return true } }

func plan(t *testing.T, in *rescuetest.Incident, c rescue.Choices) *rescue.Plan {
	t.Helper()
	d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
	require.NoError(t, err)
	p, err := rescue.MakePlan(d, c)
	require.NoError(t, err)
	return p
}

// TestIncidentTimeline is the whole rescue with every line of its progress at
// its time, and what it cost in calls.
func TestIncidentTimeline(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		start := in.Cloud.Now()
		var log strings.Builder
		options := func(o *rescue.Options) {
			confirmed(o)
			o.Now = in.Cloud.Now
			o.Observe = func(e rescue.Event) {
				fmt.Fprintf(&log, "%8s %s\n", e.At.Sub(start).Round(time.Second), e)
			}
		}
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, options)
		require.NoError(t, err)
		fmt.Fprintf(&log, "\n%s\n", d)
		p, err := rescue.MakePlan(d, forward())
		require.NoError(t, err)
		fmt.Fprintf(&log, "%s\n", p)
		r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, options)
		require.NoError(t, err)
		fmt.Fprintf(&log, "\n%s\nCALLS OF ALL, RETRIES TOO\n%s", r, rescuetest.CallCounts(in.Cloud.Calls()))
		golden(t, "incident.golden", log.String())
		served(t, in)
	})
}

// served proves the end state with nothing but what the cloud says.
func served(t *testing.T, in *rescuetest.Incident) {
	t.Helper()
	d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
	require.NoError(t, err)
	require.Equal(t, rescue.Situation("healthy"), d.Situation, d.String())
	in.Do(func() { require.Equal(t, in.Database.Schema, in.Database.Revision) })
}

func TestPlanAloneChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		in.Cloud.ForgetCalls()
		require.Contains(t, plan(t, in, forward()).String(), "6-savepoint")
		calls := in.Cloud.Calls()
		require.NotEmpty(t, calls)
		for _, c := range calls {
			require.False(t, c.Mutates(), c.Action)
			require.Contains(t, rescue.ReadActions(), c.Action)
		}
	})
}

func TestNothingRisksAnythingWithoutConfirmation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		p := plan(t, in, forward())
		in.Cloud.ForgetCalls()
		r, err := rescue.Run(t.Context(), in.Cloud.Config(), p)
		require.ErrorIs(t, err, rescue.ErrDeclined)
		require.Equal(t, rescue.Result("not-rescued"), r.Result)
		for _, c := range in.Cloud.Calls() {
			require.True(t, !c.Mutates() || c.Action == "ecr:DeleteLifecyclePolicy", c.Action)
		}
	})
}

func TestRunRefusesAChangedSituation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		p := plan(t, in, forward())
		_, err = rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
		require.NoError(t, err)
		_, err = rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
		require.ErrorIs(t, err, rescue.ErrChanged)
	})
}

func TestOldCodeIsNotDeployedWhenItsImagesAreGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Back})
		require.ErrorIs(t, err, rescue.ErrDirection)
		require.ErrorContains(t, err, "restore the same images first")
		_, err = rescue.MakePlan(d, rescue.Choices{})
		require.ErrorIs(t, err, rescue.ErrDirection)
	})
}

// The old code returns with the very images it had, once they are there again
// and the schema fits.
func TestBackWithTheImagesRestored(t *testing.T) {
	t.Parallel()
	for name, digest := range map[string]setting{"resolved again": {set: func(*simtype.Switches) {}}, "recorded": {set: func(s *simtype.Switches) { s.RollbackDigest = "recorded" }}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in, err := rescuetest.ExpiredRollbackImage(t.Context(), func(o *rescuetest.IncidentOptions) {
					o.Switches.OutputsAfterSkip = "kept"
					digest.set(&o.Switches)
				})
				require.NoError(t, err)
				for repository, content := range map[string]string{"backend": "backend v1", "backend-nginx": "nginx v1"} {
					_, err := in.Cloud.PushImage(repository, content, nil, "v1")
					require.NoError(t, err)
				}
				in.Do(func() { in.Database.Schema = in.Database.Revision })
				p := plan(t, in, rescue.Choices{Direction: rescue.Back, Freeze: true})
				require.NotEmpty(t, p.Warnings)
				r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
				require.NoError(t, err, r)
				require.Equal(t, "UPDATE_ROLLBACK_COMPLETE", string(r.Stacks[0].Status))
				for _, s := range r.Steps {
					require.NotContains(t, s.Text, "skipped")
				}
				served(t, in)
			})
		})
	}
}

func TestHoldUnlocksAndDeploysNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		p := plan(t, in, rescue.Choices{Direction: rescue.Hold})
		require.NotEmpty(t, p.Warnings)
		in.Cloud.ForgetCalls()
		r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
		require.ErrorIs(t, err, rescue.ErrPartly)
		require.Equal(t, rescue.Result("partly"), r.Result)
		for _, c := range in.Cloud.Calls() {
			require.True(t, !c.Mutates() || c.Action == "cloudformation:ContinueUpdateRollback", c.Action)
		}
	})
}

func TestBundleExplainsOffline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, func(o *rescue.Options) { o.Evidence = dir })
		require.NoError(t, err)
		b, err := rescue.OpenBundle(dir)
		require.NoError(t, err)
		again := b.Explain()
		require.Equal(t, d.String(), again.String())
		p, err := rescue.MakePlan(d, forward())
		require.NoError(t, err)
		q, err := rescue.MakePlan(again, forward())
		require.NoError(t, err)
		require.Equal(t, p.String(), q.String())
		require.Equal(t, p.Fingerprint, q.Fingerprint)
	})
	files, err := filepath.Glob(filepath.Join(dir, "capture-*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	raw, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.Contains(t, string(raw), "DuplicateTable")
	require.ErrorContains(t, json.Unmarshal([]byte(`{"version":3}`), new(rescue.Bundle)), "version 3")
}
