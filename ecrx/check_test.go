package ecrx_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func TestCheckStates(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		one := f.push("one", "v1")
		two := f.push("two", "v2")
		arch := f.push("three", "v3")
		waking := f.push("four", "v4")
		f.archive(arch)
		f.archive(waking)
		child := f.push("child")
		index := f.pushIndex("multi", child)
		gone := f.push("gone", "v9")
		f.delete(gone)
		_, err := f.api.UpdateImageStorageClass(t.Context(), storageClass(waking, types.TargetStorageClassStandard))
		require.NoError(t, err)
		f.cloud.ForgetCalls()

		moved := one
		moved.Tag = "v2"
		untaggedNow := f.tag(two, "v0")
		other := f.app
		other.Repository, other.Tag = "nothing", "v1"
		far := f.app
		far.Account, far.Registry, far.Tag = "210987654321", "210987654321.dkr.ecr.us-east-1.amazonaws.com", "v1"
		refs := []string{
			f.tag(f.app, "v1").String(), one.String(), moved.String(), untaggedNow.String(), f.tag(f.app, "v3").String(), waking.String(),
			f.tag(f.app, "v9").String(), gone.String(), other.String(), far.String(), "nginx:1.27", "public.ecr.aws/nginx/nginx:1", "NO", index.String(),
		}
		got, err := ecrx.Check(t.Context(), f.api, refs, func(o *ecrx.CheckOptions) { o.Children = map[string][]string{index.Digest: {child.Digest}} })
		require.NoError(t, err)
		want := []ecrx.State{"ok", "ok", "tag-moved", "tag-moved", "archived", "activating",
			"missing", "missing", "missing-repository", "unknown", "external", "external", "unknown", "ok"}
		for i, s := range got {
			require.Equal(t, want[i], s.State, "%s", s)
			require.Equal(t, refs[i], s.Ref)
			require.Equal(t, want[i] == "unknown", s.Err() != nil, "%s", s)
		}
		require.Equal(t, one.Digest, got[2].Digest)
		require.Equal(t, two.Digest, got[2].TagDigest)
		require.Equal(t, rescuetest.CallCounts(f.cloud.Calls()), "   3 ecr:DescribeImages\n")

		// An index without one of its images.
		got, err = ecrx.Check(t.Context(), f.api, []string{index.String()}, func(o *ecrx.CheckOptions) {
			o.Children = map[string][]string{index.Digest: {child.Digest, gone.Digest}}
		})
		require.NoError(t, err)
		require.Equal(t, ecrx.State("incomplete"), got[0].State)
		require.Equal(t, ecrx.State("incomplete"), got[0].State)
		require.True(t, got[0].State.Gone())
	})
}

func TestCheckBatches(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		var refs []string
		for n := range 2100 {
			img := f.push(fmt.Sprint("content ", n), fmt.Sprint("v", n))
			if n%40 == 0 {
				refs = append(refs, img.String(), f.tag(f.app, fmt.Sprint("v", n)).String())
			}
		}
		check := func(refs []string) (calls int) {
			f.cloud.ForgetCalls()
			got, err := ecrx.Check(t.Context(), f.api, refs)
			require.NoError(t, err)
			for _, s := range got {
				if s.Image.Tag == "nothing" {
					require.Equal(t, ecrx.State("missing"), s.State)
				} else {
					require.Equal(t, ecrx.State("ok"), s.State)
				}
			}
			return len(f.cloud.Calls())
		}
		// The first thousand, then the rest by id.
		require.Equal(t, 2, check(refs))
		// By id fails as a whole, so the list is read to the end.
		require.LessOrEqual(t, check(append(refs, f.tag(f.app, "nothing").String())), 5)
		// A single one that is not there.
		require.Equal(t, 2, check([]string{f.tag(f.app, "nothing").String()}))
	})
}

