package rescue_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// What was not read is not zero, and zero is served only where the template
// wants zero.
func TestUsersAreServedOnlyWhereThatWasSeen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		template string
		kv       []string
		then     func(*site)
		state    rescue.UserState
		is       rescue.Situation
		says     string
	}{
		"serves":                   {web("v1"), nil, func(*site) {}, "served", "healthy", "2 of 2 tasks run"},
		"scaled down, not to zero": {web("v1"), nil, func(s *site) { s.scale(1) }, "served", "healthy", "1 of 1"},
		"ECS may not be read":      {web("v1"), nil, func(s *site) { s.deny("ecs:DescribeServices") }, "unknown", "unknown", "NOT known"},
		"nothing of ECS is":        {web("v1"), nil, func(s *site) { s.deny("ecs:*") }, "unknown", "unknown", "DescribeServices"},
		"deleted by hand":          {web("v1"), nil, func(s *site) { s.deleteService() }, "not-served", "degraded", "ECS has no such service"},
		"scaled to zero by hand":   {web("v1"), nil, func(s *site) { s.scale(0) }, "not-served", "degraded", "the template wants 2"},
		"zero, template wants zero": {web("v1", "DesiredCount: 2", "DesiredCount: 0"), nil, func(*site) {}, "scaled-to-zero", "healthy",
			"scaled to zero"},
		"zero, a parameter wants zero": {"Parameters: {N: {Type: String}}" + web("v1", "DesiredCount: 2", "DesiredCount: !Ref N"), []string{"N", "0"}, func(*site) {}, "scaled-to-zero", "healthy",
			"scaled to zero"},
		"zero, a parameter wants three": {"Parameters: {N: {Type: String}}" + web("v1", "DesiredCount: 2", "DesiredCount: !Ref N"), []string{"N", "3"}, func(s *site) { s.scale(0) }, "not-served", "degraded",
			"the template wants 3"},
		"zero, the template says nothing": {web("v1", "      DesiredCount: 2\n", ""), nil, func(s *site) { s.scale(0) }, "not-served", "degraded",
			"not known"},
		"zero, an expression": {"Mappings: {M: {a: {n: 2}}}" + web("v1", "DesiredCount: 2", "DesiredCount: !FindInMap [M, a, n]"), nil, func(s *site) { s.scale(0) }, "not-served", "degraded",
			"desired count is 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.push("v1")
				s.create(test.template, test.kv...)
				test.then(s)
				d := s.diagnose()
				require.Len(t, d.Users, 1)
				u := d.Users[0]
				require.Equal(t, test.state, u.State, u)
				require.Equal(t, test.state == "served", u.Served)
				require.Equal(t, test.is, d.Situation, d.String())
				require.Contains(t, d.String(), test.says)
				if test.state == "unknown" {
					require.NotContains(t, d.String(), "serves:")
					s.refuses(rescue.Choices{Direction: rescue.Forward}, rescue.ErrUnknown, "DescribeServices")
				}
			})
		})
	}
}

func (s *site) deny(action string) {
	s.cloud.Inject(simtype.Fault{Action: action, Kind: simtype.Deny})
}

func (s *site) deleteService() {
	_, err := s.ecs.DeleteService(s.t.Context(), &ecs.DeleteServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), Force: aws.Bool(true)})
	require.NoError(s.t, err)
	time.Sleep(2 * time.Hour) // until ECS no longer knows it
}

// Nothing irreversible is planned while it is not known whether users are
// served, or while the service itself is not there.
func TestNothingIrreversibleOnUsersThatAreUnknown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		then func(*site)
		is   error
		fact string
	}{
		"ECS may not be read":    {func(s *site) { s.deny("ecs:DescribeServices") }, rescue.ErrUnknown, "ecs:DescribeServices"},
		"deleted by hand":        {func(s *site) { s.deleteService() }, rescue.ErrDirection, "ECS has no such service"},
		"scaled to zero by hand": {func(s *site) { s.scale(0) }, rescue.ErrDirection, "the desired count is 0, and the template wants 2"},
		"images may not be read": {func(s *site) { s.deny("ecr:DescribeImages") }, rescue.ErrUnknown, "/app:v2"},
		"definitions may not be": {func(s *site) { s.deny("ecs:DescribeTaskDefinition") }, rescue.ErrUnknown, "was not read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.stuck()
				test.then(s)
				s.refuses(rescue.Choices{Direction: rescue.Forward}, test.is, test.fact)
				if name == "images may not be read" || name == "definitions may not be" {
					return // neither stands in the way of an unlock that deploys nothing
				}
				s.refuses(rescue.Choices{Direction: rescue.Hold}, test.is, test.fact)
				s.refuses(rescue.Choices{Direction: rescue.Back}, rescue.ErrDirection)
			})
		})
	}
}

// The checks at the end do not take what they may not read for good.
func TestVerifyDoesNotTakeTheUnreadForGood(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.mended = true
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		r, err := s.run(p, func(o *rescue.Options) {
			o.Journal = func(r rescue.StepResult) error {
				if r.Kind == "savepoint" {
					s.deny("ecs:DescribeServices")
				}
				return nil
			}
		})
		require.ErrorIs(t, err, rescue.ErrPartly)
		require.Equal(t, rescue.Result("partly"), r.Result)
		require.Equal(t, rescue.UserState("unknown"), r.Users[0].State)
		require.False(t, r.Checks[0].OK)
	})
}
