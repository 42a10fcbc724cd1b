package rescue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// served locks a stack whose service somebody has got running on v2.
func (s *site) served(edits ...string) {
	gone := s.push("v1")
	s.create(web("v1", rolling...))
	s.deleteImage(gone)
	s.pushFailing("v2")
	s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
	require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2", append(edits, rolling...)...)))
	s.mended = true
	s.serve("web:2")
}

// Somebody deploys or scales to 0 while the canary soaks: nothing is unlocked, and what they
// deployed is left alone, by the same plan once more as well.
func TestSomebodyDeploysWhileACanarySoaks(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*site) *ecs.UpdateServiceInput{
		"web:4": func(s *site) *ecs.UpdateServiceInput {
			arn := s.handMade("web:2", func(c *ecstypes.ContainerDefinition) { c.Command = []string{"fixed"} })
			return &ecs.UpdateServiceInput{TaskDefinition: &arn}
		},
		"scaled to 0": func(*site) *ecs.UpdateServiceInput { return &ecs.UpdateServiceInput{DesiredCount: aws.Int32(0)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				p := proving(s, "a worker", nil)
				x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
				_, err := s.run(p, x.options, s.onCanary(func(string) {
					in := do(s)
					in.Cluster, in.Service = aws.String("prod"), aws.String("web")
					_, err := s.ecs.UpdateService(t.Context(), in)
					require.NoError(t, err)
				}))
				for range 2 {
					require.ErrorIs(t, err, rescue.ErrChanged)
					require.ErrorContains(t, err, name)
					require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"])
					require.True(t, name != "web:4" || strings.HasSuffix(s.counts(), name), s.counts())
					_, err = s.run(throughJSON(t, p, nil), x.options)
				}
				require.Empty(t, s.canariesLeft())
			})
		})
	}
}

// A run ends before one of its steps, and somebody deploys a newer version before it goes on,
// a day later: that is not taken back to the older one.
func TestResumedRunLeavesANewerVersion(t *testing.T) {
	t.Parallel()
	for _, before := range []rescue.Kind{"unlock", "savepoint"} {
		for name, edits := range map[string][]string{"of a plan": nil, "after a proof": password[:2:2]} {
			t.Run("before the "+string(before)+" "+name, func(t *testing.T) {
				t.Parallel()
				inSite(t, func(t *testing.T, s *site) {
					s.served(edits...)
					p, err := rescue.MakePlan(s.diagnose(), forProof())
					require.NoError(t, err)
					require.Nil(t, p.Stop, "%s", p)
					x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
					_, err = s.run(p, x.options, func(o *rescue.Options) { o.Confirm = func(y rescue.Step) bool { return y.Kind != before } })
					require.ErrorIs(t, err, rescue.ErrDeclined)
					time.Sleep(24 * time.Hour)
					s.push("v3")
					s.serve(s.handMade("web:2", func(c *ecstypes.ContainerDefinition) {
						c.Image = aws.String(strings.Replace(*c.Image, ":v2", ":v3", 1))
					}))
					began, is := s.cloud.Now(), s.counts()
					_, err = s.run(throughJSON(t, p, nil), x.options)
					require.ErrorIs(t, err, rescue.ErrChanged)
					require.ErrorContains(t, err, "service prod/web")
					require.Empty(t, s.ran(began), "nothing was started")
					require.Equal(t, is, s.counts())
				})
			})
		}
	}
}

// A service that somebody has deleted since is no reason to go on: what the unlock would
// do to it was not thought through.
func TestResumedRunFindsAServiceGone(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.served(password[:2:2]...) // which is proven first
		p, err := rescue.MakePlan(s.diagnose(), forProof())
		require.NoError(t, err)
		x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
		_, err = s.run(p, x.options, func(o *rescue.Options) { o.Confirm = func(y rescue.Step) bool { return y.Kind != "unlock" } })
		require.ErrorIs(t, err, rescue.ErrDeclined)
		s.deleteService()
		_, err = s.run(p, x.options)
		require.ErrorIs(t, err, rescue.ErrChanged)
		require.ErrorContains(t, err, "is not there any more")
		require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"])
	})
}
