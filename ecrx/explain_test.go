package ecrx_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
)

func trail(events ...string) func(context.Context, ecrx.Repository) iter.Seq2[[]byte, error] {
	return func(context.Context, ecrx.Repository) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for _, e := range events {
				if !yield([]byte(e), nil) {
					return
				}
			}
		}
	}
}

func expiry(repo, digest, tag string, rule int) string {
	return fmt.Sprintf(`{"eventName":"PolicyExecutionEvent","eventTime":"2026-03-02T01:02:03Z","userIdentity":{"invokedBy":"AWS Internal"},"serviceEventDetails":{"repositoryName":%q,"lifecycleEventImageActions":[
		{"lifecycleEventImage":{"digest":"sha256:other","tagList":["other"]},"rulePriority":9},
		{"lifecycleEventImage":{"digest":%q,"tagStatus":"Tagged","tagList":[%q],"pushedAt":1772000000000},"rulePriority":%d}]}}`, repo, digest, tag, rule)
}

func TestExplain(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		gone := f.push("gone", "v1")
		f.delete(gone)
		f.push("other", "v2")
		byHand := `{"eventName":"BatchDeleteImage","eventTime":"2026-03-03T00:00:00Z","userIdentity":{"arn":"arn:aws:iam::123456789012:user/ann"},"requestParameters":{"repositoryName":"app","imageIds":[{"imageTag":"v1"}]},"responseElements":{"imageIds":[{"imageDigest":"` + gone.Digest + `","imageTag":"v1"}]}}`

		explain := func(img ecrx.Image, events ...string) *ecrx.Explanation {
			e, err := img.Explain(t.Context(), f.api, func(o *ecrx.ExplainOptions) { o.Events = trail(events...) })
			require.NoError(t, err)
			return e
		}
		ref := f.tag(f.app, "v1")
		e := explain(ref, "not json", expiry("elsewhere", "sha256:x", "v1", 7), expiry("app", gone.Digest, "v1", 3), byHand)
		require.Equal(t, ecrx.State("missing"), e.Status.State)
		require.Equal(t, "taken by lifecycle rule 3 on 2026-03-02T01:02:03Z", e.Gone.String())
		require.Equal(t, gone.Digest, e.Digest)
		require.Len(t, e.Candidates, 1)
		require.False(t, e.Candidates[0].Same, "other code is marked")

		e = explain(gone, byHand)
		require.Equal(t, "deleted by arn:aws:iam::123456789012:user/ann on 2026-03-03T00:00:00Z", e.Gone.String())
		require.Nil(t, explain(ref).Gone)

		// A copy elsewhere, found through the digest that the events told.
		f.create("copy", "MUTABLE")
		_, err := f.cloud.PushImage("copy", "gone", nil)
		require.NoError(t, err)
		where := f.app
		where.Repository = "copy"
		e, err = ref.Explain(t.Context(), f.api, func(o *ecrx.ExplainOptions) {
			o.Events, o.Elsewhere, o.StandIns = trail(expiry("app", gone.Digest, "v1", 3)), []ecrx.Image{where}, -1
		})
		require.NoError(t, err)
		require.Len(t, e.Candidates, 1)
		require.True(t, e.Candidates[0].Same)
		require.Equal(t, "copy", e.Candidates[0].Image.Repository)

		archived := f.push("archived", "v3")
		f.archive(archived)
		e = explain(archived)
		require.Equal(t, "unarchive it", e.Candidates[0].How)

		_, err = ref.Explain(t.Context(), f.api, func(o *ecrx.ExplainOptions) {
			o.Events = func(context.Context, ecrx.Repository) iter.Seq2[[]byte, error] {
				return func(yield func([]byte, error) bool) { yield(nil, errors.New("denied")) }
			}
		})
		require.ErrorContains(t, err, "denied")
	})
}
