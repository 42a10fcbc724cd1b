package ecrx_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func TestPinUnpin(t *testing.T) {
	t.Parallel()
	for name, fault := range faults("ecr:DescribeImages", "ecr:BatchGetImage", "ecr:PutImage", "ecr:BatchDeleteImage") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, f *fixture) {
				one := f.push("one", "v1")
				bare := f.push("bare")
				f.cloud.Inject(fault)
				again := func(do func() error) {
					err := do()
					if final(fault) && err != nil {
						f.heal()
						err = do()
					}
					require.NoError(t, err)
				}
				for _, img := range []ecrx.Image{one, bare} {
					again(func() error { _, err := img.Pin(t.Context(), f.api); return err })
				}
				f.heal()
				f.cloud.Inject(fault)
				pinned, err := one.Pin(t.Context(), f.api)
				if final(fault) && err != nil {
					f.heal()
					pinned, err = one.Pin(t.Context(), f.api)
				}
				f.heal()
				require.NoError(t, err)
				require.False(t, pinned.Changed)
				require.Equal(t, one.Digest, f.tags()["pin-"+one.Digest[7:19]])
				require.Equal(t, bare.Digest, f.tags()["pin-"+bare.Digest[7:19]])

				f.cloud.Inject(fault)
				again(func() error { _, err := one.Unpin(t.Context(), f.api); return err })
				f.heal()
				require.Equal(t, []string{"pin-" + bare.Digest[7:19], "v1"}, slices.Sorted(maps.Keys(f.tags())))
				f.heal()
				_, err = bare.Unpin(t.Context(), f.api)
				require.ErrorIs(t, err, ecrx.ErrLastTag)
				require.True(t, f.exists(bare))
				gone, err := one.Unpin(t.Context(), f.api)
				require.NoError(t, err)
				require.Empty(t, gone)
			})
		})
	}
}

// The other tag goes while the first try of the unpin is throttled: what was
// one of two tags has become the last.
func TestUnpinRace(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		one := f.push("one", "v1")
		_, err := one.Pin(t.Context(), f.api)
		require.NoError(t, err)
		f.cloud.Inject(simtype.Fault{Action: "ecr:BatchDeleteImage", Kind: simtype.Throttle, Nth: 1})
		later(time.Second, func() { f.push("two", "v1") })
		_, err = one.Unpin(t.Context(), f.api)
		require.ErrorIs(t, err, ecrx.ErrLastTag)
		require.True(t, f.exists(one))
	})
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	for name, fault := range faults("ecr:DescribeImages", "ecr:BatchGetImage", "ecr:PutImage", "ecr:BatchDeleteImage", "ecr:GetLifecyclePolicy") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, f *fixture) {
				one, two, bare := f.push("one", "v1"), f.push("two", "v2"), f.push("bare")
				for _, img := range []ecrx.Image{one, bare} {
					_, err := img.Pin(t.Context(), f.api)
					require.NoError(t, err)
				}
				f.policy(policy(rule(1, "pin-*", countMoreThan, 5), rule(2, "any", sincePushed, 7)))
				f.cloud.Inject(fault)
				run := func(fns ...func(*ecrx.TagOptions)) (*ecrx.Reconciled, error) {
					return f.app.ReconcilePins(t.Context(), f.api, []string{two.Digest, "sha256:" + one.Digest[8:] + "0"}, fns...)
				}
				got, err := run()
				if final(fault) && err != nil {
					f.heal()
					got, err = run()
				}
				require.NoError(t, err)
				f.heal()
				require.True(t, got.Covered)
				require.Equal(t, 3, got.Room)
				require.Len(t, got.Missing, 1)
				require.Len(t, got.Kept, 1)
				require.Equal(t, bare.Digest, got.Kept[0].From)
				require.Equal(t, []string{"pin-" + bare.Digest[7:19], "pin-" + two.Digest[7:19], "v1", "v2"}, slices.SortedFunc(maps.Keys(f.tags()), func(a, b string) int {
					return slices.Index([]string{"pin-" + bare.Digest[7:19], "pin-" + two.Digest[7:19], "v1", "v2"}, a) - slices.Index([]string{"pin-" + bare.Digest[7:19], "pin-" + two.Digest[7:19], "v1", "v2"}, b)
				}))
				require.True(t, f.exists(one) && f.exists(two) && f.exists(bare))
				f.heal()
				f.cloud.ForgetCalls()
				got, err = run()
				require.NoError(t, err)
				require.Empty(t, got.Pinned)
				require.Empty(t, got.Unpinned)
				for _, c := range f.cloud.Calls() {
					require.False(t, c.Mutates(), c.Action)
				}
			})
		})
	}
}

func TestReconcileLimit(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		var digests []string
		for n := range 25 {
			digests = append(digests, f.push(string(rune('a'+n))).Digest)
		}
		started := time.Now()
		dry, err := f.app.ReconcilePins(t.Context(), f.api, digests, func(o *ecrx.TagOptions) { o.DryRun = true })
		require.NoError(t, err)
		require.Len(t, dry.Pinned, 25)
		require.Zero(t, f.counts("ecr:PutImage"))
		got, err := f.app.ReconcilePins(t.Context(), f.api, digests)
		require.NoError(t, err)
		require.Len(t, got.Pinned, 25)
		require.GreaterOrEqual(t, time.Since(started), 2400*time.Millisecond, "10 per second")
	})
}
