package ecrx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
)

// Values of Selection.CountType.
const (
	countMoreThan     = "imageCountMoreThan"
	sincePushed       = "sinceImagePushed"
	sincePulled       = "sinceImagePulled"
	sinceTransitioned = "sinceImageTransitioned"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// img is an image with a one-letter name for a digest.
func img(name string, age time.Duration, tags ...string) ecrx.Stored {
	return ecrx.Stored{Digest: name, Tags: tags, PushedAt: t0.Add(-age), Status: types.ImageStatusActive}
}

// rule builds a rule from words: tag status or patterns, what is counted, how
// many, and "archive" for a transition.
func rule(priority int, tags, count string, n int, more ...string) ecrx.Rule {
	r := ecrx.Rule{Priority: priority, Selection: ecrx.Selection{CountType: count, CountNumber: n}, Action: "expire"}
	switch tags {
	case "any", "untagged":
		r.Selection.TagStatus = tags
	default:
		r.Selection.TagStatus, r.Selection.TagPatternList = "tagged", strings.Fields(tags)
	}
	if count != countMoreThan {
		r.Selection.CountUnit = "days"
	}
	if count == sinceTransitioned {
		r.Selection.StorageClass = "archive"
	}
	if slices.Contains(more, "archive") {
		r.Action = "transition"
	}
	return r
}

func policy(rules ...ecrx.Rule) *ecrx.Policy { return &ecrx.Policy{Rules: rules} }

// prefixes is the same policy with tagPrefixList, where its patterns allow it.
func prefixes(t *testing.T, p *ecrx.Policy) (*ecrx.Policy, bool) {
	t.Helper()
	out := &ecrx.Policy{Rules: slices.Clone(p.Rules)}
	for i := range out.Rules {
		s := &out.Rules[i].Selection
		for _, x := range s.TagPatternList {
			prefix, ok := strings.CutSuffix(x, "*")
			if !ok || strings.Contains(prefix, "*") {
				return nil, false
			}
			s.TagPrefixList = append(s.TagPrefixList, prefix)
		}
		s.TagPatternList = nil
	}
	return out, out.Validate() == nil
}

// outcome is what happens to each image, such as "A:expire(1) B:keep".
func outcome(vs []ecrx.Verdict) string {
	var words []string
	for _, v := range vs {
		w := v.Image.Digest + ":" + string(v.Action)
		if v.Rule > 0 {
			w += fmt.Sprintf("(%d)", v.Rule)
		}
		if v.ShieldedBy > 0 {
			w += fmt.Sprintf("<%d", v.ShieldedBy)
		}
		if !v.Certain() {
			w += "?"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

type vector struct {
	name   string
	policy *ecrx.Policy
	images []ecrx.Stored
	want   string
}

// documented are the six examples with outcomes of
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html
// (docs/aws/ecr.md 2).
func documented() []vector {
	d := func(n int) time.Duration { return time.Duration(n) * day }
	prodBeta := []ecrx.Stored{img("A", d(10), "beta-1", "prod-1"), img("B", d(9), "beta-2", "prod-2"), img("C", d(8), "beta-3")}
	return []vector{
		{"V1", policy(rule(1, "prod*", countMoreThan, 1), rule(2, "beta*", countMoreThan, 1)), prodBeta,
			"A:expire(1) B:keep<1 C:keep"},
		{"V2", policy(rule(1, "beta*", countMoreThan, 1), rule(2, "prod*", countMoreThan, 1)), prodBeta,
			"A:expire(1) B:expire(1) C:keep"},
		{"V3", policy(rule(1, "alpha* beta*", sincePushed, 5)), []ecrx.Stored{
			img("A", d(12), "alpha-1"), img("B", d(11), "beta-1"), img("C", d(10), "alpha-2", "beta-2"),
			img("D", d(4), "alpha-3"), img("E", d(3), "beta-3"), img("F", d(2), "alpha-4", "beta-4")},
			"A:keep B:keep C:expire(1) D:keep E:keep F:keep"},
		{"V4", policy(rule(1, "alpha* beta*", countMoreThan, 1)), []ecrx.Stored{
			img("A", d(10), "alpha-1", "beta-1", "gamma-1"), img("B", d(9), "alpha-2", "beta-2"), img("C", d(8), "alpha-3", "beta-3", "gamma-2")},
			"A:expire(1) B:expire(1) C:keep"},
		{"V5", policy(rule(1, "any", countMoreThan, 1)), []ecrx.Stored{
			img("A", d(4), "alpha-1"), img("B", d(3), "beta-1"), img("C", d(2)), img("D", d(1), "alpha-2")},
			"A:expire(1) B:expire(1) C:expire(1) D:keep"},
		{"V6", policy(rule(1, "alpha*", countMoreThan, 1), rule(2, "untagged", sincePushed, 1), rule(3, "any", countMoreThan, 1)), []ecrx.Stored{
			img("A", d(4), "alpha-1", "beta-1"), img("B", d(3)), img("C", d(2), "alpha-2"), img("D", d(1), "git-hash"), img("E", d(1)-time.Hour)},
			"A:expire(1) B:expire(2) C:keep<1 D:expire(3) E:keep<2"},
	}
}

// derived follow from the rules' text and from reports of what happened to
// people (docs/aws/ecr.md 2, D1 to D9).
func derived() []vector {
	d := func(n int) time.Duration { return time.Duration(n) * day }
	archived := func(name string, since time.Duration, tags ...string) ecrx.Stored {
		x := img(name, since+d(10), tags...)
		x.Status, x.ArchivedAt = types.ImageStatusArchived, t0.Add(-since)
		return x
	}
	index := img("I", d(2), "v1")
	index.Children = []string{"X", "Y"}
	pulled := func(name string, ago time.Duration) ecrx.Stored {
		x := img(name, d(60), "v-"+name)
		if ago > 0 {
			x.PulledAt = t0.Add(-ago)
		}
		return x
	}
	restored := pulled("R", d(90))
	restored.ActivatedAt = t0.Add(-d(60))
	var mono []ecrx.Stored
	mono = append(mono, img("W", d(200), "worker-1.0"))
	for i := range 100 {
		mono = append(mono, img(fmt.Sprintf("r%02d", i), d(100-i), fmt.Sprintf("rails-app-%d", i)))
	}
	return []vector{
		{"D1 and-trap", policy(rule(1, "latest main master cache 20*", sincePushed, 3650), rule(2, "untagged", sincePushed, 7), rule(3, "any", sincePushed, 60)),
			[]ecrx.Stored{img("L", d(90), "latest"), img("M", d(90), "main"), img("N", d(90), "2023-01-01"), img("U", d(90))},
			"L:expire(3) M:expire(3) N:expire(3) U:expire(2)"},
		{"D2 shield", policy(rule(1, "deployed-to*", countMoreThan, 100), rule(2, "any", sincePushed, 30)),
			[]ecrx.Stored{img("P", d(100), "deployed-to-prod", "release-1"), img("R", d(100), "release-2"), img("N", d(1), "release-3")},
			"P:keep<1 R:expire(2) N:keep"},
		{"D3 counted though gone", policy(rule(1, "x*", countMoreThan, 1), rule(2, "y*", countMoreThan, 1)),
			[]ecrx.Stored{img("N", d(1), "x-9"), img("M", d(2), "x-1", "y-9"), img("O", d(4), "y-1")},
			"N:keep M:expire(1) O:expire(2)"},
		{"D4 dead keep rule", policy(rule(1, "sha256.*", countMoreThan, 5), rule(2, "untagged", sincePushed, 3), rule(3, "any", sincePushed, 7)),
			[]ecrx.Stored{img("L", d(8), "latest"), img("D", d(9))},
			"L:expire(3) D:expire(2)"},
		{"D5 promotion by tag", policy(rule(1, "dev*", sincePushed, 30)),
			[]ecrx.Stored{img("P", d(40), "dev-1", "prod-1")},
			"P:expire(1)"},
		{"D6 children of an index", policy(rule(1, "untagged", sincePushed, 1)),
			[]ecrx.Stored{index, img("X", d(2)), img("Y", d(2))},
			"I:keep X:blocked(1) Y:blocked(1)"},
		{"D7 pulled", policy(rule(1, "any", sincePulled, 30, "archive")),
			[]ecrx.Stored{pulled("A", d(5)), pulled("B", 0), restored},
			"A:keep B:transition(1) R:transition(1)"},
		{"D8 storage classes", policy(rule(1, "any", sincePushed, 30, "archive"), rule(2, "any", sinceTransitioned, 365)),
			[]ecrx.Stored{archived("A", d(366), "v1"), archived("B", d(10), "v2"), img("C", d(31), "v3"), img("D", d(29), "v4")},
			"A:expire(2) B:keep C:transition(1) D:keep"},
		{"D8 count without archived", policy(rule(1, "any", countMoreThan, 1)),
			[]ecrx.Stored{img("C", d(31), "v3"), archived("B", d(10), "v2")},
			"C:keep B:keep"},
		{"D9 shared pool", policy(rule(1, "any", countMoreThan, 20)), mono[:21],
			"W:expire(1) " + strings.Join(func() (w []string) {
				for _, x := range mono[1:21] {
					w = append(w, x.Digest+":keep")
				}
				return w
			}(), " ")},
	}
}

func TestEvaluateVectors(t *testing.T) {
	t.Parallel()
	encodings := 0
	for _, v := range slices.Concat(documented(), derived()) {
		require.NoError(t, v.policy.Validate(), v.name)
		require.Equal(t, v.want, outcome(v.policy.Evaluate(v.images, t0)), v.name)
		encodings++
		if p, ok := prefixes(t, v.policy); ok {
			require.Equal(t, v.want, outcome(p.Evaluate(v.images, t0)), v.name+" with prefixes")
			encodings++
		} else if strings.HasPrefix(v.name, "V") {
			t.Errorf("%s has no encoding with prefixes", v.name)
		}
	}
	t.Logf("%d vectors, %d encodings", len(documented())+len(derived()), encodings)
}

func TestEvaluateBounds(t *testing.T) {
	t.Parallel()
	count := func(n int) *ecrx.Policy { return policy(rule(1, "any", countMoreThan, n)) }
	one := func(p *ecrx.Policy, digest string, images ...ecrx.Stored) ecrx.Verdict {
		for _, v := range p.Evaluate(images, t0) {
			if v.Image.Digest == digest {
				return v
			}
		}
		t.Fatal("no " + digest)
		return ecrx.Verdict{}
	}
	both := []ecrx.Action{"expire", "keep"}

	// Two images of the same moment: one of them goes.
	tie := one(count(1), "A", img("A", day, "a"), img("B", day, "b"))
	require.Equal(t, both, tie.Possible)
	require.Equal(t, []string{"tie"}, tie.Doubts)

	// Children may or may not fill the pool.
	index := img("I", day, "v2")
	index.Children = []string{"X", "Y"}
	old := one(count(3), "O", index, img("X", day+time.Hour), img("Y", day+2*time.Hour), img("O", 3*day, "v1"))
	require.Equal(t, ecrx.Action("expire"), old.Action)
	require.Equal(t, both, old.Possible)
	require.Equal(t, []string{"children-count"}, old.Doubts)
	require.True(t, old.MayGo())
	require.False(t, old.Goes())

	// An index whose list nobody read may list any older untagged image.
	index.Children, index.MediaType = nil, "application/vnd.oci.image.index.v1+json"
	child := one(policy(rule(1, "untagged", sincePushed, 1)), "X", index, img("X", 2*day))
	require.Equal(t, ecrx.Action("expire"), child.Action)
	require.Equal(t, []ecrx.Action{"blocked", "expire"}, child.Possible)
	require.Equal(t, []string{"unread-index"}, child.Doubts)

	// A child whose only index goes.
	index.Children = []string{"X"}
	child = one(policy(rule(1, "v*", sincePushed, 0)), "X", index, img("X", 2*day))
	require.Equal(t, ecrx.Action("keep"), child.Action)
	require.Equal(t, both, child.Possible)
	require.Equal(t, []string{"index-goes"}, child.Doubts)

	// A restored image: older by push, newer by restore.
	back := img("R", 40*day, "r")
	back.ActivatedAt = t0.Add(-day)
	require.Equal(t, both, one(count(1), "R", back, img("B", 2*day, "b")).Possible)
	require.Equal(t, ecrx.Action("keep"), one(count(1), "R", back, img("B", 2*day, "b")).Action)
	aged := one(policy(rule(1, "any", sincePushed, 30)), "R", back)
	require.Equal(t, ecrx.Action("expire"), aged.Action)
	require.Equal(t, []string{"restored-age"}, aged.Doubts)

	// Being restored: no rule sees it yet, or one does.
	back.Status = types.ImageStatusActivating
	waking := one(policy(rule(1, "any", sincePushed, 30)), "R", back)
	require.Equal(t, ecrx.Action("keep"), waking.Action)
	require.True(t, waking.MayGo())

	// A signature goes with its subject.
	sig := img("S", time.Hour)
	sig.Subject = "A"
	require.Equal(t, ecrx.Action("expire"), one(policy(rule(1, "v*", sincePushed, 1)), "S", sig, img("A", 2*day, "v1")).Action)
}

func TestHeadroom(t *testing.T) {
	t.Parallel()
	p := policy(rule(1, "v*", countMoreThan, 3), rule(2, "any", sincePushed, 30))
	images := []ecrx.Stored{img("A", 3*day, "v1"), img("B", 2*day, "v2"), img("C", day, "main"), img("D", 40*day, "main-1")}
	vs := p.Evaluate(images, t0)
	require.Equal(t, 2, vs[0].PushesLeft)
	require.Equal(t, 3, vs[1].PushesLeft)
	require.Equal(t, t0.Add(29*day), vs[2].At)
	require.Equal(t, t0.Add(-10*day), vs[3].At)
	// Exactly as many pushes later it goes.
	for n := 1; n <= 3; n++ {
		images = append(images, img(fmt.Sprint("N", n), -time.Duration(n)*time.Minute, fmt.Sprint("v9", n)))
		require.Equal(t, n >= 2, p.Evaluate(images, t0)[0].Action == "expire")
		require.Equal(t, n >= 3, p.Evaluate(images, t0)[1].Action == "expire")
	}
	// And exactly at that moment.
	require.Equal(t, ecrx.Action("keep"), p.Evaluate(images, vs[2].At)[2].Action)
	require.Equal(t, ecrx.Action("expire"), p.Evaluate(images, vs[2].At.Add(1))[2].Action)
	// No number of days is too large.
	require.Equal(t, ecrx.Action("keep"), policy(rule(1, "any", sincePushed, 1<<31-1)).Evaluate(images, t0)[3].Action)
}
