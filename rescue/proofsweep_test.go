package rescue_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// proving prepares a case of [proofs].
func proving(s *site, name string, fails *bool) *rescue.Plan {
	test := proofs[name]
	locks(s, test.old, test.next, fails)
	if test.served {
		s.serve("web:2")
	}
	p, err := rescue.MakePlan(s.diagnose(), forProof())
	require.NoError(s.t, err)
	require.Nil(s.t, p.Stop, "%s", p)
	return p
}

// callsOfProof are all calls of a run, of which those from and to belong to the proof.
func callsOfProof(t *testing.T, name string, failing bool) (made []string, from, to int) {
	t.Helper()
	inSite(t, func(t *testing.T, s *site) {
		p := proving(s, name, &failing)
		s.cloud.ForgetCalls()
		_, err := s.run(p, func(o *rescue.Options) {
			o.Journal = func(x rescue.StepResult) error {
				switch {
				case proves(x.Kind, name) && x.Outcome == "begun" && from == 0:
					from = len(s.cloud.Calls())
				case proves(x.Kind, name) && x.Outcome != "begun":
					to = len(s.cloud.Calls())
				}
				return nil
			}
		})
		require.Equal(t, failing, err != nil, err)
		made = actionsOf(s.cloud)
	})
	require.True(t, from > 0 && to > from+10, "%d to %d", from, to)
	return made, from, to
}

// proves reports whether a step is the proof.
func proves(k rescue.Kind, name string) bool {
	return k == proof || name == "not served" && k == "redeploy"
}

// The process is killed at every call of the proof, before and after it, of one that
// holds and of one that fails; the same plan with its journal goes on, and so does the
// stack's name alone. Whatever happens, no other code is started, users who were
// served lose nothing, a proof that fails unlocks nothing, and no canary is left once
// the run has ended.
func TestProofKilledAnywhere(t *testing.T) {
	t.Parallel()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(proofs)) {
		for _, failing := range []bool{false, true} {
			all = append(all, fmt.Sprintf("%s, fails %t", name, failing))
		}
	}
	some := sample.Quarter(t, all, nil)
	for _, name := range slices.Sorted(maps.Keys(proofs)) {
		for _, failing := range []bool{false, true} {
			run := fmt.Sprintf("%s, fails %t", name, failing)
			if !slices.Contains(some, run) {
				continue
			}
			t.Run(run, func(t *testing.T) {
				t.Parallel()
				made, from, to := callsOfProof(t, name, failing)
				looked, twice := 0, 0
				for _, c := range sample.Calls(t, made[from:to], []string{"before", "after", "before, with its folder", "after, with its folder"}, 0, nil) {
					n, kind := c.N+from, simtype.CrashBefore
					if strings.HasPrefix(c.Kind, "after") {
						kind = simtype.CrashAfter
					}
					folder := strings.HasSuffix(c.Kind, "folder")
					say := fmt.Sprintf("killed at call %d %s (%v), folder %t", n, made[n-1], kind, folder)
					looked++
					inSite(t, func(t *testing.T, s *site) {
						p := proving(s, name, &failing)
						began := s.cloud.Now()
						s.cloud.ForgetCalls()
						s.cloud.Inject(simtype.Fault{Nth: n, Kind: kind})
						x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
						_, err := s.run(p, x.options)
						time.Sleep(time.Minute)
						s.cloud.ClearFaults()
						s.cloud.Restart()
						x.calls = len(s.cloud.Calls())
						if err != nil && !folder {
							time.Sleep(20 * time.Minute)
							err = again(t, &rescuetest.Incident{Cloud: s.cloud, Stack: "prod"}, forProof())
						} else if err != nil {
							_, err = s.run(throughJSON(t, p, nil), x.options)
						}
						settled := failing == (err != nil) || errors.Is(err, rescue.ErrHealthy) ||
							failing && s.status("prod") != cfntypes.StackStatusUpdateComplete // the plan stops before it
						require.True(t, settled, "%s: %v", say, err)
						time.Sleep(20 * time.Minute)
						require.True(t, strings.HasPrefix(s.counts(), "2 of 2 run web:"), "%s: %s", say, s.counts())
						s.onlyNew(began, say)
						if proofs[name].served {
							require.Empty(t, s.shortages(began), say)
						}
						require.Empty(t, s.canariesLeft(), say)
						if failing {
							require.Contains(t, s.environment(), "DB_PASSWORD", say)
						} else {
							require.Equal(t, cfntypes.StackStatusUpdateComplete, s.status("prod"), say)
							require.NotContains(t, s.environment(), "DB_PASSWORD", say)
						}
						if folder && failing {
							require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.status("prod"), say)
						}
						twice = max(twice, s.canariesStarted())
					})
				}
				require.LessOrEqual(t, twice, 1)
				t.Logf("calls %d to %d, killed %d times; at most %d canaries", from+1, to, looked, twice)
			})
		}
	}
}

