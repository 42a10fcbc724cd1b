package ecrx_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func dry(o *ecrx.FreezeOptions) { o.DryRun = true }

func TestFreeze(t *testing.T) {
	t.Parallel()
	for name, fault := range faults("ecr:GetLifecyclePolicy", "ecr:PutLifecyclePolicy", "ecr:DescribeImages") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, f *fixture) {
				needed := f.push("needed", "v1")
				f.push("other", "main-1")
				// Without rule 1, which shields it, rule 5 would take it.
				f.policy(policy(rule(1, "v*", sincePushed, 7), rule(3, "main-*", sincePushed, 7), rule(5, "any", sincePushed, 6)))
				before := f.policyText()
				now := func(o *ecrx.FreezeOptions) { o.Now = f.cloud.Now }
				repo := f.app.Repo()
				run := func(fns ...func(*ecrx.FreezeOptions)) (*ecrx.Frozen, error) {
					return repo.Freeze(t.Context(), f.api, []ecrx.Image{needed}, 7*day+time.Hour, append(fns, now)...)
				}
				plan, err := run(dry)
				require.NoError(t, err)
				require.Len(t, plan.Removed, 2)
				require.Equal(t, before, f.policyText(), "a dry run changes nothing")
				withPlan := func(o *ecrx.FreezeOptions) { o.Plan = plan }

				f.cloud.Inject(fault)
				done, err := run(withPlan)
				if final(fault) && err != nil {
					f.heal()
					done, err = run(withPlan)
				}
				require.NoError(t, err)
				f.heal()
				require.True(t, done.Applied)
				require.Equal(t, before, done.Old)
				require.Equal(t, f.policyText(), done.New)
				require.Contains(t, done.New, `"rulePriority":3`)
				require.NotContains(t, done.New, `"rulePriority":5`)
				f.cloud.Advance(9 * day)
				require.True(t, f.exists(needed))

				again, err := run(withPlan)
				require.NoError(t, err)
				require.Equal(t, before, again.Old)
				require.Equal(t, done.New, again.New)
				require.True(t, again.Applied)
				again, err = run()
				require.NoError(t, err)
				require.False(t, again.Changes())

				// Kept as JSON, put back later.
				b, err := json.Marshal(done)
				require.NoError(t, err)
				var kept ecrx.Frozen
				require.NoError(t, json.Unmarshal(b, &kept))
				f.cloud.Inject(fault)
				_, err = kept.Thaw(t.Context(), f.api)
				if final(fault) && err != nil {
					f.heal()
					_, err = kept.Thaw(t.Context(), f.api)
				}
				require.NoError(t, err)
				f.heal()
				require.Equal(t, before, f.policyText())
				_, err = kept.Thaw(t.Context(), f.api)
				require.NoError(t, err)
				f.cloud.Advance(2 * day)
				require.False(t, f.exists(needed), "the policy works again")
			})
		})
	}
}

func TestFreezeChangedInBetween(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		needed := f.push("needed", "v1")
		f.policy(policy(rule(1, "any", sincePushed, 1)))
		plan, err := f.app.Repo().Freeze(t.Context(), f.api, []ecrx.Image{needed}, 3*day, dry, func(o *ecrx.FreezeOptions) { o.Now = f.cloud.Now })
		require.NoError(t, err)
		require.Empty(t, plan.New)

		f.policy(policy(rule(1, "any", sincePushed, 2)))
		after := f.policyText()
		_, err = f.app.Repo().Freeze(t.Context(), f.api, []ecrx.Image{needed}, 3*day, func(o *ecrx.FreezeOptions) { o.Plan = plan })
		require.ErrorIs(t, err, ecrx.ErrPolicyChanged)
		require.Equal(t, after, f.policyText())
		_, err = plan.Thaw(t.Context(), f.api)
		require.ErrorIs(t, err, ecrx.ErrPolicyChanged)

		// While a try is throttled.
		f.cloud.Inject(simtype.Fault{Action: "ecr:DeleteLifecyclePolicy", Kind: simtype.Throttle, Nth: 1})
		later(time.Second, func() { f.policy(policy(rule(1, "any", sincePushed, 3))) })
		_, err = f.app.Repo().Freeze(t.Context(), f.api, []ecrx.Image{needed}, 3*day)
		require.ErrorIs(t, err, ecrx.ErrPolicyChanged)
		require.Contains(t, f.policyText(), `"countNumber":3`)

		// All rules out, and back.
		done, err := f.app.Repo().Freeze(t.Context(), f.api, []ecrx.Image{needed}, 4*day)
		require.NoError(t, err)
		require.True(t, done.Applied)
		f.cloud.Advance(5 * day)
		require.True(t, f.exists(needed))
		_, err = done.Thaw(t.Context(), f.api)
		require.NoError(t, err)
		require.Equal(t, done.Old, f.policyText())
	})
}

func TestFreezeSupposes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		absent := f.push("absent", "v1")
		f.delete(absent)
		archived := f.push("archived", "v2")
		f.archive(archived)
		f.push("fresh", "v3")
		p := policy(rule(1, "v*", sincePushed, 30), rule(2, "untagged", countMoreThan, 50), rule(3, "any", countMoreThan, 5), rule(4, "any", sinceTransitioned, 90))
		f.policy(p)
		freeze := func(within time.Duration, img ecrx.Image, fns ...func(*ecrx.FreezeOptions)) (out []int) {
			got, err := f.app.Repo().Freeze(t.Context(), f.api, []ecrx.Image{img}, within, append(fns, dry)...)
			require.NoError(t, err)
			for _, r := range got.Removed {
				out = append(out, r.Rule.Priority)
			}
			return out
		}
		few := func(o *ecrx.FreezeOptions) { o.Pushes = -1 }
		require.Equal(t, []int{1}, freeze(day, f.tag(f.app, "v1"), few), "put back it is as old as it can be")
		require.Equal(t, []int{1, 3}, freeze(day, f.tag(f.app, "v1")), "and ten pushes later the count takes it")
		require.Nil(t, freeze(day, f.tag(f.app, "v3"), few))
		require.Equal(t, []int{1, 4}, freeze(91*day, archived, few))
	})
}
