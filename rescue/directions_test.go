package rescue_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func kinds(p *rescue.Plan) (out []rescue.Kind) {
	for _, s := range p.Steps {
		out = append(out, s.Kind)
	}
	return out
}

// Serve gets users served and touches no stack.
func TestServeTouchesNoStack(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.mended = true
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Serve})
		require.NoError(t, err)
		require.Equal(t, []rescue.Kind{"redeploy", "verify"}, kinds(p))
		require.Contains(t, strings.Join(p.Warnings, "\n"), "no pipeline")
		s.cloud.ForgetCalls()
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("served-with-debt"), r.Result)
		require.Contains(t, strings.Join(r.Debt, "\n"), "UPDATE_ROLLBACK_FAILED")
		require.Equal(t, "2 of 2 run web:3", s.counts())
		for _, m := range s.mutated() {
			require.True(t, strings.HasPrefix(m, "ecs:"), m)
		}
		// There is nothing left that it could do.
		s.refuses(rescue.Choices{Direction: rescue.Serve}, rescue.ErrDirection, "serve would change nothing")
		// The rest can follow.
		p, err = rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		require.Empty(t, redeploys(p))
		r, err = s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
	})
}

// Hold gets users served before it unlocks, where the plan knows a revision that
// can be started: the stack is deployed nothing, before or after.
func TestHoldServesFirst(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold})
		require.NoError(t, err)
		require.Equal(t, []rescue.Kind{"unlock", "verify"}, kinds(p), "web:2 has failed, and nobody says that it is mended")
		require.Contains(t, strings.Join(p.Warnings, "\n"), "name a revision for it")
		s.mended = true
		p, err = rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold, Revisions: map[string]string{"prod/web": "web:2"}})
		require.NoError(t, err)
		require.Equal(t, []rescue.Kind{"redeploy", "unlock", "verify"}, kinds(p))
		old := s.starts["v1"]
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("served-with-debt"), r.Result)
		require.Equal(t, "2 of 2 run web:3", s.counts())
		require.EqualValues(t, "UPDATE_ROLLBACK_COMPLETE", s.status("prod"))
		require.Equal(t, old, s.starts["v1"])
	})
}

// Where CloudFormation cannot move, users can still be served.
func TestServeWhereTheStackCannotMove(t *testing.T) {
	t.Parallel()
	noBreaker := []string{", DeploymentCircuitBreaker: {Enable: true, Rollback: true}", ""}
	for name, test := range map[string]struct {
		situation rescue.Situation
		make      func(s *site)
	}{
		"an update that hangs": {"in-progress", func(s *site) {
			s.push("v1")
			s.create(web("v1", noBreaker...))
			s.pushFailing("v2")
			s.begin(web("v2", noBreaker...))
			time.Sleep(30 * time.Minute)
		}},
		"a rollback that hangs": {"in-progress", func(s *site) {
			old := s.push("v1")
			s.create(web("v1", noBreaker...))
			s.deleteImage(old)
			s.pushFailing("v2")
			s.begin(web("v2", noBreaker...))
			time.Sleep(4 * time.Hour)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				test.make(s)
				d := s.diagnose()
				require.Equal(t, test.situation, d.Situation)
				require.Equal(t, "0 of 2", s.counts()[:6])
				s.refuses(rescue.Choices{Direction: rescue.Forward}, rescue.ErrBusy)
				s.mended = true
				p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Serve, Revisions: map[string]string{"prod/web": "web:2"}})
				require.NoError(t, err)
				s.cloud.ForgetCalls()
				r, err := s.run(p)
				require.NoError(t, err, r)
				require.Equal(t, "2 of 2", s.counts()[:6])
				require.True(t, r.Users[0].Served)
				for _, m := range s.mutated() {
					require.True(t, strings.HasPrefix(m, "ecs:"), m)
				}
			})
		})
	}
}

// All directions beside each other, each with what it does.
func TestCompare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		c := forward()
		c.Direction = ""
		_, err = rescue.MakePlan(d, c)
		require.ErrorIs(t, err, rescue.ErrDirection)
		all := d.Compare(c)
		require.Len(t, all, 4)
		for i, want := range []struct {
			direction rescue.Direction
			kinds     []rescue.Kind
			proposed  bool
			once      int // irreversible steps
		}{
			{rescue.Serve, []rescue.Kind{"freeze", "stamp", "redeploy", "verify"}, false, 0},
			{rescue.Forward, []rescue.Kind{"freeze", "stamp", "redeploy", "unlock", "savepoint", "verify"}, true, 1},
			{rescue.Hold, []rescue.Kind{"freeze", "stamp", "redeploy", "unlock", "verify"}, false, 1},
			{rescue.Back, nil, false, 0},
		} {
			p := all[i]
			require.Equal(t, want.direction, p.Direction)
			require.Equal(t, want.proposed, p.Proposed, p.Direction)
			require.Len(t, p.Irreversible, want.once)
			if want.kinds == nil {
				require.Nil(t, p.Plan)
				require.Contains(t, p.Refused, "is missing")
				require.Contains(t, p.Next, "restore the same images first")
				continue
			}
			got := slices.Compact(kinds(p.Plan))
			require.Equal(t, want.kinds, got)
			require.Positive(t, p.Takes)
			require.Equal(t, p.Plan.Actions(), p.Actions)
			data, err := json.Marshal(p)
			require.NoError(t, err)
			var back rescue.Proposal
			require.NoError(t, json.Unmarshal(data, &back))
			require.Equal(t, p, back)
		}
		require.Nil(t, (*rescue.Diagnosis)(nil).Compare(c))
	})
}

