package rescue_test

import (
	"errors"
	"fmt"
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

// standInRef is the missing image of the usual trouble, as a plan names it.
func (s *site) standInRef() string { return s.cloud.Registry() + "/app:v1" }

// tags are the repository's, with their digests.
func (s *site) tags() map[string]string {
	out := map[string]string{}
	for p := ecr.NewDescribeImagesPaginator(s.ecr, &ecr.DescribeImagesInput{RepositoryName: aws.String("app")}); p.HasMorePages(); {
		page, err := p.NextPage(s.t.Context())
		require.NoError(s.t, err)
		for _, i := range page.ImageDetails {
			for _, tag := range i.ImageTags {
				out[tag] = *i.ImageDigest
			}
		}
	}
	return out
}

// ran are the digests of the containers that were started since a time.
func (s *site) ran(since time.Time) map[string]bool {
	out := map[string]bool{}
	for _, x := range s.cloud.Record().Starts {
		if x.At.After(since) {
			out[x.Digest] = true
		}
	}
	return out
}

// The missing tag stands for the image that is kept, where the operator accepts it by
// name: the stack goes back without a skip, under either reading of how ECS resolves
// tags, and no container of another digest is started.
func TestStandInTag(t *testing.T) {
	t.Parallel()
	digests := new(simtype.Switches).Values()["RollbackDigest"]
	var all []string
	for _, digest := range digests {
		for _, direction := range []rescue.Direction{rescue.Forward, rescue.Hold} {
			for _, served := range []bool{true, false} {
				all = append(all, fmt.Sprint(digest, " ", direction, " served ", served))
			}
		}
	}
	some := sample.Quarter(t, all, func(run string) string { return strings.Fields(run)[0] })
	for _, digest := range digests {
		for _, direction := range []rescue.Direction{rescue.Forward, rescue.Hold} {
			for _, served := range []bool{true, false} {
				run := fmt.Sprint(digest, " ", direction, " served ", served)
				if !slices.Contains(some, run) {
					continue
				}
				t.Run(run, func(t *testing.T) {
					t.Parallel()
					inSite(t, func(t *testing.T, s *site) {
						s.stuck()
						s.mended = true
						if served {
							s.serve("web:2")
						}
						c := rescue.Choices{Direction: direction}
						if !served && direction == rescue.Hold {
							c.Revisions = map[string]string{"prod/web": "web:2"}
						}
						p, err := rescue.MakePlan(s.diagnose(), c)
						require.NoError(t, err)
						require.Contains(t, strings.Join(p.Warnings, "\n"), "accept it by name: "+s.standInRef(), "offered")
						c.Accept = []string{s.standInRef()}
						p, err = rescue.MakePlan(s.diagnose(), c)
						require.NoError(t, err)
						require.Nil(t, p.Stop, "%s", p)
						began, kept := s.cloud.Now(), s.tags()["v2"]
						dir := t.TempDir()
						r, err := s.run(throughJSON(t, p, nil), func(o *rescue.Options) { o.Evidence = dir })
						require.NoError(t, err, r)
						require.Equal(t, rescue.Result("served-with-debt"), r.Result, r)
						require.Equal(t, map[string]bool{kept: true}, s.ran(began))
						require.Equal(t, kept, s.tags()["v1"])
						for _, x := range p.Steps {
							require.True(t, x.Unlock == nil || len(x.Unlock.Skips) == 0)
							require.False(t, x.Unlock != nil && len(x.Unlock.Deploys) > 0)
						}
						require.Equal(t, 1, done(s.cloud)["cloudformation:ContinueUpdateRollback"])
						require.Contains(t, strings.Join(r.Debt, "\n"), "is to stay until the service's own next deployment")
						if direction == rescue.Hold {
							require.Equal(t, "2 of 2 run web:1", s.counts(), "the service is on the stack's own revision")
						}
						finish := func() *rescue.Finished {
							f, err := rescue.Finish(t.Context(), s.cloud.Config(), "prod", func(o *rescue.FinishOptions) { o.Evidence = dir })
							require.NoError(t, err)
							return f
						}
						s.push("v3")
						require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(web("v3")))
						require.Contains(t, strings.Join(finish().Done, "\n"), "which stood in for an image that is gone, is taken away")
						require.Equal(t, 2, len(s.tags()), "%v", s.tags())
						require.Equal(t, kept, s.tags()["v2"])
						require.Empty(t, finish().Done)
					}, func(o *rescuetest.Options) { o.Switches.RollbackDigest = digest })
				})
			}
		}
	}
}

