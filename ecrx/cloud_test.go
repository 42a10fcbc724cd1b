package ecrx_test

import (
	"fmt"
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
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// fixture is a registry with the repository "app" and a real SDK client.
type fixture struct {
	t     *testing.T
	cloud *rescuetest.Cloud
	api   *ecr.Client
	app   ecrx.Image
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, fn func(*testing.T, *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, newFixture(t)) })
}

// bubbleWith is bubble in a cloud with switches.
func bubbleWith(t *testing.T, s simtype.Switches, fn func(*testing.T, *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, newFixture(t, func(o *rescuetest.Options) { o.Switches = s })) })
}

func newFixture(t *testing.T, optFns ...func(*rescuetest.Options)) *fixture {
	cloud := rescuetest.New(optFns...)
	f := &fixture{t: t, cloud: cloud, api: ecr.NewFromConfig(cloud.Config())}
	f.create("app", types.ImageTagMutabilityMutable)
	img, err := ecrx.Parse(cloud.Registry() + "/app")
	require.NoError(t, err)
	img.Tag = ""
	f.app = img
	return f
}

func (f *fixture) create(name string, m types.ImageTagMutability) {
	_, err := f.api.CreateRepository(f.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name, ImageTagMutability: m})
	require.NoError(f.t, err)
}

// push pushes content to "app" and returns it by digest.
func (f *fixture) push(content string, tags ...string) ecrx.Image {
	digest, err := f.cloud.PushImage("app", content, nil, tags...)
	require.NoError(f.t, err)
	img := f.app
	img.Digest = digest
	return img
}

// pushIndex pushes an index of images in "app".
func (f *fixture) pushIndex(tag string, children ...ecrx.Image) ecrx.Image {
	text := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[`
	for i, c := range children {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":1024}`, c.Digest)
	}
	in := &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: aws.String(text + "]}")}
	if tag != "" {
		in.ImageTag = &tag
	}
	out, err := f.api.PutImage(f.t.Context(), in)
	require.NoError(f.t, err)
	img := f.app
	img.Digest = *out.Image.ImageId.ImageDigest
	return img
}

func (f *fixture) tag(img ecrx.Image, tag string) ecrx.Image { img.Tag = tag; return img }

func (f *fixture) archive(img ecrx.Image) {
	_, err := f.api.UpdateImageStorageClass(f.t.Context(), &ecr.UpdateImageStorageClassInput{RepositoryName: &img.Repository,
		ImageId: &types.ImageIdentifier{ImageDigest: &img.Digest}, TargetStorageClass: types.TargetStorageClassArchive})
	require.NoError(f.t, err)
}

func (f *fixture) delete(img ecrx.Image) {
	_, err := f.api.BatchDeleteImage(f.t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: &img.Repository, ImageIds: []types.ImageIdentifier{{ImageDigest: &img.Digest}}})
	require.NoError(f.t, err)
}

func (f *fixture) policy(p *ecrx.Policy) {
	_, err := f.api.PutLifecyclePolicy(f.t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: aws.String(p.String())})
	require.NoError(f.t, err)
}

func (f *fixture) policyText() string {
	out, err := f.api.GetLifecyclePolicy(f.t.Context(), &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String("app")})
	require.NoError(f.t, err)
	return *out.LifecyclePolicyText
}

// tags is which digest each tag of "app" names.
func (f *fixture) tags() map[string]string {
	images, err := ecrx.Repository{Name: "app"}.Images(f.t.Context(), f.api)
	require.NoError(f.t, err)
	out := map[string]string{}
	for _, x := range images {
		for _, tag := range x.Tags {
			out[tag] = x.Digest
		}
	}
	return out
}

func (f *fixture) exists(img ecrx.Image) bool {
	images, err := ecrx.Repository{Name: "app"}.Images(f.t.Context(), f.api)
	require.NoError(f.t, err)
	return slices.ContainsFunc(images, func(x ecrx.Stored) bool { return x.Digest == img.Digest })
}

func (f *fixture) counts(action string) (n int) {
	for _, c := range f.cloud.Calls() {
		if c.Action == action {
			n++
		}
	}
	return n
}

func later(d time.Duration, fn func()) { time.AfterFunc(d, fn) }
