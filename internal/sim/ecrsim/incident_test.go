package ecrsim_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/ecrsim"
	"github.com/stackrescue/stackrescue/internal/sim/simtest"
)

const sevenDays = `{"rules":[{"rulePriority":1,"description":"expire 7 days after push","selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`

func start(t *testing.T) (*simtest.Sim, *ecrsim.Service, *ecr.Client) {
	t.Helper()
	sim := simtest.New(nil)
	s := ecrsim.New(sim.World)
	s.Register(&sim.Table)
	c := ecr.NewFromConfig(sim.Config())
	_, err := c.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("backend")})
	require.NoError(t, err)
	return sim, s, c
}

func push(t *testing.T, sim *simtest.Sim, s *ecrsim.Service, c ecrsim.Content, tags ...string) (digest string) {
	t.Helper()
	sim.World.Do(func() {
		var err error
		digest, err = s.Push("backend", c, tags...)
		require.NoError(t, err)
	})
	return digest
}

func pull(sim *simtest.Sim, s *ecrsim.Service, ref string) (digest string, err error) {
	sim.World.Do(func() { digest, err = s.Pull(ref) })
	return digest, err
}

func TestExpiredImageCannotBePulled(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, c := start(t)
		old := push(t, sim, s, ecrsim.Content{Name: "v1"}, "v1")
		_, err := c.PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("backend"), LifecyclePolicyText: aws.String(sevenDays)})
		require.NoError(t, err)
		policy, err := c.GetLifecyclePolicy(t.Context(), &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String("backend")})
		require.NoError(t, err)
		require.True(t, policy.LastEvaluatedAt.Equal(time.Unix(0, 0)))

		const ref = "111111111111.dkr.ecr.us-east-1.amazonaws.com/backend:v1"
		got, err := pull(sim, s, ref)
		require.NoError(t, err)
		require.Equal(t, old, got)

		time.Sleep(7 * 24 * time.Hour)
		fresh := push(t, sim, s, ecrsim.Content{Name: "v2"}, "v2", "latest")
		time.Sleep(24 * time.Hour)
		_, err = pull(sim, s, ref)
		require.EqualError(t, err, "failed to resolve ref "+ref+": not found")
		pulled, ok := errors.AsType[*ecrsim.PullError](err)
		require.True(t, ok && pulled.NotFound())

		_, err = c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("backend"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}}})
		require.ErrorContains(t, err, "ImageNotFoundException: The image with imageId {imageDigest:'null', imageTag:'v1'} does not exist within the repository with name 'backend' in the registry with id '111111111111'")
		left, err := c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("backend")})
		require.NoError(t, err)
		require.Len(t, left.ImageDetails, 1)
		require.Equal(t, fresh, *left.ImageDetails[0].ImageDigest)
		require.Equal(t, []string{"latest", "v2"}, left.ImageDetails[0].ImageTags)

		sim.World.Do(func() {
			a, ok := s.Gone("backend", "v1")
			require.True(t, ok)
			require.Equal(t, old, a.Digest)
			require.Equal(t, 1, a.Rule)
			require.Len(t, s.History(), 1)
		})
	})
}

