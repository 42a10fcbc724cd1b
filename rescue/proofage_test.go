package rescue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// A proof of days ago says nothing of today while the stack is still locked: the same plan
// and a new one prove once more before they unlock. One of an hour ago stands.
func TestProofOfLongAgo(t *testing.T) {
	t.Parallel()
	for _, fresh := range []bool{true, false} {
		for _, failing := range []bool{true, false} {
			for _, folder := range []bool{true, false} {
				inSite(t, func(t *testing.T, s *site) {
					fails := false
					p := proving(s, "a worker", &fails)
					x := &process{in: &rescuetest.Incident{Cloud: s.cloud, Stack: "prod"}}
					_, err := s.run(p, x.options, func(o *rescue.Options) { o.Confirm = func(y rescue.Step) bool { return y.Kind != "unlock" } })
					require.ErrorIs(t, err, rescue.ErrDeclined)
					age := 20 * 24 * time.Hour
					if fresh {
						age = time.Hour
					}
					time.Sleep(age)
					fails = failing && !fresh
					began := s.cloud.Now()
					if folder {
						_, err = s.run(throughJSON(t, p, nil), x.options)
					} else {
						err = again(t, x.in, forProof())
					}
					require.Equal(t, fails, err != nil, "%v", err)
					require.Equal(t, fails, done(s.cloud)["cloudformation:ContinueUpdateRollback"] == 0)
					require.Equal(t, !fresh, s.canariesStarted() == 2)
					require.Empty(t, s.canariesLeft())
					require.Empty(t, s.shortages(began))
					if !fails { // what is done is not proven again
						time.Sleep(20 * 24 * time.Hour)
						_, err = s.run(throughJSON(t, p, nil), x.options)
						require.True(t, err == nil || !folder, "%v", err)
						require.Equal(t, !fresh, s.canariesStarted() == 2)
					}
				})
			}
		}
	}
}

// A limit that is no longer than what it starts is watched for would end every run anew.
func TestProofWithinALimit(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		proving(s, "a worker", nil)
		c := forProof()
		c.Limits = map[rescue.Kind]time.Duration{proof: 2 * time.Minute}
		p, err := rescue.MakePlan(s.diagnose(), c)
		require.NoError(t, err)
		s.cloud.ForgetCalls()
		_, err = s.run(p)
		require.ErrorIs(t, err, rescue.ErrPlan)
		require.ErrorContains(t, err, "a longer limit")
		require.Empty(t, s.mutated())
		_, err = s.run(p, func(o *rescue.Options) { o.Soak = time.Minute })
		require.NoError(t, err)
	})
}
