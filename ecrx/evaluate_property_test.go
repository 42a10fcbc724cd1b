package ecrx_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

var tagPool = []string{"alpha-1", "alpha-2", "beta-1", "beta-2", "prod-1", "prod-2", "latest", "main", "v1", "v2", "v10", "release-9"}

// randomPolicy is valid: any comes last in its storage class, untagged once.
func randomPolicy(r *rand.Rand) *ecrx.Policy {
	p := &ecrx.Policy{}
	patterns := []string{"alpha*", "beta*", "prod*", "*", "*-1", "v*", "a*a*", "alpha-1", "nothing*"}
	add := func(tags, count string, n int, more ...string) {
		p.Rules = append(p.Rules, rule(len(p.Rules)*3+1, tags, count, n, more...))
	}
	counted := func(tags string) {
		switch r.IntN(4) {
		case 0, 1:
			add(tags, countMoreThan, 1+r.IntN(4))
		case 2:
			add(tags, sincePushed, 1+r.IntN(20))
		default:
			add(tags, sincePulled, 1+r.IntN(20), "archive")
		}
	}
	for range r.IntN(4) {
		tags := patterns[r.IntN(len(patterns))]
		if r.IntN(3) == 0 {
			tags += " " + patterns[r.IntN(len(patterns))]
		}
		counted(tags)
	}
	if r.IntN(2) == 0 {
		counted("untagged")
	}
	if r.IntN(2) == 0 || len(p.Rules) == 0 {
		counted("any")
	}
	if r.IntN(3) == 0 {
		add("any", sinceTransitioned, 90+r.IntN(20))
	}
	return p
}

func randomImages(r *rand.Rand) []ecrx.Stored {
	var out []ecrx.Stored
	for n := range 1 + r.IntN(12) {
		x := img(fmt.Sprintf("%02d", n), time.Duration(r.IntN(30*24))*time.Hour)
		for range r.IntN(3) {
			x.Tags = append(x.Tags, tagPool[r.IntN(len(tagPool))])
		}
		switch r.IntN(8) {
		case 0:
			x.Status, x.ArchivedAt = types.ImageStatusArchived, x.PushedAt.Add(-90*day)
			x.PushedAt = x.ArchivedAt.Add(-day)
		case 1:
			x.ActivatedAt = x.PushedAt.Add(time.Hour)
		case 2:
			x.PulledAt = x.PushedAt.Add(2 * time.Hour)
		case 3:
			x.MediaType = "application/vnd.oci.image.index.v1+json"
			x.Children = []string{fmt.Sprintf("%02d", r.IntN(12))}
		}
		out = append(out, x)
	}
	return out
}

func byDigest(vs []ecrx.Verdict) map[string]ecrx.Verdict {
	m := map[string]ecrx.Verdict{}
	for _, v := range vs {
		m[v.Image.Digest] = v
	}
	return m
}