func TestCheckFailsClosed(t *testing.T) {
	t.Parallel()
	for _, kind := range []simtype.FaultKind{simtype.Throttle, simtype.ServerError, simtype.Deny, simtype.LostResponse} {
		bubble(t, func(t *testing.T, f *fixture) {
			f.push("one", "v1")
			f.cloud.Inject(simtype.Fault{Action: "ecr:DescribeImages", Kind: kind})
			got, err := ecrx.Check(t.Context(), f.api, []string{f.tag(f.app, "v1").String(), f.tag(f.app, "v2").String()})
			require.NoError(t, err)
			for _, s := range got {
				require.Equal(t, ecrx.State("unknown"), s.State)
				require.Error(t, s.Err())
				require.False(t, s.State.Usable() || s.State.Gone())
			}
			f.cloud.ClearFaults()
			f.cloud.Inject(simtype.Fault{Action: "ecr:DescribeImages", Nth: 1, Kind: kind})
			got, err = ecrx.Check(t.Context(), f.api, []string{f.tag(f.app, "v1").String(), f.tag(f.app, "v2").String()})
			require.NoError(t, err)
			if kind != simtype.Deny {
				require.Equal(t, ecrx.State("ok"), got[0].State)
				require.Equal(t, ecrx.State("missing"), got[1].State)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err = ecrx.Check(ctx, f.api, []string{f.tag(f.app, "v1").String()})
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

func TestCheckHeadroom(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		old := f.push("old", "v1")
		f.cloud.Advance(5 * day)
		f.push("new", "main")
		f.policy(policy(rule(1, "v*", sincePushed, 7), rule(2, "any", countMoreThan, 3)))
		got, err := ecrx.Check(t.Context(), f.api, []string{old.String(), f.tag(f.app, "main").String()}, func(o *ecrx.CheckOptions) {
			o.Policies, o.Now = f.api, f.cloud.Now
		})
		require.NoError(t, err)
		require.Equal(t, ecrx.Action("expire"), got[0].Headroom.Does)
		require.Equal(t, 1, got[0].Headroom.Rule)
		require.WithinDuration(t, f.cloud.Now().Add(2*day), got[0].Headroom.At, day/24)
		require.Equal(t, 3, got[1].Headroom.PushesLeft)
		require.Equal(t, "rule 2 expires it in 3 pushes, at 0.2 a day", got[1].Headroom.String())
		require.NotContains(t, rescuetest.CallCounts(f.cloud.Calls()), "ecr:BatchGetImage")
		images, err := f.app.Repo().Images(t.Context(), f.api)
		require.NoError(t, err)
		for _, x := range images {
			require.Zero(t, x.PulledAt, "a check is no pull")
		}
	})
}

func TestResolver(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		f.push("one", "v1")
		two := f.push("two", "v2", "feature-x")
		arch := f.push("three", "v3")
		f.archive(arch)
		ref := func(tag string) string { return f.tag(f.app, tag).String() }
		v := func(tag string) bool { return tag[0] == 'v' }

		plain := ecrx.Resolver(f.api)
		newest := ecrx.Resolver(f.api, func(o *ecrx.ResolverOptions) { o.Latest, o.Digest = v, true })
		for _, c := range []struct {
			resolve       func(context.Context, string) (string, error)
			ref, want, is string
		}{
			{plain, ref("v1"), ref("v1"), "there"},
			{plain, ref("v3"), "", "archived"},
			{plain, ref("v9"), "", "missing"},
			{plain, "nginx", "nginx", "external"},
			{newest, ref("v9"), two.String(), "replaced"},
			{newest, ref("feature-x"), two.String(), "by digest"},
		} {
			got, err := c.resolve(t.Context(), c.ref)
			require.NoError(t, err, c.is)
			require.Equal(t, c.want, got, c.is)
		}
		f.cloud.Inject(simtype.Fault{Action: "ecr:DescribeImages", Kind: simtype.Deny})
		_, err := plain(t.Context(), ref("v1"))
		require.ErrorContains(t, err, "not authorized")
		require.NotErrorIs(t, err, ecrx.ErrNotFound)
		_, err = newest(t.Context(), ref("v9"))
		require.Error(t, err)
		f.cloud.ClearFaults()
		_, err = arch.Resolve(t.Context(), f.api)
		require.ErrorIs(t, err, ecrx.ErrNotFound)
		require.ErrorContains(t, err, "archived; unarchive it")
	})
}
