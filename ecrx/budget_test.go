package ecrx_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// account is 100 repositories of 1,000 images each, with 50 indexes and
// policies, and 500 references over 40 of the repositories, an index in each of
// them among what is referred to.
func account(tb testing.TB, cloud *rescuetest.Cloud, setup *ecr.Client) (needs []ecrx.Need) {
	tb.Helper()
	p := policy(rule(1, "v*", countMoreThan, 900), rule(2, "untagged", sincePushed, 30))
	for r := range 100 {
		name := fmt.Sprintf("team/app-%02d", r)
		_, err := setup.CreateRepository(tb.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
		require.NoError(tb, err)
		_, err = setup.PutLifecyclePolicy(tb.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: &name, LifecyclePolicyText: aws.String(p.String())})
		require.NoError(tb, err)
		n := 1000
		var child string
		if r < 50 {
			n-- // and the index
		}
		// Fewer of them are as many calls: each repository is read by pages of 1,000.
		first := 0
		if r%10 != 0 && !sample.Wide() {
			first = 800
		}
		for i := first; i < n; i++ {
			digest, err := cloud.PushImage(name, fmt.Sprint(name, " ", i), nil, fmt.Sprint("v", i))
			require.NoError(tb, err)
			child = digest
		}
		if r < 50 {
			_, err := setup.PutImage(tb.Context(), &ecr.PutImageInput{RepositoryName: &name, ImageTag: aws.String("multi"), ImageManifest: aws.String(
				`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + child + `","size":1}]}`)})
			require.NoError(tb, err)
		}
		for i := range 13 - r%2 {
			tag := fmt.Sprint("v", 900+i)
			if i == 0 {
				tag = "multi"
			}
			if r < 40 {
				img, err := ecrx.Parse(cloud.Registry() + "/" + name + ":" + tag)
				require.NoError(tb, err)
				needs = append(needs, ecrx.Need{Image: img, By: []string{"service prod/web"}})
			}
		}
	}
	require.Len(tb, needs, 500)
	return needs
}

func refsOf(needs []ecrx.Need) (refs []string) {
	for _, n := range needs {
		refs = append(refs, n.Ref())
	}
	return refs
}

func auditAndCheck(ctx context.Context, api *ecr.Client, needs []ecrx.Need, closure bool) (*ecrx.AuditReport, error) {
	report, err := ecrx.Audit(ctx, api, needs, func(o *ecrx.AuditOptions) {
		if closure {
			o.Manifests = api
		}
	})
	if err != nil {
		return nil, err
	}
	_, err = ecrx.Check(ctx, api, refsOf(needs), func(o *ecrx.CheckOptions) { o.Read = report.Read() })
	return report, err
}

// TestBudget holds the calls and rounds of docs/aws/ecr.md 5.3, in virtual
// time: with nothing but latency a round is one latency.
func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const latency = 100 * time.Millisecond
		cloud := rescuetest.New(func(o *rescuetest.Options) { o.Latency = latency })
		api := ecr.NewFromConfig(cloud.Config())
		needs := account(t, cloud, api)
		measure := func(what string, maxCalls, maxRounds int, fn func()) {
			cloud.ForgetCalls()
			started := time.Now()
			fn()
			rounds := int(time.Since(started) / latency)
			calls := cloud.Calls()
			t.Logf("%s: %d calls, %d rounds\n%s", what, len(calls), rounds, rescuetest.CallCounts(calls))
			require.LessOrEqual(t, len(calls), maxCalls, what)
			require.LessOrEqual(t, rounds, maxRounds, what)
		}
		measure("audit and check, with what indexes list", 301, 20, func() {
			report, err := auditAndCheck(t.Context(), api, needs, true)
			require.NoError(t, err)
			require.Len(t, report.Repositories, 100)
			require.Empty(t, report.Gone())
			require.Empty(t, report.Unknown())
		})
		measure("audit and check", 201, 20, func() {
			_, err := auditAndCheck(t.Context(), api, needs, false)
			require.NoError(t, err)
		})
		measure("check", 40, 3, func() {
			got, err := ecrx.Check(t.Context(), api, refsOf(needs))
			require.NoError(t, err)
			for _, s := range got {
				require.Equal(t, ecrx.State("ok"), s.State)
			}
			require.NotContains(t, rescuetest.CallCounts(cloud.Calls()), "BatchGetImage")
		})
	})
}

// BenchmarkAuditCheck prints the calls beside the fewest that can be made, which
// is a page of repositories, each one's policy and each page of images, and what
// the needed indexes of a repository list; and for how many rounds of 100 ms some
// call was under way.
func BenchmarkAuditCheck(b *testing.B) {
	const latency = 100 * time.Millisecond
	cloud := rescuetest.New(func(o *rescuetest.Options) { o.Latency = 1 })
	needs := account(b, cloud, ecr.NewFromConfig(cloud.Config()))
	r := &replay{calls: map[string]int{}, answers: map[string]middleware.InitializeOutput{}}
	cfg := cloud.Config()
	cfg.APIOptions = append(cfg.APIOptions, r.install)
	api := ecr.NewFromConfig(cfg)
	const repositories, referred = 100, 40
	for _, run := range []struct {
		name   string
		fewest float64
		do     func() error
	}{
		{"audit+check+indexes", 1 + 2*repositories + referred, func() error { _, err := auditAndCheck(b.Context(), api, needs, true); return err }},
		{"audit+check", 1 + 2*repositories, func() error { _, err := auditAndCheck(b.Context(), api, needs, false); return err }},
		{"check", referred, func() error { _, err := ecrx.Check(b.Context(), api, refsOf(needs)); return err }},
	} {
		b.Run(run.name, func(b *testing.B) {
			r.latency = 0
			require.NoError(b, run.do()) // fills the memory
			r.latency = latency
			for b.Loop() {
				r.reset()
				if err := run.do(); err != nil {
					b.Fatal(err)
				}
			}
			calls := 0
			for _, n := range r.calls {
				calls += n
			}
			b.ReportMetric(float64(calls), "calls")
			b.ReportMetric(run.fewest, "calls-at-least")
			b.ReportMetric(float64(r.calls["BatchGetImage"]), "BatchGetImage")
			b.ReportMetric(r.rounds(), "rounds")
		})
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p := policy(rule(1, "release-*", countMoreThan, 50), rule(2, "v*1*2*", sincePushed, 30), rule(3, "untagged", sincePushed, 7), rule(4, "any", countMoreThan, 500))
	var images []ecrx.Stored
	for n := range 10000 {
		images = append(images, img(fmt.Sprintf("sha256:%064x", n), time.Duration(n)*time.Hour, fmt.Sprint("v", n)))
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Evaluate(images, t0)
	}
	b.ReportMetric(float64(len(images)), "images")
}
