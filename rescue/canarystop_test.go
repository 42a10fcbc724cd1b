package rescue_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// onCanary calls what to do once a canary runs.
func (s *site) onCanary(do func(task string)) func(*rescue.Options) {
	done := false
	return func(o *rescue.Options) {
		o.Observe = func(e rescue.Event) {
			if !done && strings.Contains(e.Text, ": RUNNING, health HEALTHY") {
				done = true
				do(s.canariesLeft()[0])
			}
		}
	}
}

// canariesStarted are how many one-off tasks had a container started.
func (s *site) canariesStarted() int {
	tasks := map[string]bool{}
	for _, x := range s.cloud.Record().Starts {
		if x.Service == "" {
			tasks[x.Task] = true
		}
	}
	return len(tasks)
}

// A canary that somebody stops proves nothing either way: the run ends before the
// unlock, and the same plan starts another.
func TestCanaryThatSomebodyStops(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		p := proving(s, "a worker", nil)
		x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
		_, err := s.run(p, x.options, s.onCanary(func(task string) {
			_, err := s.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("prod"), Task: &task, Reason: aws.String("what is this?")})
			require.NoError(t, err)
		}))
		require.ErrorContains(t, err, "what is this?")
		require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"])
		require.NotContains(t, s.diagnose().String(), "which the savepoint would render")
		r, err := s.run(throughJSON(t, p, nil), x.options)
		require.NoError(t, err, r)
		require.EqualValues(t, "rescued", r.Result)
		require.Empty(t, s.canariesLeft())
	})
}

// The run is cancelled while the canary soaks: that is ctx's error and nothing else,
// the canary runs on, and the same plan goes on with it.
func TestCanaryThatIsCancelled(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		p := proving(s, "a worker", nil)
		x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
		ctx, cancel := context.WithCancel(t.Context())
		running := ""
		_, err := rescue.Run(ctx, s.cloud.Config(), p, x.options, s.onCanary(func(task string) { running = task; cancel() }))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, []string{running}, s.canariesLeft())
		r, err := s.run(throughJSON(t, p, nil), x.options)
		require.NoError(t, err, r)
		require.EqualValues(t, "rescued", r.Result)
		require.Equal(t, 1, s.canariesStarted())
		require.Empty(t, s.canariesLeft())
	})
}

// A canary that a run which died has left running is stopped by finish.
func TestFinishStopsACanary(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		p := proving(s, "a worker", nil)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := rescue.Run(ctx, s.cloud.Config(), p, confirmed, s.onCanary(func(string) { cancel() }))
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, s.canariesLeft(), 1)
		s.skipByHand("Web")
		s.push("v3")
		require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(web("v3", rolling...)))
		f, err := rescue.Finish(t.Context(), s.cloud.Config(), "prod")
		require.NoError(t, err)
		require.Contains(t, strings.Join(f.Done, "\n"), "with which the rescue has proven web:3, is stopped")
		require.Empty(t, s.canariesLeft())
	})
}

// A canary that runs and never becomes healthy, one that becomes unhealthy, one that ends
// with success, and one that finds no room: none is a proof, and each says why.
func TestCanariesThatProveNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		run  func(*simtype.Container)
		says string
		full bool
	}{
		"never healthy": {run: func(*simtype.Container) {}, says: "unhealthy"},
		"unhealthy":     {run: func(c *simtype.Container) { c.SetHealthy(true); c.After(time.Minute, func() { c.SetHealthy(false) }) }, says: "unhealthy"},
		"ends":          {run: func(c *simtype.Container) { c.SetHealthy(true); c.After(time.Minute, func() { c.Exit(0) }) }, says: "it ended by itself"},
		"dies late":     {run: func(c *simtype.Container) { c.SetHealthy(true); c.After(4*time.Minute, func() { c.Exit(3) }) }, says: "exited with 3"},
		"no room":       {full: true, says: "RESOURCE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				gone := s.push("v1")
				s.create(web("v1", rolling...))
				s.deleteImage(gone)
				s.pushProgram("v2", func(c *simtype.Container) {
					switch {
					case !s.mended:
						c.After(5*time.Second, func() { c.Exit(1) })
					case c.Env("DB_PASSWORD") == "" && test.run != nil:
						test.run(c)
					default:
						c.SetHealthy(true)
					}
				})
				s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
				require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2", append(password[:2:2], rolling...)...)))
				s.mended = true
				s.serve("web:2")
				p, err := rescue.MakePlan(s.diagnose(), forProof())
				require.NoError(t, err)
				if test.full {
					s.cloud.SetCapacity(2)
				}
				began := s.cloud.Now()
				_, err = s.run(p)
				require.ErrorContains(t, err, test.says)
				require.ErrorContains(t, err, "nothing was unlocked")
				require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"])
				time.Sleep(5 * time.Minute)
				require.Empty(t, s.canariesLeft())
				require.Empty(t, s.shortages(began))
				require.Equal(t, "2 of 2 run web:2", s.counts())
			})
		})
	}
}
