package ecrx_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const otherRegion = "eu-west-1"

// replicate makes the registry replicate to the other region from now on.
func (f *fixture) replicate() {
	_, err := f.api.PutReplicationConfiguration(f.t.Context(), &ecr.PutReplicationConfigurationInput{ReplicationConfiguration: &types.ReplicationConfiguration{
		Rules: []types.ReplicationRule{{Destinations: []types.ReplicationDestination{{Region: aws.String(otherRegion), RegistryId: aws.String(f.cloud.Account())}}}},
	}})
	require.NoError(f.t, err)
}

// replica is the image in the other region.
func (f *fixture) replica(img ecrx.Image) ecrx.Image {
	out, err := ecrx.Parse(strings.ReplaceAll(f.cloud.Registry(), f.cloud.Region(), otherRegion) + "/app@" + img.Digest)
	require.NoError(f.t, err)
	return out
}

func (f *fixture) deleteDigests(digests ...string) {
	for _, d := range digests {
		out, err := f.api.BatchDeleteImage(f.t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: []types.ImageIdentifier{{ImageDigest: aws.String(d)}}})
		require.NoError(f.t, err)
		require.Empty(f.t, out.Failures)
	}
}

func fromReplica(f *fixture, img ecrx.Image) func(*ecrx.TagOptions) {
	return func(o *ecrx.TagOptions) {
		o.From, o.Layers, o.HTTPClient = f.replica(img), f.api, f.cloud.Config().HTTPClient
	}
}

// An image that a repository has lost comes back from a replica, byte for byte, with or
// without its layers, whatever call fails.
func TestRestoreTagFromReplica(t *testing.T) {
	t.Parallel()
	type run struct {
		layers, name string
		fault        simtype.Fault
	}
	var all []run
	for _, layers := range new(simtype.Switches).Values()["UnusedLayers"] {
		some := faults("ecr:DescribeImages", "ecr:BatchGetImage", "ecr:PutImage", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload")
		for _, name := range slices.Sorted(maps.Keys(some)) {
			all = append(all, run{layers, name, some[name]})
		}
	}
	for _, x := range sample.Quarter(t, all, func(x run) string { return fmt.Sprint(x.fault.Action, x.fault.Kind) }) {
		t.Run(x.layers+" "+x.name, func(t *testing.T) {
			t.Parallel()
			bubbleWith(t, simtype.Switches{UnusedLayers: x.layers}, func(t *testing.T, f *fixture) {
				f.replicate()
				old := f.push("old", "v1")
				f.cloud.Advance(time.Hour)
				f.deleteDigests(old.Digest)
				f.push("new", "v2")
				f.cloud.ForgetCalls()
				f.cloud.Inject(x.fault)
				got, err := f.tag(old, "v1").RestoreTag(t.Context(), f.api, fromReplica(f, old))
				if final(x.fault) {
					f.heal()
					got, err = f.tag(old, "v1").RestoreTag(t.Context(), f.api, fromReplica(f, old))
				}
				require.NoError(t, err)
				f.heal()
				require.True(t, got.Changed || final(x.fault), "a fault at a later call of the kind is none")
				require.Equal(t, old.Digest, f.tags()["v1"])
				if x.layers == "kept" {
					require.Zero(t, f.counts("ecr:UploadLayerPart"), "what is there is not copied")
				}
				// It can be pulled: every layer is there.
				text, err := f.api.BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}}})
				require.NoError(t, err)
				require.Len(t, text.Images, 1)

				f.cloud.ForgetCalls()
				got, err = f.tag(old, "v1").RestoreTag(t.Context(), f.api, fromReplica(f, old))
				require.NoError(t, err)
				require.False(t, got.Changed)
				require.Zero(t, f.counts("ecr:PutImage"))
			})
		})
	}
}

// An index comes back with the images that it lists.
func TestRestoreTagFromReplicaOfAnIndex(t *testing.T) {
	t.Parallel()
	bubbleWith(t, simtype.Switches{UnusedLayers: "gone"}, func(t *testing.T, f *fixture) {
		f.replicate()
		arm, amd := f.push("arm"), f.push("amd")
		index := f.pushIndex("v1", arm, amd)
		f.cloud.Advance(time.Hour)
		f.deleteDigests(index.Digest, arm.Digest, amd.Digest)
		_, err := f.tag(index, "v1").RestoreTag(t.Context(), f.api, func(o *ecrx.TagOptions) { o.From = f.replica(index) })
		require.Error(t, err, "without a way to copy what it lists")
		dry, err := f.tag(index, "v1").RestoreTag(t.Context(), f.api, fromReplica(f, index), func(o *ecrx.TagOptions) { o.DryRun = true })
		require.NoError(t, err)
		require.True(t, dry.Changed)
		require.Zero(t, f.counts("ecr:InitiateLayerUpload"))
		_, err = f.tag(index, "v1").RestoreTag(t.Context(), f.api, fromReplica(f, index))
		require.NoError(t, err)
		out, err := ecrx.Check(t.Context(), f.api, []string{f.tag(index, "v1").String()})
		require.NoError(t, err)
		require.True(t, out[0].State.Usable(), "%v", out[0])
	})
}

// Layers of more than a part, and downloads that break, are cut short or are not what
// they should be.
func TestCopiedLayers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		broken int
		how    func(*http.Response)
		fails  string
		parts  int
	}{
		"of two parts": {parts: 2},
		"cut short":    {broken: 2, how: cut},
		"unavailable":  {broken: 1, how: func(r *http.Response) { r.StatusCode = http.StatusServiceUnavailable }},
		"never":        {broken: 50, how: cut, fails: "manifest does not have the digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubbleWith(t, simtype.Switches{UnusedLayers: "gone"}, func(t *testing.T, f *fixture) {
				f.replicate()
				content := "old"
				if c.parts > 1 {
					content = strings.Repeat("0123456789abcdef", (21<<20)/16)
				}
				old := f.push(content, "v1")
				f.cloud.Advance(time.Hour)
				f.deleteDigests(old.Digest)
				f.cloud.ForgetCalls()
				client := &breaking{f.cloud.Config().HTTPClient, c.broken, c.how}
				_, err := f.tag(old, "v1").RestoreTag(t.Context(), f.api, fromReplica(f, old), func(o *ecrx.TagOptions) { o.HTTPClient = client })
				if c.fails != "" {
					require.ErrorContains(t, err, c.fails)
					require.NotContains(t, err.Error(), "X-Amz-Signature")
					require.Zero(t, f.counts("ecr:PutImage"))
					require.Empty(t, f.tags())
					return
				}
				require.NoError(t, err)
				require.Equal(t, old.Digest, f.tags()["v1"])
				require.GreaterOrEqual(t, f.counts("ecr:UploadLayerPart"), c.parts+1, "the layer, and the config")
			})
		})
	}
}

func cut(r *http.Response) { r.Body = io.NopCloser(io.LimitReader(r.Body, 7)) }

// breaking breaks the first answers.
type breaking struct {
	client aws.HTTPClient
	left   int
	how    func(*http.Response)
}

func (b *breaking) Do(r *http.Request) (*http.Response, error) {
	res, err := b.client.Do(r)
	if err == nil && b.left > 0 {
		b.left--
		b.how(res)
	}
	return res, err
}