// A tag stands in only where the recorded revision differs in nothing else, and where
// it is there for nothing else by then.
func TestNoStandInTag(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edits []string
		then  func(*site)
	}{
		"another setting":             {with("Environment: [{Name: MODE, Value: fast}]"), nil},
		"another count of containers": {[]string{"        - Name: web\n", "        - {Name: side, Image: \"docker.io/side:1\", Essential: false}\n        - Name: web\n"}, nil},
		"the tag is there again":      {nil, func(s *site) { s.push("v1") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.cloud.AddImage("docker.io/side:1", func(c *simtype.Container) { c.SetHealthy(true) })
				s.stuck(test.edits...)
				s.mended = true
				s.serve("web:2")
				if test.then != nil {
					test.then(s)
				}
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold, Accept: []string{s.standInRef()}})
				require.NoError(t, err)
				require.NotContains(t, strings.Join(p.Warnings, "\n"), "accept it by name")
				for _, x := range p.Steps {
					require.NotEqual(t, rescue.Kind("stand-in"), x.Kind)
				}
			})
		})
	}
}

// Somebody pushes the tag while the plan runs: it is not moved, and nothing is unlocked.
func TestStandInTagIsNeverMoved(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.mended = true
		s.serve("web:2")
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold, Accept: []string{s.standInRef()}})
		require.NoError(t, err)
		var pushed string
		r, err := s.run(p, func(o *rescue.Options) {
			o.Journal = func(x rescue.StepResult) error {
				if x.Kind == "stand-in" && x.Outcome == "begun" {
					pushed = s.push("v1")
				}
				return nil
			}
		})
		require.Error(t, err, r)
		require.Equal(t, pushed, s.tags()["v1"])
		require.Equal(t, "2 of 2 run web:2", s.counts())
		require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"])
	})
}

