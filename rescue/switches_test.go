package rescue_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// setting is one value of one switch.
type setting struct {
	name  string // of the switch
	value string
	set   func(*rescuetest.Switches)
}

// settings are all values of all switches but the zero ones, which the other
// settings are combined with. The incident's own default drops outputs.
var settings = []setting{
	{"OutputsAfterSkip", "kept", func(s *rescuetest.Switches) { s.OutputsAfterSkip = "kept" }},
	{"OutputsAfterSkip", "stale", func(s *rescuetest.Switches) { s.OutputsAfterSkip = "stale" }},
	{"OutputsAfterSkip", "child's dropped", func(s *rescuetest.Switches) { s.OutputsAfterSkip = "child-dropped" }},
	{"RollbackDigest", "recorded", func(s *rescuetest.Switches) { s.RollbackDigest = "recorded" }},
	{"ForceRollback", "failed only", func(s *rescuetest.Switches) { s.ForceRollback = "failed-only" }},
	{"ForceRollback", "unknown", func(s *rescuetest.Switches) { s.ForceRollback = "unknown" }},
	{"SkipValidation", "relaxed", func(s *rescuetest.Switches) { s.SkipValidation = "relaxed" }},
	{"LogDelay", "32s", func(s *rescuetest.Switches) { s.LogDelay = 32 * time.Second }},
	{"StaleReads", "3", func(s *rescuetest.Switches) { s.StaleReads = 3 }},
	{"StoppedTaskRetention", "3h", func(s *rescuetest.Switches) { s.StoppedTaskRetention = 3 * time.Hour }},
	{"SameTemplateURL", "not fetched", func(s *rescuetest.Switches) { s.SameTemplateURL = "not-fetched" }},
	{"DesiredCount", "always sent", func(s *rescuetest.Switches) { s.DesiredCount = "always" }},
	{"NoDifferenceAfterSkip", "to last sent", func(s *rescuetest.Switches) { s.NoDifferenceAfterSkip = "to-last-sent" }},
	{"NestedChangeSets", "false replacement", func(s *rescuetest.Switches) { s.NestedChangeSets = "false-replacement" }},
	{"NestedSiblings", "clean up", func(s *rescuetest.Switches) { s.NestedSiblings = "clean-up" }},
	{"CleanUp", "keeps", func(s *rescuetest.Switches) { s.CleanUp = "keeps" }},
	{"DisableRollbackReplacement", "allowed", func(s *rescuetest.Switches) { s.DisableRollbackReplacement = "allowed" }},
}

// rescued is the whole rescue under some switches.
func rescued(t *testing.T, sets ...setting) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context(), func(o *rescuetest.IncidentOptions) {
			for _, s := range sets {
				s.set(&o.Switches)
			}
		})
		require.NoError(t, err)
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		require.Equal(t, rescue.Stuck, d.Situation)
		require.Contains(t, d.Causes.Update[0].Text, `relation "plans" already exists`)
		require.Contains(t, d.Causes.Service[0].Text, "expire 7 days after push")
		require.NotEmpty(t, d.Causes.Rollback)
		p, err := rescue.MakePlan(d, forward())
		require.NoError(t, err)
		r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Rescued, r.Result)
		if len(sets) == 1 { // the run's own last step has looked already
			served(t, in)
		}
		require.Less(t, r.Calls["cloudformation:ContinueUpdateRollback"], 3)
	})
}

func TestIncidentUnderEverySwitch(t *testing.T) {
	t.Parallel()
	for _, s := range settings {
		t.Run(s.name+" "+s.value, func(t *testing.T) {
			t.Parallel()
			rescued(t, s)
		})
	}
}

func TestIncidentUnderPairsOfSwitches(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: switches are tested one at a time")
	}
	for i, a := range settings {
		for _, b := range settings[i+1:] {
			if a.name == b.name {
				continue
			}
			t.Run(a.name+" "+a.value+" and "+b.name+" "+b.value, func(t *testing.T) {
				t.Parallel()
				rescued(t, a, b)
			})
		}
	}
}

// A service that was scaled keeps its tasks, whatever an update sends.
func TestScaledServiceStaysScaled(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]setting{"sent when changed": {set: func(*rescuetest.Switches) {}}, "always sent": {set: func(s *rescuetest.Switches) { s.DesiredCount = "always" }}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in, err := rescuetest.ExpiredRollbackImage(t.Context(), func(o *rescuetest.IncidentOptions) {
					o.ScaledTo = 5
					sent.set(&o.Switches)
				})
				require.NoError(t, err)
				before, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
				require.NoError(t, err)
				p, err := rescue.MakePlan(before, forward())
				require.NoError(t, err)
				r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
				require.NoError(t, err, r)
				require.Equal(t, before.Users[0].Desired, r.Users[0].Desired)
				require.Equal(t, r.Users[0].Desired, r.Users[0].Running)
			})
		})
	}
}