func TestPutImage(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, c := start(t)
		ctx := t.Context()
		digest := push(t, sim, s, ecrsim.Content{Name: "v1"}, "v1")
		other := push(t, sim, s, ecrsim.Content{Name: "v2"}, "v2")
		got, err := c.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String("backend"), ImageIds: []types.ImageIdentifier{{ImageDigest: aws.String(digest)}, {ImageTag: aws.String("none")}, {}}})
		require.NoError(t, err)
		require.Len(t, got.Images, 1)
		require.Equal(t, types.ImageFailureCodeImageNotFound, got.Failures[0].FailureCode)
		require.Equal(t, types.ImageFailureCodeMissingDigestAndTag, got.Failures[1].FailureCode)
		put := func(tag, want string) error {
			_, err := c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: aws.String("backend"), ImageManifest: got.Images[0].ImageManifest, ImageManifestMediaType: got.Images[0].ImageManifestMediaType, ImageTag: aws.String(tag), ImageDigest: aws.String(want)})
			return err
		}
		before := pushed(t, c, "v1")
		time.Sleep(time.Hour)
		require.NoError(t, put("again", digest))
		require.Equal(t, before, pushed(t, c, "again"), "a new tag does not change the push time")
		require.ErrorAs(t, put("again", digest), new(*types.ImageAlreadyExistsException))
		require.ErrorAs(t, put("x", other), new(*types.ImageDigestDoesNotMatchException))
		_, err = c.PutImageTagMutability(ctx, &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String("backend"), ImageTagMutability: types.ImageTagMutabilityImmutableWithExclusion,
			ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{{FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard, Filter: aws.String("late*")}}})
		require.NoError(t, err)
		require.ErrorContains(t, put("again", digest), "The image tag 'again' already exists in the 'backend' repository and cannot be overwritten because the tag is immutable.")
		require.ErrorAs(t, put("v2", digest), new(*types.ImageTagAlreadyExistsException))
		require.NoError(t, put("latest", digest))

		_, err = c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("second")})
		require.NoError(t, err)
		_, err = c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: aws.String("second"), ImageManifest: got.Images[0].ImageManifest})
		require.ErrorAs(t, err, new(*types.LayersNotFoundException))
		_, err = c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: aws.String("backend"), ImageManifest: aws.String(`{"manifests":[{"digest":"sha256:00"}]}`), ImageManifestMediaType: aws.String("application/vnd.oci.image.index.v1+json")})
		require.ErrorAs(t, err, new(*types.ReferencedImagesNotFoundException))
		_, err = c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: aws.String("backend"), ImageManifest: aws.String(`{"schemaVersion":2}`)})
		require.ErrorAs(t, err, new(*types.InvalidParameterException))
	})
}

func pushed(t *testing.T, c *ecr.Client, tag string) time.Time {
	t.Helper()
	out, err := c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("backend"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String(tag)}}})
	require.NoError(t, err)
	return *out.ImageDetails[0].ImagePushedAt
}

func TestIndexHoldsItsChildren(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, c := start(t)
		a, b := push(t, sim, s, ecrsim.Content{Name: "amd64", Bytes: 100}), push(t, sim, s, ecrsim.Content{Name: "arm64", Bytes: 200})
		index := push(t, sim, s, ecrsim.Content{Children: []string{a, b}}, "v1")
		shown, err := c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("backend"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}}})
		require.NoError(t, err)
		require.EqualValues(t, 200, *shown.ImageDetails[0].ImageSizeInBytes)
		note := push(t, sim, s, ecrsim.Content{Name: "sbom", Subject: index})
		refs, err := c.ListImageReferrers(t.Context(), &ecr.ListImageReferrersInput{RepositoryName: aws.String("backend"), SubjectId: &types.SubjectIdentifier{ImageDigest: aws.String(index)}})
		require.NoError(t, err)
		require.Equal(t, note, *refs.Referrers[0].Digest)
		_, err = c.PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("backend"), LifecyclePolicyText: aws.String(
			`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":30},"action":{"type":"expire"}}]}`)})
		require.NoError(t, err)
		time.Sleep(32 * 24 * time.Hour)
		sim.World.Do(func() {
			h := s.History()
			require.Len(t, h[0].Failures, 2)
			require.Equal(t, "ImageReferencedByManifestList", h[0].Failures[0].Code)
			require.Equal(t, note, h[0].Actions[0].Digest, "an artifact is an untagged image")
		})
		del, err := c.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("backend"), ImageIds: []types.ImageIdentifier{{ImageDigest: aws.String(a)}, {ImageTag: aws.String("v1")}, {ImageDigest: aws.String(a)}}})
		require.NoError(t, err)
		require.Equal(t, types.ImageFailureCodeImageReferencedByManifestList, del.Failures[0].FailureCode)
		require.Len(t, del.ImageIds, 2)
	})
}

