package rescue_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func (s *site) archive(digest string) {
	_, err := s.ecr.UpdateImageStorageClass(s.t.Context(), &ecr.UpdateImageStorageClassInput{RepositoryName: aws.String("app"), ImageId: &ecrtypes.ImageIdentifier{ImageDigest: &digest}, TargetStorageClass: ecrtypes.TargetStorageClassArchive})
	require.NoError(s.t, err)
}

// ways are those in which the old image can be away and yet be had.
var ways = map[string]away{
	"archived":          {(*site).archive, func(*site, string) {}},
	"under another tag": {(*site).deleteImage, func(s *site, _ string) { s.pushOld("release-1") }},
	"in a replica": {func(s *site, old string) {
		s.deleteImage(old)
		s.replicate()
		s.pushOld("v1")
		s.cloud.Advance(time.Hour) // until it is there
		s.deleteImage(old)
	}, func(*site, string) {}},
	"archived under another tag": {(*site).deleteImage, func(s *site, old string) {
		s.pushOld("release-1")
		s.archive(old)
	}},
}

// away is what becomes of the old image before the update, and after the rollback has
// failed.
type away struct{ before, then func(s *site, old string) }

// replicate makes the registry replicate to another region.
func (s *site) replicate() {
	_, err := s.ecr.PutReplicationConfiguration(s.t.Context(), &ecr.PutReplicationConfigurationInput{ReplicationConfiguration: &ecrtypes.ReplicationConfiguration{
		Rules: []ecrtypes.ReplicationRule{{Destinations: []ecrtypes.ReplicationDestination{{Region: aws.String("eu-west-1"), RegistryId: aws.String(s.cloud.Account())}}}},
	}})
	require.NoError(s.t, err)
}

// pushOld pushes the very image of v1 under a tag.
func (s *site) pushOld(tag string) string {
	digest, err := s.cloud.PushImage("app", "v1", func(c *simtype.Container) { s.starts["v1"]++; c.SetHealthy(true) }, tag)
	require.NoError(s.t, err)
	return digest
}

// backFrom is the usual trouble with an old image that can be had.
func (s *site) backFrom(x away) (old string) {
	old = s.pushOld("v1")
	s.create(web("v1"))
	x.before(s, old)
	s.pushFailing("v2")
	s.begin(web("v2"))
	for range 5 { // reads may be stale
		if s.rest("prod") == cfntypes.StackStatusUpdateRollbackFailed {
			break
		}
	}
	require.Equal(s.t, cfntypes.StackStatusUpdateRollbackFailed, s.status("prod"))
	x.then(s, old)
	return old
}

// The old code returns with the very image that it ran: out of the archive, or under
// its tag again. Nothing else is started, nothing is skipped, and the service ends on
// the stack's own revision; under every switch.
func TestBackRestoresTheRecordedImage(t *testing.T) {
	t.Parallel()
	type run struct {
		way string
		setting
	}
	var all []run
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		for _, x := range append([]setting{{set: func(*simtype.Switches) {}}}, settings...) {
			all = append(all, run{way, x})
		}
	}
	for _, x := range sample.Quarter(t, all, func(x run) string { return x.way }) {
		t.Run(x.way+" "+x.name+" "+x.value, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				old := s.backFrom(ways[x.way])
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Back})
				require.NoError(t, err)
				require.Contains(t, p.Policy(), "ecr:UpdateImageStorageClass")
				require.Equal(t, x.way == "in a replica", strings.Contains(p.Policy(), "ecr:UploadLayerPart"))
				require.Contains(t, strings.Join(p.Commands(), "\n"), old)
				began := s.cloud.Now()
				r, err := s.run(throughJSON(t, p, nil))
				require.NoError(t, err, r)
				require.Equal(t, rescue.Result("rescued"), r.Result, r)
				require.Equal(t, map[string]bool{old: true}, s.ran(began))
				require.Equal(t, old, s.tags()["v1"])
				require.Equal(t, "2 of 2 run web:1", s.counts())
				for _, step := range r.Steps {
					require.NotContains(t, step.Text, "skipped")
				}
			}, func(o *rescuetest.Options) { x.set(&o.Switches) })
		})
	}
}