// Calls of the proof are throttled, fail, or lose their answer: the run gets through, or
// ends before the unlock and the same plan goes on.
func TestProofAtEveryFault(t *testing.T) {
	t.Parallel()
	kinds := map[string]simtype.FaultKind{"throttle": simtype.Throttle, "500": simtype.ServerError, "lost": simtype.LostResponse}
	for _, name := range slices.Sorted(maps.Keys(proofs)) {
		calls, from, to := callsOfProof(t, name, false)
		made := slices.Compact(slices.Sorted(slices.Values(calls[from:to])))
		for _, c := range sample.Calls(t, made, slices.Sorted(maps.Keys(kinds)), 0, nil) {
			action, kind := made[c.N-1], c.Kind
			t.Run(name+" "+action+" "+kind, func(t *testing.T) {
				t.Parallel()
				inSite(t, func(t *testing.T, s *site) {
					p := proving(s, name, nil)
					began := s.cloud.Now()
					x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
					_, err := s.run(p, x.options, func(o *rescue.Options) {
						o.Confirm = func(y rescue.Step) bool {
							if proves(y.Kind, name) {
								s.cloud.Inject(simtype.Fault{Action: action, Nth: 1, Kind: kinds[kind]}, simtype.Fault{Action: action, Nth: 3, Kind: kinds[kind]})
							}
							return true
						}
					})
					s.cloud.ClearFaults()
					if err != nil {
						require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"], err)
						time.Sleep(time.Minute)
						_, err = s.run(throughJSON(t, p, nil), x.options)
					}
					require.NoError(t, err)
					s.onlyNew(began, name)
					require.Empty(t, s.canariesLeft())
					require.LessOrEqual(t, s.canariesStarted(), 1)
					require.NotContains(t, s.environment(), "DB_PASSWORD")
					if proofs[name].served {
						require.Empty(t, s.shortages(began))
					}
				})
			})
		}
	}
}

// Each action of the proof is denied: the run ends with its name before the unlock, or
// the action was not needed; afterwards the same plan goes on.
func TestProofDenied(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(proofs)) {
		var actions []string
		inSite(t, func(t *testing.T, s *site) {
			for _, x := range proving(s, name, nil).Steps {
				if proves(x.Kind, name) {
					actions = x.Actions
				}
			}
		})
		for _, action := range sample.Quarter(t, actions, nil) {
			t.Run(name+" "+action, func(t *testing.T) {
				t.Parallel()
				inSite(t, func(t *testing.T, s *site) {
					p := proving(s, name, nil)
					began, denied := s.cloud.Now(), false
					s.cloud.ForgetCalls()
					x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
					r, err := s.run(p, x.options, func(o *rescue.Options) {
						o.Confirm = func(x rescue.Step) bool {
							if proves(x.Kind, name) && !denied {
								denied = true
								s.deny(action)
							} else if denied {
								s.cloud.ClearFaults()
							}
							return true
						}
					})
					if err != nil {
						require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"], "%s: %s", action, r)
						if !errors.Is(err, rescue.ErrNoAccess) {
							t.Errorf("%s: %v", action, err)
						}
						require.ErrorContains(t, err, action)
						s.cloud.ClearFaults()
						r, err = s.run(throughJSON(t, p, nil), x.options)
					}
					require.NoError(t, err, r)
					require.EqualValues(t, "rescued", r.Result, r)
					s.onlyNew(began, action)
					require.Empty(t, s.canariesLeft())
					if proofs[name].served {
						require.Empty(t, s.shortages(began))
					}
				})
			})
		}
	}
}

// Under every value of the switches that concern it the end is the same.
func TestProofUnderEverySwitch(t *testing.T) {
	t.Parallel()
	for i, name := range slices.Sorted(maps.Keys(proofs)) {
		some := sample.Of(t, settings, 0, func(s setting) string { return s.name })
		if !sample.Wide() { // each switch with one of the proofs
			var mine []setting
			for j, s := range some {
				if j%len(proofs) == i {
					mine = append(mine, s)
				}
			}
			some = mine
		}
		for _, x := range some {
			t.Run(name+" "+x.name+" "+x.value, func(t *testing.T) {
				t.Parallel()
				inSite(t, func(t *testing.T, s *site) {
					if x.value == "attempted" && x.name == "LockedShows" { // then the old template is not known
						test := proofs[name]
						locks(s, test.old, test.next, nil)
						if test.served {
							s.serve("web:2")
						}
						p, err := rescue.MakePlan(s.diagnose(), forProof())
						if err == nil {
							requireStop(t, p, "unlock", "is not known")
						}
						require.True(t, err == nil || errors.Is(err, rescue.ErrUnknown), err)
						return
					}
					p := proving(s, name, nil)
					began := s.cloud.Now()
					r, err := s.run(throughJSON(t, p, nil))
					require.NoError(t, err, r)
					require.EqualValues(t, "rescued", r.Result, r)
					s.onlyNew(began, r.String())
					require.Empty(t, s.canariesLeft())
					require.NotContains(t, s.environment(), "DB_PASSWORD")
					if proofs[name].served {
						require.Empty(t, s.shortages(began))
					}
				}, func(o *rescuetest.Options) { x.set(&o.Switches) })
			})
		}
	}
}
