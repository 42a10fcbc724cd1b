package ecrx_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
)

const host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

func need(t *testing.T, ref string) ecrx.Need {
	t.Helper()
	i := ecrx.Image{Registry: host, Account: "123456789012", Region: "eu-central-1", Repository: "app"}
	if len(ref) == 1 || len(ref) == 2 { // a short name is a digest of the tests
		i.Digest = ref
	} else {
		i.Tag = ref
	}
	return ecrx.Need{Image: i, By: []string{"service prod/web"}}
}

func codes(fs []ecrx.Finding) (out []string) {
	for _, f := range fs {
		out = append(out, fmt.Sprint(f.Code, " ", f.Rule))
	}
	return out
}

func TestLint(t *testing.T) {
	t.Parallel()
	vectors := map[string]vector{}
	for _, v := range derived() {
		vectors[v.name] = v
	}
	lint := func(v vector, needs ...string) []string {
		var ns []ecrx.Need
		for _, n := range needs {
			ns = append(ns, need(t, n))
		}
		return codes(v.policy.Lint(v.images, ns, t0))
	}
	require.Equal(t, []string{"and-list 1", "loses-needed 3"}, lint(vectors["D1 and-trap"], "latest"))
	require.Equal(t, []string{"dead-rule 1", "loses-needed 2"}, lint(vectors["D4 dead keep rule"], "D"))
	require.Equal(t, []string{"loses-needed 1"}, lint(vectors["D9 shared pool"], "worker-1.0"))
	d9 := vectors["D9 shared pool"]
	d9.images = d9.images[:20]
	require.Equal(t, []string{"shared-pool 1"}, lint(d9, "worker-1.0"))
	d9.images = d9.images[1:]
	require.Equal(t, []string{"tight-count 1"}, lint(d9, "rails-app-0"))

	age := vector{policy: policy(rule(1, "untagged", sincePushed, 3), rule(2, "any", sincePushed, 30)), images: []ecrx.Stored{img("A", day, "latest")}}
	require.Equal(t, []string{"untagged-under-digests 1", "age-rule 2"}, lint(age, "A"))
	hidden := vector{policy: policy(rule(1, "v*", countMoreThan, 100), rule(2, "v1*", countMoreThan, 1)), images: []ecrx.Stored{img("A", day, "v1"), img("B", day, "v12")}}
	require.Equal(t, []string{"unreachable 2"}, lint(hidden))
	require.Empty(t, (*ecrx.Policy)(nil).Lint(hidden.images, nil, t0))
	require.Contains(t, age.policy.Lint(age.images, []ecrx.Need{need(t, "A")}, t0)[1].Text, "needed by service prod/web")
}

func TestPropose(t *testing.T) {
	t.Parallel()
	at := func(o *ecrx.ProposeOptions) { o.Now = func() time.Time { return t0 } }
	p := policy(rule(1, "untagged", sincePushed, 3), rule(2, "any", sincePushed, 30))
	images := []ecrx.Stored{img("A", 29*day, "v1"), img("B", 2*day), img("C", day, "v3"), img("D", 40*day, "v0")}
	got, err := p.Propose(images, []ecrx.Need{need(t, "B"), need(t, "v1-"), need(t, "A")}, at)
	require.NoError(t, err)
	require.Equal(t, []string{"A", "B"}, got.Pin)
	require.Len(t, got.Absent, 1)
	require.Len(t, got.Proven, 3)
	require.Equal(t, `{"rules":[{"rulePriority":1,"description":"Pinned images: needed for a rollback","selection":{"tagStatus":"tagged","tagPrefixList":["pin-"],"countType":"imageCountMoreThan","countNumber":100},"action":{"type":"expire"}},`+
		`{"rulePriority":2,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":20},"action":{"type":"expire"}},`+
		`{"rulePriority":3,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":20},"action":{"type":"expire"}}]}`, got.New)

	// What it proposed needs no other proposal, once the pins are there.
	next, err := ecrx.ParsePolicy(got.New)
	require.NoError(t, err)
	for i := range images {
		if slices.Contains(got.Pin, images[i].Digest) {
			images[i].Tags = append(images[i].Tags, "pin-"+images[i].Digest)
		}
	}
	again, err := next.Propose(images, []ecrx.Need{need(t, "B"), need(t, "A")}, at)
	require.NoError(t, err)
	require.Empty(t, again.Changes)
	require.Equal(t, got.New, again.New)

	// In the archive a pin is of no use.
	archived := img("X", 500*day, "v9")
	archived.Status, archived.ArchivedAt = "ARCHIVED", t0.Add(-365*day)
	_, err = policy(rule(1, "any", sinceTransitioned, 90)).Propose([]ecrx.Stored{archived}, []ecrx.Need{need(t, "v9-")}, at)
	require.NoError(t, err, "v9- is not there")
	n := need(t, "v9-")
	n.Image.Tag = "v9"
	_, err = policy(rule(1, "any", sinceTransitioned, 90)).Propose([]ecrx.Stored{archived}, []ecrx.Need{n}, at)
	require.ErrorIs(t, err, ecrx.ErrUnsafe)

	got, err = (*ecrx.Policy)(nil).Propose(images, []ecrx.Need{need(t, "B")}, at)
	require.NoError(t, err)
	require.Empty(t, got.New)
}

// Whatever the policy: a proposal loses nothing that is needed, and nothing
// that the old one kept.
func TestProposeProperties(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	safe := 0
	for range 500 {
		p, images := randomPolicy(r), randomImages(r)
		var needs []ecrx.Need
		for _, x := range images {
			if r.IntN(3) == 0 {
				needs = append(needs, need(t, x.Digest))
			}
		}
		got, err := p.Propose(images, needs, func(o *ecrx.ProposeOptions) { o.Now = func() time.Time { return t0 } })
		if errors.Is(err, ecrx.ErrUnsafe) {
			continue
		}
		require.NoError(t, err)
		safe++
		q, err := ecrx.ParsePolicy(got.New)
		require.NoError(t, err)
		before := byDigest(p.Evaluate(images, t0))
		for i := range images {
			if slices.Contains(got.Pin, images[i].Digest) {
				images[i].Tags = append(slices.Clone(images[i].Tags), "pin-"+images[i].Digest)
			}
		}
		for d, v := range byDigest(q.Evaluate(images, t0)) {
			needed := slices.ContainsFunc(needs, func(n ecrx.Need) bool { return n.Image.Digest == d })
			require.False(t, needed && v.MayGo())
			require.False(t, !before[d].MayGo() && v.Goes() && v.Rule != 0, "%s: %s -> %s", d, p, q)
		}
	}
	require.Greater(t, safe, 300)
}
