package ecrx_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/ecrx"
)

func ExampleImage_Explain() {
	cloud, api, push := registry("")
	gone := push("one", "v1")
	push("two", "v2")
	must(api.BatchDeleteImage(context.Background(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: []types.ImageIdentifier{{ImageDigest: &gone.Digest}}}))
	// In life these come from CloudTrail's LookupEvents.
	event := `{"eventName":"PolicyExecutionEvent","eventTime":"2026-02-28T03:00:00Z","serviceEventDetails":{"repositoryName":"app",
		"lifecycleEventImageActions":[{"lifecycleEventImage":{"digest":"` + gone.Digest + `","tagList":["v1"]},"rulePriority":1}]}}`
	image := must(ecrx.Parse(cloud.Registry() + "/app:v1"))
	e, err := image.Explain(context.Background(), api, func(o *ecrx.ExplainOptions) {
		o.Events = func(context.Context, ecrx.Repository) iter.Seq2[[]byte, error] {
			return func(yield func([]byte, error) bool) { yield([]byte(event), nil) }
		}
	})
	fmt.Println(e.Status.State, e.Gone, err)
	for _, c := range e.Candidates {
		fmt.Println(c.Image.Tag, "same:", c.Same)
	}
	// Output:
	// missing taken by lifecycle rule 1 on 2026-02-28T03:00:00Z <nil>
	// v2 same: false
}

func ExampleImage_RestoreTag() {
	_, api, push := registry("")
	img := push("one", "build-7")
	img.Tag = "v1" // was lost, the image is there under another tag
	got, err := img.RestoreTag(context.Background(), api)
	fmt.Println(got.Image.Tag, got.Changed, err)
	other := push("two", "v2")
	other.Tag = "v1"
	_, err = other.RestoreTag(context.Background(), api)
	fmt.Println(errors.Is(err, ecrx.ErrTagTaken))
	// Output:
	// v1 true <nil>
	// true
}

func ExampleImage_Pin() {
	_, api, push := registry("")
	img := push("one", "v1")
	got, err := img.Pin(context.Background(), api)
	fmt.Println(got.Image.Tag, got.Changed, err)
	got, err = img.Pin(context.Background(), api)
	fmt.Println(got.Image.Tag, got.Changed, err)
	// Output:
	// pin-70a8db9a288f true <nil>
	// pin-70a8db9a288f false <nil>
}

func ExampleImage_Unpin() {
	_, api, push := registry("")
	tagged, bare := push("one", "v1"), push("two")
	for _, img := range []ecrx.Image{tagged, bare} {
		must(img.Pin(context.Background(), api))
		gone, err := img.Unpin(context.Background(), api)
		fmt.Println(len(gone), err != nil)
	}
	// Output:
	// 1 false
	// 0 true
}

func ExampleImage_ReconcilePins() {
	_, api, push := registry("")
	old, current := push("one", "v1"), push("two", "v2")
	must(old.Pin(context.Background(), api))
	got, err := current.ReconcilePins(context.Background(), api, []string{current.Digest})
	fmt.Println(len(got.Pinned), "pinned,", len(got.Unpinned), "unpinned,", err)
	// Output: 1 pinned, 1 unpinned, <nil>
}

func ExampleRepository_Freeze() {
	cloud, api, push := registry(expireAfterWeek)
	img := push("one", "v1")
	ctx, now := context.Background(), func(o *ecrx.FreezeOptions) { o.Now = cloud.Now }
	plan, err := img.Repo().Freeze(ctx, api, []ecrx.Image{img}, 9*24*time.Hour, now, func(o *ecrx.FreezeOptions) { o.DryRun = true })
	fmt.Println(plan.Removed[0].Rule, plan.Applied, err)
	// Shown to somebody, and agreed to:
	done, err := img.Repo().Freeze(ctx, api, []ecrx.Image{img}, 9*24*time.Hour, now, func(o *ecrx.FreezeOptions) { o.Plan = plan })
	fmt.Println(done.Applied, err)
	// Output:
	// rule 1 (any, 7 days after push: expire) false <nil>
	// true <nil>
}

func ExampleFrozen_Thaw() {
	cloud, api, push := registry(expireAfterWeek)
	img := push("one", "v1")
	ctx := context.Background()
	done := must(img.Repo().Freeze(ctx, api, []ecrx.Image{img}, 9*24*time.Hour, func(o *ecrx.FreezeOptions) { o.Now = cloud.Now }))
	text, err := done.Thaw(ctx, api)
	fmt.Println(text == expireAfterWeek, err)
	// Output: true <nil>
}

func ExampleAudit() {
	cloud, api, push := registry(expireAfterWeek)
	img := push("one", "v1")
	needs := []ecrx.Need{{Image: img, By: []string{"service prod/web"}}}
	report, err := ecrx.Audit(context.Background(), api, needs, func(o *ecrx.AuditOptions) { o.Now = cloud.Now })
	if err != nil {
		fmt.Println(err)
		return
	}
	r := report.Repositories[0]
	fmt.Println(r.Repository.Name, r.Images, "images;", r.Findings[0].Code, "of rule", r.Findings[0].Rule)
	fmt.Println(len(report.Gone()), "gone,", len(report.Losing()), "to go before", report.Until.Format(time.DateOnly))
	// Output:
	// app 1 images; age-rule of rule 1
	// 0 gone, 1 to go before 2026-03-09
}

func ExampleParseImages() {
	images, err := ecrx.ParseImages([]byte(`{"imageDetails":[{"imageDigest":"sha256:aa","imageTags":["v1"],"imagePushedAt":"2026-03-01T01:00:00+01:00"}]}`))
	fmt.Println(images[0].Digest, images[0].Tags, images[0].PushedAt, err)
	// Output: sha256:aa [v1] 2026-03-01 00:00:00 +0000 UTC <nil>
}