// Killed at every call of the step and of the unlock, and each of its actions denied.
func TestStandInKilledAndDenied(t *testing.T) {
	t.Parallel()
	setUp := func(s *site) (rescue.Choices, *rescue.Plan) {
		s.stuck()
		s.mended = true
		s.serve("web:2")
		c := rescue.Choices{Direction: rescue.Hold, Accept: []string{s.standInRef()}}
		p, err := rescue.MakePlan(s.diagnose(), c)
		require.NoError(s.t, err)
		return c, p
	}
	var from, to int
	var actions, made []string
	inSite(t, func(t *testing.T, s *site) {
		_, p := setUp(s)
		s.cloud.ForgetCalls()
		_, err := s.run(p, func(o *rescue.Options) {
			o.Journal = func(x rescue.StepResult) error {
				switch {
				case x.Kind == "stand-in" && x.Outcome == "begun":
					from = len(s.cloud.Calls())
				case x.Kind == "unlock":
					to = len(s.cloud.Calls())
				}
				return nil
			}
		})
		require.NoError(t, err)
		made = actionsOf(s.cloud)
		for _, x := range p.Steps {
			if x.Kind == "stand-in" {
				actions = x.Actions
			}
		}
	})
	require.True(t, from > 0 && to > from+10)
	looked := 0
	for _, c := range sample.Calls(t, made[from:to], []string{"before", "after", "before, with its folder", "after, with its folder"}, 0, nil) {
		n, kind := c.N+from, simtype.CrashBefore
		if strings.HasPrefix(c.Kind, "after") {
			kind = simtype.CrashAfter
		}
		folder := strings.HasSuffix(c.Kind, "folder")
		looked++
		inSite(t, func(t *testing.T, s *site) {
			c, p := setUp(s)
			began, kept := s.cloud.Now(), s.tags()["v2"]
			s.cloud.ForgetCalls()
			s.cloud.Inject(simtype.Fault{Nth: n, Kind: kind})
			x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
			_, err := s.run(p, x.options)
			time.Sleep(time.Minute)
			s.cloud.ClearFaults()
			s.cloud.Restart()
			x.calls = len(s.cloud.Calls())
			say := fmt.Sprintf("killed at call %d (%v), folder %t", n, kind, folder)
			if folder && err != nil {
				r, err := s.run(throughJSON(t, p, nil), x.options)
				if errors.Is(err, rescue.ErrChanged) {
					time.Sleep(time.Hour)
					err = again(t, &rescuetest.Incident{Cloud: s.cloud, Stack: "prod"}, c)
				}
				require.NoError(t, err, "%s: %s", say, r)
			}
			if !folder {
				time.Sleep(time.Hour)
				err = again(t, &rescuetest.Incident{Cloud: s.cloud, Stack: "prod"}, c)
				require.True(t, err == nil || errors.Is(err, rescue.ErrHealthy), "%s: %v", say, err)
			}
			require.Equal(t, cfntypes.StackStatusUpdateRollbackComplete, s.rest("prod"), say)
			require.True(t, strings.HasPrefix(s.counts(), "2 of 2 run web:"), "%s: %s", say, s.counts())
			for digest := range s.ran(began) {
				require.Equal(t, kept, digest, say)
			}
		})
	}
	t.Logf("calls %d to %d, killed %d times", from+1, to, looked)
	for _, action := range actions {
		inSite(t, func(t *testing.T, s *site) {
			_, p := setUp(s)
			s.cloud.ForgetCalls()
			denied := false
			r, err := s.run(p, func(o *rescue.Options) {
				o.Journal = func(x rescue.StepResult) error {
					if x.Kind == "stand-in" && x.Outcome == "begun" && !denied {
						denied = true
						s.deny(action)
					}
					if x.Kind == "stand-in" && x.Outcome != "begun" {
						s.cloud.ClearFaults()
					}
					return nil
				}
			})
			if err != nil {
				require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"], "%s: %s", action, r)
			}
			time.Sleep(time.Hour)
			require.Equal(t, 2, s.diagnose().Users[0].Running, action)
		})
	}
}

// A repository whose tags are immutable takes a tag that is missing.
func TestStandInTagInAnImmutableRepository(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.mended = true
		s.serve("web:2")
		_, err := s.ecr.PutImageTagMutability(t.Context(), &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String("app"), ImageTagMutability: ecrtypes.ImageTagMutabilityImmutable})
		require.NoError(t, err)
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold, Accept: []string{s.standInRef()}})
		require.NoError(t, err)
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, "2 of 2 run web:1", s.counts())
	})
}

// The founding incident goes back without a skip where its two tags are accepted, under
// every value of every switch: nothing but the new code is started, and users who were
// down are served by the deployment that the unlock needs anyway.
func TestStandInTagsOfTheFoundingIncident(t *testing.T) {
	t.Parallel()
	for _, x := range sample.Quarter(t, append([]setting{{set: func(*simtype.Switches) {}}}, settings...), nil) {
		t.Run(x.name+" "+x.value, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in, err := rescuetest.ExpiredRollbackImage(t.Context(), func(o *rescuetest.IncidentOptions) { x.set(&o.Switches) })
				require.NoError(t, err)
				c := forward()
				for _, repository := range []string{"backend", "backend-nginx"} {
					c.Accept = append(c.Accept, in.Cloud.Registry()+"/"+repository+":v1")
				}
				p := plan(t, in, c)
				began := in.Cloud.Now()
				in.Cloud.ForgetCalls()
				r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
				require.NoError(t, err, r)
				require.Equal(t, rescue.Result("served-with-debt"), r.Result, r)
				require.True(t, allServed(r.Users))
				for _, s := range r.Steps {
					require.NotContains(t, s.Text, "skipped")
				}
				require.Zero(t, done(in.Cloud)["ecs:RegisterTaskDefinition"], "no clone is needed")
				kept := map[string]bool{}
				for _, s := range in.Cloud.Record().Starts {
					if s.Service == "" || !s.At.After(began) {
						continue
					}
					kept[s.Container+" "+s.Digest] = true
				}
				require.Len(t, kept, 2, "one image of each container: %v", kept)
			})
		})
	}
}