func TestEvaluateProperties(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 800 {
		p, images := randomPolicy(r), randomImages(r)
		require.NoError(t, p.Validate(), p.String())
		vs := p.Evaluate(images, t0)
		want := byDigest(vs)

		// The order of images and of rules does not matter.
		shuffled := slices.Clone(images)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		mixed := &ecrx.Policy{Rules: slices.Clone(p.Rules)}
		r.Shuffle(len(mixed.Rules), func(i, j int) { mixed.Rules[i], mixed.Rules[j] = mixed.Rules[j], mixed.Rules[i] })
		got := byDigest(mixed.Evaluate(shuffled, t0))
		for d, v := range want {
			require.Equal(t, v.Possible, got[d].Possible)
			require.Equal(t, fmt.Sprint(v.Action, v.Rule, v.ShieldedBy, v.PushesLeft, v.At), fmt.Sprint(got[d].Action, got[d].Rule, got[d].ShieldedBy, got[d].PushesLeft, got[d].At))
		}

		// One verdict for each image, of a rule that matches it and no other.
		require.Len(t, vs, len(images))
		for i, v := range vs {
			require.Equal(t, images[i].Digest, v.Image.Digest)
			require.Contains(t, v.Possible, v.Action)
			require.Equal(t, v.Certain(), len(v.Doubts) == 0, "%+v", v)
			if v.Rule != 0 {
				require.Equal(t, v.MatchedBy, v.Rule)
			}
		}

		// A rule that matches nothing changes nothing, wherever it stands.
		more := &ecrx.Policy{Rules: slices.Clone(p.Rules)}
		more.Rules = append(more.Rules, rule(2, "no-such-tag-*", sincePushed, 1))
		require.Equal(t, vs, more.Evaluate(images, t0))

		// What went by age stays gone; what a count takes, time does not save.
		for d, v := range byDigest(p.Evaluate(images, t0.Add(5*day))) {
			if want[d].Rule != 0 {
				require.Equal(t, want[d].Rule, v.Rule)
			}
		}
		// Without its own rule an image is in the hands of a later one, or of none.
		for d, v := range want {
			if v.MatchedBy == 0 {
				continue
			}
			after := byDigest((&ecrx.Policy{Rules: slices.DeleteFunc(slices.Clone(p.Rules), func(x ecrx.Rule) bool { return x.Priority == v.MatchedBy })}).Evaluate(images, t0))[d]
			require.Equal(t, v.ShieldedBy != 0 || shieldedWhenActed(p, v), after.MatchedBy != 0)
			require.True(t, after.MatchedBy == 0 || after.MatchedBy > v.MatchedBy)
		}
	}
}

// shieldedWhenActed: an image on which its rule acts has no ShieldedBy, though
// a later rule may match it too.
func shieldedWhenActed(p *ecrx.Policy, v ecrx.Verdict) bool {
	archived := v.Image.Status == types.ImageStatusArchived
	n := 0
	for _, r := range p.Rules {
		if (r.Selection.StorageClass == "archive") == archived && r.Selection.Matches(v.Image.Tags) {
			n++
		}
	}
	return n > 1
}

// TestEvaluateAgainstSimulation: two evaluators that share no code agree, on
// repositories with history.
func TestEvaluateAgainstSimulation(t *testing.T) {
	t.Parallel()
	actions := 0
	for seed := range uint64(80) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			cloud := rescuetest.New()
			api := ecr.NewFromConfig(cloud.Config())
			repo := aws.String("app")
			_, err := api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: repo})
			require.NoError(t, err)
			for n := range 2 + r.IntN(10) {
				cloud.Advance(time.Duration(1+r.IntN(72)) * time.Hour)
				var tags []string
				for range r.IntN(3) {
					tags = append(tags, tagPool[r.IntN(len(tagPool))])
				}
				digest, err := cloud.PushImage("app", fmt.Sprint("content ", n), nil, tags...)
				require.NoError(t, err)
				id := &types.ImageIdentifier{ImageDigest: &digest}
				switch r.IntN(6) {
				case 0:
					_, err = api.UpdateImageStorageClass(t.Context(), &ecr.UpdateImageStorageClassInput{RepositoryName: repo, ImageId: id, TargetStorageClass: types.TargetStorageClassArchive})
					require.NoError(t, err)
					if r.IntN(2) == 0 {
						_, err = api.UpdateImageStorageClass(t.Context(), &ecr.UpdateImageStorageClassInput{RepositoryName: repo, ImageId: id, TargetStorageClass: types.TargetStorageClassStandard})
						require.NoError(t, err)
						cloud.Advance(time.Hour)
					}
				case 1:
					_, err = api.BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: repo, ImageIds: []types.ImageIdentifier{*id}})
					require.NoError(t, err)
				}
			}
			cloud.Advance(time.Duration(r.IntN(100*24)) * time.Hour)
			p := randomPolicy(r)
			diffs, err := ecrx.ComparePreview(t.Context(), api, ecrx.Repository{Name: "app"}, func(o *ecrx.PreviewOptions) { o.Policy = p; o.Now = cloud.Now })
			require.NoError(t, err)
			require.Empty(t, diffs.Differences, "seed %d: %s", seed, p)
			actions += diffs.Acted
		})
	}
	t.Logf("%d actions compared", actions)
	require.Greater(t, actions, 100)
}