func TestArchive(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, c := start(t)
		push(t, sim, s, ecrsim.Content{Name: "v1"}, "v1")
		move := func(class types.TargetStorageClass) (*ecr.UpdateImageStorageClassOutput, error) {
			return c.UpdateImageStorageClass(t.Context(), &ecr.UpdateImageStorageClassInput{RepositoryName: aws.String("backend"), ImageId: &types.ImageIdentifier{ImageTag: aws.String("v1")}, TargetStorageClass: class})
		}
		const ref = "111111111111.dkr-ecr.us-east-1.on.aws/backend:v1"
		_, err := move(types.TargetStorageClassStandard)
		require.ErrorAs(t, err, new(*types.ImageStorageClassUpdateNotSupportedException))
		_, err = move(types.TargetStorageClassArchive)
		require.NoError(t, err)
		_, err = pull(sim, s, ref)
		require.EqualError(t, err, "failed to resolve ref "+ref+": not found")
		seen := func(f types.ImageStatusFilter) int {
			out, err := c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("backend"), Filter: &types.DescribeImagesFilter{ImageStatus: f}})
			require.NoError(t, err)
			return len(out.ImageDetails)
		}
		require.Zero(t, seen(""))
		require.Equal(t, 1, seen(types.ImageStatusFilterArchived))
		back, err := move(types.TargetStorageClassStandard)
		require.NoError(t, err)
		require.Equal(t, types.ImageStatusActivating, back.ImageStatus)
		time.Sleep(ecrsim.RestoreTime - time.Minute)
		_, err = pull(sim, s, ref)
		require.Error(t, err)
		time.Sleep(time.Minute)
		_, err = pull(sim, s, ref)
		require.NoError(t, err)
	})
}

func TestPreviewAndPaging(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, c := start(t)
		for i := range 5 {
			push(t, sim, s, ecrsim.Content{Name: string(rune('a' + i))}, "v"+string(rune('a'+i)))
			time.Sleep(time.Hour)
		}
		_, err := c.StartLifecyclePolicyPreview(t.Context(), &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: aws.String("backend")})
		require.ErrorAs(t, err, new(*types.LifecyclePolicyNotFoundException))
		_, err = c.StartLifecyclePolicyPreview(t.Context(), &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: aws.String("backend"), LifecyclePolicyText: aws.String(
			`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"tagged","tagPatternList":["v*"],"countType":"imageCountMoreThan","countNumber":2},"action":{"type":"expire"}}]}`)})
		require.NoError(t, err)
		in := &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("backend"), MaxResults: aws.Int32(2)}
		require.NoError(t, ecr.NewLifecyclePolicyPreviewCompleteWaiter(c).Wait(t.Context(), in, time.Minute))
		got := 0
		for p := ecr.NewGetLifecyclePolicyPreviewPaginator(c, in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 3, *out.Summary.ExpiringImageTotalCount)
			got += len(out.PreviewResults)
		}
		require.Equal(t, 3, got)
		images := 0
		for p := ecr.NewListImagesPaginator(c, &ecr.ListImagesInput{RepositoryName: aws.String("backend"), MaxResults: aws.Int32(2)}); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			require.NoError(t, err)
			images += len(out.ImageIds)
		}
		require.Equal(t, 5, images)
	})
}

func TestPullElsewhere(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, _ := start(t)
		_, err := pull(sim, s, "docker.io/library/redis:7")
		require.NoError(t, err, "images elsewhere exist unless told otherwise")
		sim.World.Do(func() {
			s.RemoveExternal("redis:7")
			s.RemoveExternal("public.ecr.aws/nginx/nginx:none")
			s.RemoveExternal("nginx")
			s.AddExternal("nginx")
		})
		for ref, want := range map[string]string{
			"nginx":                           "",
			"docker.io/library/nginx:latest":  "",
			"redis:7":                         "failed to resolve ref docker.io/library/redis:7: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
			"public.ecr.aws/nginx/nginx:none": "failed to resolve ref public.ecr.aws/nginx/nginx:none: not found",
			"222222222222.dkr.ecr.us-east-1.amazonaws.com/backend:v1": "failed to resolve ref 222222222222.dkr.ecr.us-east-1.amazonaws.com/backend:v1: unexpected status from HEAD request to https://222222222222.dkr.ecr.us-east-1.amazonaws.com/v2/backend/manifests/v1: 403 Forbidden",
		} {
			_, err := pull(sim, s, ref)
			if want == "" {
				require.NoError(t, err)
				continue
			}
			require.EqualError(t, err, want)
		}
	})
}