// A plan ends where the operator says.
func TestUntil(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		for until, last := range map[rescue.Kind]rescue.Kind{"freeze": "freeze", "stamp": "stamp", "redeploy": "redeploy", "unlock": "unlock", "savepoint": "savepoint"} {
			c := forward()
			c.Until = until
			p := plan(t, in, c)
			require.Equal(t, last, p.Steps[len(p.Steps)-2].Kind)
			require.Nil(t, p.Stop)
			require.Equal(t, until != "savepoint", len(p.Debt) > 0, until)
		}
		c := forward()
		c.Until = "reboot"
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		_, err = rescue.MakePlan(d, c)
		require.ErrorContains(t, err, "choose freeze, restore, stamp, migrate, redeploy, stand-in, unlock or savepoint")
	})
}

// Of two services the one that cannot be decided stops the plan before the
// unlock; the other one's users are served.
func TestOneServiceDoesNotKeepTheOtherDown(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		old := s.push("v1")
		s.push("w1")
		s.create(web("v1") + worker())
		s.deleteImage(old)
		s.pushFailing("v2")
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2")+worker()))
		s.mended = true
		s.scaleOf("worker", 0)
		p := s.stops(rescue.Choices{Direction: rescue.Forward}, "unlock", "prod/worker", "desired count is 0")
		require.Equal(t, []string{"web:2"}, redeploys(p))
		r, err := s.run(p)
		require.ErrorIs(t, err, rescue.ErrPartly, "the worker's users are not served")
		require.Equal(t, rescue.Result("partly"), r.Result)
		require.Equal(t, "2 of 2 run web:3", s.counts())
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.status("prod"))
	})
}

// A plan of yesterday runs; one whose facts have changed says which.
func TestOldPlans(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		old := s.push("v1")
		s.create(web("v1"))
		s.deleteImage(old)
		new := s.pushFailing("v2")
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2")))
		s.mended = true
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		time.Sleep(8 * 24 * time.Hour)
		other := throughJSON(t, p, nil)
		s.deleteImage(new)
		_, err = s.run(other)
		require.ErrorIs(t, err, rescue.ErrChanged)
		require.ErrorContains(t, err, "/app:v2: was")
		require.ErrorContains(t, err, "missing")
		s.push("v2")
		p, err = rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		s.scale(5) // as an autoscaler does
		time.Sleep(24 * time.Hour)
		r, err := s.run(throughJSON(t, p, nil))
		require.NoError(t, err, r)
	})
}

// The operator's word is a source for what could not be read.
func TestAssertedUsers(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.create(web("v1"))
		s.pushFailing("v2")
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2")))
		time.Sleep(20 * time.Minute)
		s.deny("ecs:DescribeServices")
		hold := rescue.Choices{Direction: rescue.Hold}
		s.refuses(hold, rescue.ErrUnknown, "ecs:DescribeServices")
		hold.Assert = map[string]rescue.UserState{"prod/web": "served"}
		p, err := rescue.MakePlan(s.diagnose(), hold)
		require.NoError(t, err)
		require.Contains(t, strings.Join(p.Warnings, "\n"), "as the operator says")
		hold.Assert = map[string]rescue.UserState{"prod/wbe": "served"}
		s.refuses(hold, rescue.ErrDirection, "prod/wbe")
	})
}

// What to do is said for each state that this tool leaves alone.
func TestAdvice(t *testing.T) {
	t.Parallel()
	t.Run("child stuck", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			in, err := rescuetest.NewIncident(t.Context(), "child-stuck")
			require.NoError(t, err)
			d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
			require.NoError(t, err)
			require.Equal(t, rescue.Situation("child-stuck"), d.Situation)
			for _, text := range []string{"direction serve", "takes the nested stack along, or is refused", "ask AWS Support", "is UPDATE_ROLLBACK_FAILED and its root arn:"} {
				require.Contains(t, d.Advice, text)
			}
		})
	})
	t.Run("an update that hangs", func(t *testing.T) {
		t.Parallel()
		inSite(t, func(t *testing.T, s *site) {
			s.push("v1")
			s.create(web("v1", ", DeploymentCircuitBreaker: {Enable: true, Rollback: true}", ""))
			s.pushFailing("v2")
			s.begin(web("v2", ", DeploymentCircuitBreaker: {Enable: true, Rollback: true}", ""))
			time.Sleep(30 * time.Minute)
			d := s.diagnose()
			require.Equal(t, rescue.Situation("in-progress"), d.Situation)
			for _, text := range []string{"cancel-update-stack", "deploys web:1 to service prod/web", "direction serve"} {
				require.Contains(t, d.Advice, text)
			}
		})
	})
}

// A service that the update did not touch keeps nobody: its image is gone, and it
// goes on serving.
func TestAServiceThatNothingIsAbout(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		old := s.push("v1")
		gone := s.push("w1")
		s.create(web("v1") + worker())
		s.deleteImage(old)
		s.pushFailing("v2")
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2")+worker()))
		s.mended = true
		s.deleteImage(gone)
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		require.Nil(t, p.Stop, p)
		require.Contains(t, strings.Join(p.Debt, "\n"), "prod/worker")
		before := s.starts["w1"]
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("served-with-debt"), r.Result)
		require.EqualValues(t, "UPDATE_COMPLETE", s.status("prod"))
		require.Equal(t, before, s.starts["w1"])
	})
}
