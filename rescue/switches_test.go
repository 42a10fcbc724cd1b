package rescue_test

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// setting is one value of one switch.
type setting struct {
	name  string // of the switch
	value string
	set   func(*simtype.Switches)
}

// settings are all values of all switches but the default ones, which the other
// settings are combined with. The incident's own default drops outputs.
var settings = func() []setting {
	all := []setting{
		set("OutputsAfterSkip", "kept"),
		set("LogDelay", "32s"),
		set("StaleReads", "3"),
		set("StoppedTaskRetention", "3h"),
		set("CloudFormationBurst", "5"),
		set("TaskLag", "20s"),
	}
	named := new(simtype.Switches).Values()
	for _, name := range slices.Sorted(maps.Keys(named)) {
		for i, value := range named[name] {
			if i > 0 && value != "dropped" {
				all = append(all, set(name, value))
			}
		}
	}
	return all
}()

func set(name, value string) setting {
	return setting{name, value, func(s *simtype.Switches) {
		if err := s.Set(name, value); err != nil {
			panic(err)
		}
	}}
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
		require.Equal(t, rescue.Situation("stuck"), d.Situation)
		require.Contains(t, d.Causes.Update[0].Text, `relation "plans" already exists`)
		require.Contains(t, d.Causes.Service[0].Text, "expire 7 days after push")
		require.NotEmpty(t, d.Causes.Rollback)
		p, err := rescue.MakePlan(d, forward())
		require.NoError(t, err)
		r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		if len(sets) == 1 { // the run's own last step has looked already
			served(t, in)
		}
		require.Less(t, r.Calls["cloudformation:ContinueUpdateRollback"], 3)
	})
}

func TestIncidentUnderEverySwitch(t *testing.T) {
	t.Parallel()
	for _, s := range sample.Of(t, settings, 0, func(s setting) string { return s.name }) {
		t.Run(s.name+" "+s.value, func(t *testing.T) {
			t.Parallel()
			rescued(t, s)
		})
	}
}

func TestIncidentUnderPairsOfSwitches(t *testing.T) {
	t.Parallel()
	var pairs [][2]setting
	for i, a := range settings {
		for _, b := range settings[i+1:] {
			if a.name != b.name {
				pairs = append(pairs, [2]setting{a, b})
			}
		}
	}
	for _, p := range sample.Of(t, pairs, 8, nil) {
		a, b := p[0], p[1]
		t.Run(a.name+" "+a.value+" and "+b.name+" "+b.value, func(t *testing.T) {
			t.Parallel()
			rescued(t, a, b)
		})
	}
}

// A service that was scaled keeps its tasks, whatever an update sends.
func TestScaledServiceStaysScaled(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]setting{"sent when changed": {set: func(*simtype.Switches) {}}, "always sent": set("DesiredCount", "always")} {
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
