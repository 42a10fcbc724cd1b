package rescue_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const (
	lostRole  = "arn:aws:iam::123456789012:role/deployer"
	givenRole = "arn:aws:iam::123456789012:role/rescuer"
)

// stuckWithRole is a stack with a service role whose update and whose rollback
// have failed.
func (s *site) stuckWithRole() {
	s.push("1")
	s.pushFailing("2")
	s.create(web("1"))
	_, err := s.cfn.UpdateStack(s.t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("prod"), TemplateBody: aws.String(web("1", "DesiredCount: 2", "DesiredCount: 3")), RoleARN: aws.String(lostRole)})
	require.NoError(s.t, err)
	s.rest("prod")
	s.cloud.FailResource("prod", "Web", simtype.OnRollback, "Resource handler returned message: \"throttled\"")
	require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(web("2", "DesiredCount: 2", "DesiredCount: 3")))
	time.Sleep(15 * time.Minute) // ECS itself has gone back
}

// A service role that is gone ends a run with what to do, and another one that the
// operator gives gets it through: it is the stack's from then on, and the plan says
// so. The stack's own role is never sent: that would need iam:PassRole.
func TestServiceRole(t *testing.T) {
	t.Parallel()
	t.Run("kept", func(t *testing.T) {
		t.Parallel()
		inSite(t, func(t *testing.T, s *site) {
			s.stuckWithRole()
			p := s.plans(rescue.Choices{Direction: rescue.Back})
			require.NotContains(t, statements(t, p.Policy())["Calls"], "iam:PassRole", p)
			require.NotContains(t, statements(t, p.Policy()), "Handlers", "the role does that")
			_, err := rescue.Run(t.Context(), s.cloud.Config(), p, confirmed)
			require.NoError(t, err)
			require.Equal(t, lostRole, s.role())
		})
	})
	t.Run("lost", func(t *testing.T) {
		t.Parallel()
		inSite(t, func(t *testing.T, s *site) {
			s.stuckWithRole()
			s.cloud.LoseRole(lostRole)
			p := s.plans(rescue.Choices{Direction: rescue.Back})
			_, err := rescue.Run(t.Context(), s.cloud.Config(), p, confirmed)
			require.ErrorContains(t, err, "Role "+lostRole+" is invalid or cannot be assumed")
			require.ErrorContains(t, err, "plan again with another one")

			p = s.plans(rescue.Choices{Direction: rescue.Back, RoleARN: givenRole})
			require.Contains(t, statements(t, p.Policy())["Calls"], "iam:PassRole")
			require.Contains(t, p.String(), givenRole)
			require.Contains(t, strings.Join(p.Commands(), "\n"), "--role-arn "+givenRole)
			r, err := rescue.Run(t.Context(), s.cloud.Config(), p, confirmed)
			require.NoError(t, err, r)
			require.Equal(t, givenRole, s.role())
		})
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		inSite(t, func(t *testing.T, s *site) {
			s.stuckWithRole()
			d, err := rescue.Diagnose(t.Context(), s.cloud.Config(), "prod")
			require.NoError(t, err)
			for _, role := range []string{"rescuer", "arn:aws:iam::123456789012:user/me", "arn:aws:iam::210987654321:role/rescuer"} {
				_, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Back, RoleARN: role})
				require.ErrorIs(t, err, rescue.ErrDirection)
				require.ErrorContains(t, err, "no service role")
			}
		})
	})
}

// A step that takes longer than the operator has allowed ends the run, and the next
// one waits for what goes on in AWS.
func TestLimits(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuckWithRole()
		p := s.plans(rescue.Choices{Direction: rescue.Back, Limits: map[rescue.Kind]time.Duration{"unlock": 20 * time.Second}})
		began := time.Now()
		r, err := rescue.Run(t.Context(), s.cloud.Config(), p, confirmed)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "not done within its limit of 20s")
		require.Less(t, time.Since(began), 2*time.Minute)
		require.Len(t, s.continued(), 1)
		i := slices.IndexFunc(p.Steps, func(s rescue.Step) bool { return s.Kind == "unlock" })
		p.Steps[i].Limited = false
		_, err = rescue.Run(t.Context(), s.cloud.Config(), p, confirmed)
		require.ErrorIs(t, err, rescue.ErrPlan, "a limit is part of the plan")

		p.Steps[i].Limited = true
		_, err = rescue.Run(t.Context(), s.cloud.Config(), p, confirmed)
		require.ErrorIs(t, err, rescue.ErrChanged, "nothing says that the plan was begun")
		r, err = rescue.Run(t.Context(), s.cloud.Config(), p, confirmed, func(o *rescue.Options) { o.Done = r.Steps })
		require.NoError(t, err, r)
		require.Len(t, s.continued(), 1, "the rollback that was begun is waited for")

		d, err := rescue.Diagnose(t.Context(), s.cloud.Config(), "prod")
		require.NoError(t, err)
		_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Serve, Limits: map[rescue.Kind]time.Duration{"deploy": time.Hour}})
		require.Error(t, err)
	})
}

// plans is the plan with the choices, of the situation as it is.
func (s *site) plans(c rescue.Choices) *rescue.Plan {
	p, err := rescue.MakePlan(s.diagnose(), c)
	require.NoError(s.t, err)
	return p
}

// role is the stack's service role.
func (s *site) role() string {
	out, err := s.cfn.DescribeStacks(s.t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("prod")})
	require.NoError(s.t, err)
	return aws.ToString(out.Stacks[0].RoleARN)
}

// continued are the calls that continued a rollback.
func (s *site) continued() []string {
	var out []string
	for _, a := range s.mutated() {
		if a == "cloudformation:ContinueUpdateRollback" {
			out = append(out, a)
		}
	}
	return out
}
