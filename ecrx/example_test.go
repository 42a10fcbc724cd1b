package ecrx_test

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

const expireAfterWeek = `{"rules":[{"rulePriority":1,"description":"expire 7 days after push","selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`

// registry is a simulated registry with the repository "app" and, unless it is
// "", its policy. Images are pushed by the returned function.
func registry(policy string) (cloud *rescuetest.Cloud, api *ecr.Client, push func(content string, tags ...string) ecrx.Image) {
	cloud = rescuetest.New(func(o *rescuetest.Options) { o.Start, o.Speed = t0, 1e4 })
	api = ecr.NewFromConfig(cloud.Config())
	ctx := context.Background()
	must(api.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}))
	if policy != "" {
		must(api.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: &policy}))
	}
	return cloud, api, func(content string, tags ...string) ecrx.Image {
		digest := must(cloud.PushImage("app", content, nil, tags...))
		img := must(ecrx.Parse(cloud.Registry() + "/app@" + digest))
		if len(tags) > 0 {
			img.Tag = tags[0]
		}
		return img
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func short(digest string) string { return digest[:min(len(digest), 15)] }

func ExampleParse() {
	img, err := ecrx.Parse("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/team/app")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(img.Account, img.Region, img.Repository, img.Tag)
	// Output: 123456789012 us-gov-west-1 team/app latest
}

func ExampleImage_Resolve() {
	_, api, push := registry("")
	img := push("one", "v1")
	img.Digest = ""
	found, err := img.Resolve(context.Background(), api)
	fmt.Println(found.Tag, short(found.Digest), err)
	// Output: v1 sha256:70a8db9a <nil>
}

func ExampleResolver() {
	cloud, api, push := registry("")
	push("one", "v1")
	resolve := ecrx.Resolver(api, func(o *ecrx.ResolverOptions) {
		o.Latest = func(string) bool { return true } // stand in for what is gone
	})
	for _, tag := range []string{"v1", "v0"} {
		ref, err := resolve(context.Background(), cloud.Registry()+"/app:"+tag)
		fmt.Println(ref, err)
	}
	// Output:
	// 123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1 <nil>
	// 123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1 <nil>
}

func ExampleParsePolicy() {
	p, err := ecrx.ParsePolicy(expireAfterWeek)
	fmt.Println(p.Rules[0], err)
	_, err = ecrx.ParsePolicy(`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":0},"action":{"type":"expire"}}]}`)
	fmt.Println(err)
	// Output:
	// rule 1 (any, 7 days after push: expire) <nil>
	// lifecycle policy: rule 1: selection.countNumber: numeric instance is lower than the required minimum (minimum: 1, found: 0)
}

func ExamplePolicy_Evaluate() {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	policy := must(ecrx.ParsePolicy(expireAfterWeek))
	images := []ecrx.Stored{
		{Digest: "sha256:aa", Tags: []string{"v1"}, PushedAt: now.AddDate(0, 0, -8)},
		{Digest: "sha256:bb", Tags: []string{"v2"}, PushedAt: now.AddDate(0, 0, -5)},
	}
	for _, v := range policy.Evaluate(images, now) {
		fmt.Println(v.Image.Digest, v.Action, v.Headroom())
	}
	// Output:
	// sha256:aa expire rule 1 expires it within 24 hours
	// sha256:bb keep rule 1 expires it after 2026-03-03T00:00:00Z
}

func ExamplePolicy_Lint() {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	images := []ecrx.Stored{{Digest: "sha256:aa", Tags: []string{"v1"}, PushedAt: now}}
	img := must(ecrx.Parse("123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1"))
	needs := []ecrx.Need{{Image: img, By: []string{"service prod/web"}}}
	for _, f := range must(ecrx.ParsePolicy(expireAfterWeek)).Lint(images, needs, now) {
		fmt.Println(f.Code, f.Text)
	}
	// Output: age-rule image 123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1 (needed by service prod/web): rule 1 expires it after 2026-03-08T00:00:00Z, newer images or not; count instead
}

func ExamplePolicy_Propose() {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	images := []ecrx.Stored{{Digest: "sha256:aa", Tags: []string{"v1"}, PushedAt: now}}
	img := must(ecrx.Parse("123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1"))
	p, err := must(ecrx.ParsePolicy(expireAfterWeek)).Propose(images, []ecrx.Need{{Image: img}}, func(o *ecrx.ProposeOptions) {
		o.Now = func() time.Time { return now }
	})
	fmt.Println(err)
	fmt.Println("pin", p.Pin)
	for _, r := range must(ecrx.ParsePolicy(p.New)).Rules {
		fmt.Println(r)
	}
	// Output:
	// <nil>
	// pin [sha256:aa]
	// rule 1 (tagged pin-, more than 100: expire)
	// rule 2 (any, more than 20: expire)
}

func ExampleComparePreview() {
	cloud, api, push := registry(expireAfterWeek)
	img := push("one", "v1")
	cloud.Advance(7*24*time.Hour + time.Minute)
	p, err := ecrx.ComparePreview(context.Background(), api, img.Repo(), func(o *ecrx.PreviewOptions) {
		o.Interval, o.Now = cloud.Wall(5*time.Second), cloud.Now
	})
	fmt.Println(p.Acted, p.Differences, err)
	// Output: 1 [] <nil>
}

func ExampleInUse() {
	needs, err := ecrx.InUse(context.Background(),
		ecrx.Refs("job nightly", "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1"),
		ecrx.Refs("service prod/web", "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1", "nginx"),
	)
	for _, n := range needs {
		fmt.Println(n.Ref(), n.By)
	}
	fmt.Println(err)
	// Output:
	// 123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1 [job nightly service prod/web]
	// docker.io/library/nginx:latest [service prod/web]
	// <nil>
}

func ExampleRefs() {
	needs, err := ecrx.InUse(context.Background(), ecrx.Refs("a list", "nginx:1.27"))
	fmt.Println(needs[0].Ref(), needs[0].By, err)
	// Output: docker.io/library/nginx:1.27 [a list] <nil>
}

func ExampleCheck() {
	cloud, api, push := registry(expireAfterWeek)
	push("one", "v1")
	refs := []string{cloud.Registry() + "/app:v1", cloud.Registry() + "/app:v0", "nginx"}
	statuses, err := ecrx.Check(context.Background(), api, refs, func(o *ecrx.CheckOptions) { o.Policies, o.Now = api, cloud.Now })
	for _, s := range statuses {
		fmt.Println(s.Image.Tag, s.State)
	}
	fmt.Println(statuses[0].Headroom.Does, err)
	// Output:
	// v1 ok
	// v0 missing
	// latest external
	// expire <nil>
}

func ExampleRepository_Images() {
	_, api, push := registry("")
	img := push("one", "v1", "latest")
	images, err := img.Repo().Images(context.Background(), api)
	fmt.Println(short(images[0].Digest), images[0].Tags, err)
	// Output: sha256:70a8db9a [latest v1] <nil>
}

func ExampleRepository_Unarchive() {
	cloud, api, push := registry("")
	img := push("one", "v1")
	must(api.UpdateImageStorageClass(context.Background(), &ecr.UpdateImageStorageClassInput{RepositoryName: aws.String("app"),
		ImageId: &types.ImageIdentifier{ImageDigest: &img.Digest}, TargetStorageClass: types.TargetStorageClassArchive}))
	restored, err := img.Repo().Unarchive(context.Background(), api, []string{img.Digest}, func(o *ecrx.UnarchiveOptions) {
		o.Interval = cloud.Wall(15 * time.Second)
		o.Observe = func(e ecrx.Event) { fmt.Println(e.Done, "of", e.Of) }
	})
	fmt.Println(len(restored), err)
	// Output:
	// 0 of 1
	// 1 of 1
	// 1 <nil>
}
