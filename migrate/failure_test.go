package migrate_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
)

// skews are how wrong the wall clock of an earlier leader was.
var skews = map[string]time.Duration{"a day ahead": 24 * time.Hour, "right": 0, "a day behind": -24 * time.Hour}

// leave lets an earlier leader write a note with its own idea of the time, and
// returns what it holds.
func leave(t *testing.T, m *migratetest.Memory, p migrate.Progress, skew time.Duration) migrate.Hold {
	h, err := m.Client().Acquire(t.Context(), "k", migrate.Claim{Owner: "earlier", Lease: 15 * time.Second})
	require.NoError(t, err)
	p.Version, p.Leader, p.At = 2, "earlier", time.Now().Add(skew)
	note, err := json.Marshal(p)
	require.NoError(t, err)
	require.NoError(t, h.Renew(t.Context(), note))
	return h
}

// TestWrongClocksDoNotDecideWhoLeads kills a leader whose wall clock was wrong:
// it is taken over after a lease, neither sooner nor later.
func TestWrongClocksDoNotDecideWhoLeads(t *testing.T) {
	t.Parallel()
	for name, skew := range skews {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var m migratetest.Memory
				d := &database{}
				leave(t, &m, migrate.Progress{Outcome: "running", Attempt: 1}, skew)
				res, _, err := start(t.Context(), t, m.Client(), d, []migrate.Step{d.step("a", time.Second, true)})()
				require.NoError(t, err)
				require.Equal(t, migrate.Fence(2), res.Fence)
				require.GreaterOrEqual(t, res.WaitedSeconds, 15.0)
				require.LessOrEqual(t, res.WaitedSeconds, 16.15, "a lease and a look")
			})
		})
	}
}

// TestWrongClocksDoNotRememberForEver leaves a failure by a leader whose clock
// was wrong: by more than it is remembered, and it is forgotten at once; by
// less, and it is later or sooner by as much.
func TestWrongClocksDoNotRememberForEver(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct{ skew, until time.Duration }{
		"a day ahead":          {24 * time.Hour, 0},
		"a day behind":         {-24 * time.Hour, 0},
		"a little ahead":       {4 * time.Minute, 14 * time.Minute},
		"a little behind":      {-4 * time.Minute, 6 * time.Minute},
		"right":                {0, 10 * time.Minute},
		"ahead, just too much": {10*time.Minute + time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var m migratetest.Memory
				d := &database{}
				steps := []migrate.Step{d.step("a", time.Second, true)}
				h := leave(t, &m, migrate.Progress{Outcome: "failed", Attempt: 2, Error: "no"}, of.skew)
				require.NoError(t, h.Release(t.Context(), nil))
				if of.until > 0 {
					time.Sleep(of.until - time.Second)
					_, _, err := start(t.Context(), t, m.Client(), d, steps)()
					require.ErrorContains(t, err, "not tried again before")
					require.Empty(t, d.ran)
					time.Sleep(2 * time.Second)
				}
				_, _, err := start(t.Context(), t, m.Client(), d, steps)()
				require.NoError(t, err)
				require.Len(t, d.ran, 1)
			})
		})
	}
}
