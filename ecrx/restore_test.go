package ecrx_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func storageClass(img ecrx.Image, to types.TargetStorageClass) *ecr.UpdateImageStorageClassInput {
	return &ecr.UpdateImageStorageClassInput{RepositoryName: &img.Repository, ImageId: &types.ImageIdentifier{ImageDigest: &img.Digest}, TargetStorageClass: to}
}

// faults are one fault each, at the first or second call of every action.
func faults(actions ...string) map[string]simtype.Fault {
	out := map[string]simtype.Fault{"none": {Action: "ecr:Nothing", Kind: simtype.Throttle}}
	for _, a := range actions {
		for name, kind := range map[string]simtype.FaultKind{"throttle": simtype.Throttle, "500": simtype.ServerError, "lost": simtype.LostResponse, "denied": simtype.Deny,
			"crash before": simtype.CrashBefore, "crash after": simtype.CrashAfter} {
			for nth := range 3 {
				out[fmt.Sprintf("%s %s %d", a, name, nth)] = simtype.Fault{Action: a, Kind: kind, Nth: nth + 1}
			}
		}
	}
	return out
}

// final reports whether the fault ends a call for good: then it is made again.
func final(f simtype.Fault) bool {
	return f.Kind == simtype.Deny || f.Kind == simtype.CrashBefore || f.Kind == simtype.CrashAfter
}

func (f *fixture) heal() {
	f.cloud.ClearFaults()
	f.cloud.Restart()
}

var mutabilities = []types.ImageTagMutability{types.ImageTagMutabilityMutable, types.ImageTagMutabilityImmutable}

func TestRestoreTag(t *testing.T) {
	t.Parallel()
	for _, m := range mutabilities {
		for name, fault := range faults("ecr:DescribeImages", "ecr:BatchGetImage", "ecr:PutImage") {
			t.Run(string(m)+" "+name, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T, f *fixture) {
					f.mutability(m)
					old := f.push("old", "v1-copy")
					f.push("new", "v2")
					f.cloud.Inject(fault)
					got, err := f.tag(old, "v1").RestoreTag(t.Context(), f.api)
					if final(fault) {
						f.heal()
						got, err = f.tag(old, "v1").RestoreTag(t.Context(), f.api)
					}
					require.NoError(t, err)
					f.heal()
					require.Equal(t, f.tag(old, "v1"), got.Image)
					tags := f.tags()
					require.Equal(t, old.Digest, tags["v1"])
					require.Len(t, tags, 3)
					done := 0
					for _, c := range f.cloud.Calls() {
						if c.Action == "ecr:PutImage" && c.Done {
							done++
						}
					}
					require.Equal(t, 1, done, "put once")

					// Again: nothing to do.
					got, err = f.tag(old, "v1").RestoreTag(t.Context(), f.api)
					require.NoError(t, err)
					require.False(t, got.Changed)
				})
			})
		}
	}
}

func TestRestoreTagNeverMoves(t *testing.T) {
	t.Parallel()
	for _, m := range mutabilities {
		bubble(t, func(t *testing.T, f *fixture) {
			f.mutability(m)
			old := f.push("old", "old")
			current := f.push("new", "v1")
			_, err := f.tag(old, "v1").RestoreTag(t.Context(), f.api)
			require.ErrorIs(t, err, ecrx.ErrTagTaken)
			require.Equal(t, current.Digest, f.tags()["v1"])
			require.Zero(t, f.counts("ecr:PutImage"))

			move := func(o *ecrx.TagOptions) { o.Move = true }
			got, err := f.tag(old, "v1").RestoreTag(t.Context(), f.api, move)
			pin := f.tags()["pin-"+current.Digest[7:19]]
			if m == types.ImageTagMutabilityImmutable {
				require.ErrorIs(t, err, ecrx.ErrTagTaken)
				require.Equal(t, current.Digest, f.tags()["v1"])
				return
			}
			require.NoError(t, err)
			require.Equal(t, current.Digest, got.Previous)
			require.Equal(t, "pin-"+current.Digest[7:19], got.Pinned)
			require.Equal(t, current.Digest, pin, "the loser keeps a tag")
			require.Equal(t, old.Digest, f.tags()["v1"])
		})
	}
}

// Somebody pushes the tag while the restore is on its way.
func TestRestoreTagRace(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		old := f.push("old", "old")
		f.cloud.Inject(simtype.Fault{Action: "ecr:PutImage", Kind: simtype.Throttle, Nth: 1})
		later(time.Second, func() { f.push("theirs", "v1") })
		_, err := f.tag(old, "v1").RestoreTag(t.Context(), f.api)
		require.ErrorIs(t, err, ecrx.ErrTagTaken)
		require.NotEmpty(t, f.tags()["v1"])
		require.NotEqual(t, old.Digest, f.tags()["v1"])
	})
}

func TestRestoreTagFromElsewhere(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		// The manifest was deleted here; a copy with the same bytes is in "copy".
		old := f.push("old", "v1")
		f.create("copy", types.ImageTagMutabilityMutable)
		_, err := f.cloud.PushImage("copy", "old", nil, "v1")
		require.NoError(t, err)
		f.push("new", "v2")
		f.delete(old)
		_, err = f.tag(old, "v1").RestoreTag(t.Context(), f.api)
		require.ErrorIs(t, err, ecrx.ErrNotFound)
		from := f.app
		from.Repository = "copy"
		_, err = f.tag(old, "v1").RestoreTag(t.Context(), f.api, func(o *ecrx.TagOptions) { o.From = from })
		require.NoError(t, err)
		require.Equal(t, old.Digest, f.tags()["v1"])
	})
}

func TestUnarchive(t *testing.T) {
	t.Parallel()
	for name, fault := range faults("ecr:DescribeImages", "ecr:BatchGetImage", "ecr:UpdateImageStorageClass") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, f *fixture) {
				active := f.push("active", "v0")
				a, b := f.push("amd64"), f.push("arm64")
				index := f.pushIndex("multi", a, b)
				f.archive(index)
				f.archive(a)
				f.archive(b)
				f.cloud.ForgetCalls()
				f.cloud.Inject(fault)
				var events []string
				run := func() ([]string, error) {
					return f.app.Repo().Unarchive(t.Context(), f.api, []string{active.Digest, index.Digest}, func(o *ecrx.UnarchiveOptions) {
						o.Observe = func(e ecrx.Event) { events = append(events, e.String()) }
					})
				}
				got, err := run()
				if final(fault) && err != nil {
					first := got
					f.heal()
					got, err = run()
					got = append(first, got...)
				}
				require.NoError(t, err)
				for _, x := range []ecrx.Image{index, a, b} {
					require.Contains(t, got, x.Digest)
				}
				f.heal()
				require.NotContains(t, got, active.Digest)
				require.NotEmpty(t, events)
				statuses, err := ecrx.Check(t.Context(), f.api, []string{index.String(), a.String(), b.String()})
				require.NoError(t, err)
				for _, s := range statuses {
					require.Equal(t, ecrx.State("ok"), s.State, "%s", s)
				}
				_, err = f.app.Repo().Unarchive(t.Context(), f.api, []string{"sha256:00"})
				require.ErrorIs(t, err, ecrx.ErrNotFound)
			})
		})
	}
}

func (f *fixture) mutability(m types.ImageTagMutability) {
	_, err := f.api.PutImageTagMutability(f.t.Context(), &ecr.PutImageTagMutabilityInput{RepositoryName: &f.app.Repository, ImageTagMutability: m})
	require.NoError(f.t, err)
}