// An image that the recorded revision names by its digest alone comes back from a
// replica with a pin, which keeps it from being the first that a lifecycle policy takes.
func TestBackCopiesAnImageByDigest(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.replicate()
		old := s.pushOld("v1")
		pinned := strings.ReplaceAll(web("v1"), "app:v1", "app@"+old)
		require.NotEqual(t, web("v1"), pinned)
		s.create(pinned)
		s.cloud.Advance(time.Hour)
		s.pushFailing("v2")
		s.begin(web("v2"))
		s.deleteImage(old)
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.rest("prod"))
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Back})
		require.NoError(t, err)
		began := s.cloud.Now()
		r, err := s.run(throughJSON(t, p, nil))
		require.NoError(t, err, r)
		require.Equal(t, map[string]bool{old: true}, s.ran(began))
		require.Equal(t, old, s.tags()["pin-"+old[7:19]])
		require.NotContains(t, s.tags(), "v1", "no tag that the revision does not name")
	}, func(o *rescuetest.Options) { o.Switches.UnusedLayers = "gone" })
}

// A plan ends after the images are back, where the operator wants that: nothing is
// deployed, and the stack stays locked.
func TestUntilTheImagesAreBack(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		old := s.backFrom(ways["under another tag"])
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Back, Until: "restore"})
		require.NoError(t, err)
		began := s.cloud.Now()
		r, err := s.run(p)
		require.ErrorIs(t, err, rescue.ErrPartly, "users are not served by that: %s", r)
		require.Equal(t, rescue.Kind("restore"), p.Steps[len(p.Steps)-2].Kind, "but for verify")
		require.Equal(t, old, s.tags()["v1"])
		require.Zero(t, done(s.cloud)["ecs:UpdateService"]+done(s.cloud)["cloudformation:ContinueUpdateRollback"])
		require.NotContains(t, s.ran(began), "v2")
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.status("prod"))
		require.Contains(t, strings.Join(p.Debt, "\n"), "stays UPDATE_ROLLBACK_FAILED")
	})
}

// What is not the recorded image does not stand in for it, and what is not known is
// not taken for it.
func TestBackRestoresNothingElse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		away
		is   error
		fact string
	}{
		"the digest is gone": {away{(*site).deleteImage, func(*site, string) {}}, rescue.ErrDirection, "is not in the repository any more"},
		"the tag names another image": {away{(*site).deleteImage, func(s *site, _ string) {
			_, err := s.cloud.PushImage("app", "v1 again", func(c *simtype.Container) { c.SetHealthy(true) }, "v1")
			require.NoError(s.t, err)
		}}, rescue.ErrDirection, "by now, which is not what web:1 ran"},
		"which it was is not read":                   {away{(*site).deleteImage, func(s *site, _ string) { s.pushOld("release-1"); s.deny("ecs:DescribeServiceRevisions") }}, rescue.ErrDirection, "which digest it had is not known"},
		"whether a replica has it is not read":       {away{(*site).deleteImage, func(s *site, _ string) { s.deny("ecr:DescribeRegistry") }}, rescue.ErrUnknown, "whether a replica has it is not known"},
		"whether it is the archived one is not read": {away{(*site).archive, func(s *site, _ string) { s.deny("ecs:ListServiceDeployments") }}, rescue.ErrUnknown, "is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.backFrom(test.away)
				s.cloud.ForgetCalls()
				s.refuses(rescue.Choices{Direction: rescue.Back}, test.is, test.fact)
				require.Empty(t, s.mutated())
			})
		})
	}
}

// Users who are served on the recorded revision, whose image is in the archive, keep
// it: the image is restored, and the rollback goes on without a skip.
func TestHoldRestoresTheSameImage(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		old := s.push("v1")
		s.push("v2")
		s.create(web("v1") + "  News: {Type: AWS::SNS::Topic, DependsOn: Web, Properties: {TopicName: news}}\n")
		s.cloud.FailResource("prod", "Web", simtype.OnUpdate, "Rate exceeded")
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, "Rate exceeded")
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2")+"  News: {Type: AWS::SNS::Topic, DependsOn: Web, Properties: {TopicName: news}}\n"))
		s.archive(old)
		require.Equal(t, "2 of 2 run web:1", s.counts())
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold})
		require.NoError(t, err)
		began := s.cloud.Now()
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result, r)
		require.Empty(t, s.ran(began), "nothing was deployed")
		for _, x := range p.Steps {
			require.True(t, x.Unlock == nil || len(x.Unlock.Skips) == 0)
		}
	})
}

