package rescue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
)

// After the pipeline's next success what the rescue left is paid: the lifecycle
// policy is back with counts in place of ages, and the clone is deregistered.
func TestFinish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.policy(fmt.Sprintf(byTime, 7))
		finish := func(optFns ...func(*rescue.FinishOptions)) (*rescue.Finished, error) {
			return rescue.Finish(t.Context(), s.cloud.Config(), "prod", append([]func(*rescue.FinishOptions){func(o *rescue.FinishOptions) { o.Evidence = dir }}, optFns...)...)
		}
		_, err := finish()
		require.ErrorIs(t, err, rescue.ErrUnfinished, "it is stuck")
		s.mended = true
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Freeze: true})
		require.NoError(t, err)
		r, err := s.run(p, func(o *rescue.Options) { o.Evidence = dir })
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
		s.cloud.ForgetCalls()
		_, err = finish()
		require.ErrorIs(t, err, rescue.ErrUnfinished)
		require.ErrorContains(t, err, "let the pipeline deploy")
		require.Empty(t, s.mutated())

		s.push("v3")
		require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(web("v3", rolling...)))
		time.Sleep(time.Hour)
		s.cloud.ForgetCalls()
		out, err := finish(func(o *rescue.FinishOptions) { o.DryRun = true })
		require.NoError(t, err)
		require.Empty(t, s.mutated())
		require.Len(t, out.Done, 2, out)
		require.Contains(t, out.String(), "WOULD BE DONE")
		again, err := finish()
		require.NoError(t, err)
		require.Equal(t, out.Done, again.Done)
		require.Empty(t, again.Open)
		policy, err := s.ecr.GetLifecyclePolicy(t.Context(), &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String("app")})
		require.NoError(t, err)
		require.Contains(t, *policy.LifecyclePolicyText, "imageCountMoreThan")
		require.NotContains(t, *policy.LifecyclePolicyText, "sinceImagePushed")
		time.Sleep(30 * 24 * time.Hour)
		g := s.guard()
		require.Empty(t, g.Failed(), g)
		// Once more: nothing is left, and the policy is not touched.
		s.cloud.ForgetCalls()
		last, err := finish()
		require.NoError(t, err)
		require.Empty(t, last.Done, last)
		require.Empty(t, s.mutated())
	})
}

// A pipeline that failed and went back proves nothing: the policy stays frozen and
// the clone stays.
func TestFinishAfterAPipelineThatFailed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.policy(fmt.Sprintf(byTime, 7))
		s.mended = true
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Freeze: true})
		require.NoError(t, err)
		_, err = s.run(p, func(o *rescue.Options) { o.Evidence = dir })
		require.NoError(t, err)
		s.mended = false
		s.pushFailing("v3")
		require.Equal(t, cfntypes.StackStatusUpdateRollbackComplete, s.update(web("v3", rolling...)))
		s.mended = true
		time.Sleep(time.Hour)
		s.cloud.ForgetCalls()
		_, err = rescue.Finish(t.Context(), s.cloud.Config(), "prod", func(o *rescue.FinishOptions) { o.Evidence = dir })
		require.ErrorIs(t, err, rescue.ErrUnfinished)
		require.ErrorContains(t, err, "UPDATE_ROLLBACK_COMPLETE")
		require.Empty(t, s.mutated())
	})
}

// What a lifecycle policy deletes cannot be had again: nothing is put in force while
// it is not known what is used, or where the repository is not surely the frozen
// one.
func TestFinishOnWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		then func(*site)
		says string
	}{
		"a definition that may not be read": {func(s *site) { s.deny("ecs:DescribeTaskDefinition") }, "could not all be read"},
		"images that may not be read":       {func(s *site) { s.deny("ecr:DescribeImages") }, "could not all be read"},
		"a policy that somebody changed":    {func(s *site) { s.policy(fmt.Sprintf(byCount, 50)) }, "is left alone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			inSite(t, func(t *testing.T, s *site) {
				s.stuck()
				s.policy(fmt.Sprintf(byTime, 7))
				s.mended = true
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Freeze: true})
				require.NoError(t, err)
				_, err = s.run(p, func(o *rescue.Options) { o.Evidence = dir })
				require.NoError(t, err)
				s.push("v3")
				require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(web("v3", rolling...)))
				test.then(s)
				s.cloud.ForgetCalls()
				out, err := rescue.Finish(t.Context(), s.cloud.Config(), "prod", func(o *rescue.FinishOptions) { o.Evidence = dir })
				if err == nil {
					require.Contains(t, out.String(), test.says)
				}
				require.NotContains(t, s.mutated(), "ecr:PutLifecyclePolicy")
			})
		})
	}
}