// On the way back outputs that an earlier skip has lost are restored as well.
func TestBackRestoresOutputs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		for repository, content := range map[string]string{"backend": "backend v1", "backend-nginx": "nginx v1"} {
			_, err := in.Cloud.PushImage(repository, content, nil, "v1")
			require.NoError(t, err)
		}
		in.Do(func() { in.Database.Schema = in.Database.Revision })
		p := plan(t, in, rescue.Choices{Direction: rescue.Back, Freeze: true})
		r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result, r)
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		require.Empty(t, d.Lost)
		require.Equal(t, rescue.Situation("healthy"), d.Situation)
		served(t, in)
	})
}

// Killed at every call of the restore and of what follows it, and each of its actions
// denied.
func TestRestoreKilledAndDenied(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"archived under another tag", "in a replica"} {
		t.Run(way, func(t *testing.T) { t.Parallel(); restoreKilledAndDenied(t, ways[way]) })
	}
}

func restoreKilledAndDenied(t *testing.T, way away) {
	gone := func(o *rescuetest.Options) { o.Switches.UnusedLayers = "gone" }
	setUp := func(s *site) (string, *rescue.Plan) {
		old := s.backFrom(way)
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Back})
		require.NoError(s.t, err)
		s.cloud.ForgetCalls()
		return old, p
	}
	var from, to int
	var actions []string
	inSite(t, func(t *testing.T, s *site) {
		_, p := setUp(s)
		_, err := s.run(p, func(o *rescue.Options) {
			o.Observe = func(e rescue.Event) {
				if strings.HasSuffix(e.Step, "-restore") && from == 0 {
					from = len(s.cloud.Calls()) - 3
				}
			}
			o.Journal = func(x rescue.StepResult) error {
				if x.Kind == "unlock" {
					to = len(s.cloud.Calls())
				}
				return nil
			}
		})
		require.NoError(t, err)
		called := done(s.cloud)
		for _, x := range p.Steps {
			if x.Kind == "restore" {
				actions = slices.DeleteFunc(slices.Clone(x.Actions), func(a string) bool { return called[a] == 0 })
			}
		}
	}, gone)
	require.True(t, from > 0 && to > from+10)
	looked := 0
	for n := from; n <= to; n++ {
		for k, kind := range []simtype.FaultKind{simtype.CrashBefore, simtype.CrashAfter} {
			for j, folder := range []bool{true, false} {
				if (n+k*3+j*5)%stride() != 0 {
					continue
				}
				looked++
				inSite(t, func(t *testing.T, s *site) {
					old, p := setUp(s)
					began := s.cloud.Now()
					s.cloud.Inject(simtype.Fault{Nth: n, Kind: kind})
					x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
					_, err := s.run(p, x.options)
					time.Sleep(time.Minute)
					s.cloud.ClearFaults()
					s.cloud.Restart()
					x.calls = len(s.cloud.Calls())
					say := fmt.Sprintf("killed at call %d (%v), folder %t", n, kind, folder)
					if folder && err != nil {
						_, err = s.run(throughJSON(t, p, nil), x.options)
					}
					if !folder || errors.Is(err, rescue.ErrChanged) {
						time.Sleep(time.Hour)
						err = again(t, &rescuetest.Incident{Cloud: s.cloud, Stack: "prod"}, rescue.Choices{Direction: rescue.Back})
					}
					require.True(t, err == nil || errors.Is(err, rescue.ErrHealthy), "%s: %v", say, err)
					require.Equal(t, cfntypes.StackStatusUpdateRollbackComplete, s.rest("prod"), say)
					require.Equal(t, map[string]bool{old: true}, s.ran(began), say)
					require.Equal(t, "2 of 2 run web:1", s.counts(), say)
				}, gone)
			}
		}
	}
	t.Logf("calls %d to %d, killed %d times", from, to, looked)
	t.Logf("denied: %s", actions)
	for _, action := range actions {
		if action == "ecr:DescribeImages" {
			continue // a read of the diagnosis as well
		}
		inSite(t, func(t *testing.T, s *site) {
			_, p := setUp(s)
			s.deny(action)
			r, err := s.run(p)
			require.ErrorContains(t, err, strings.TrimPrefix(action, "ecr:"), "%s: %s", action, r)
			require.Zero(t, done(s.cloud)["ecs:UpdateService"]+done(s.cloud)["cloudformation:ContinueUpdateRollback"])
			s.cloud.ClearFaults()
			r, err = s.run(p, func(o *rescue.Options) { o.Done = r.Steps })
			require.NoError(t, err, r)
			require.Equal(t, "2 of 2 run web:1", s.counts())
		}, gone)
	}
}
