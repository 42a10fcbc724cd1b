package rescue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Two services need a proof: a plan for which one of them is named says that both have to
// be, and with both it gets to its end.
func TestProveNamesEveryServiceThatNeedsIt(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		gone := s.push("v1")
		s.create(beside("v1", rolling...))
		s.deleteImage(gone)
		s.pushFailing("v2")
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(beside("v2", append(password[:2:2], rolling...)...)))
		s.mended = true
		s.serve("web:2")
		_, err := s.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("api"), TaskDefinition: aws.String("web:2"), ForceNewDeployment: true})
		require.NoError(t, err)
		time.Sleep(15 * time.Minute)
		for _, names := range [][]string{nil, {"prod/web"}, {"prod/api"}} {
			s.stops(rescue.Choices{Direction: "forward", Prove: names}, "savepoint", "-prove prod/api -prove prod/web")
		}
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: "forward", Prove: []string{"prod/web", "prod/api"}})
		require.NoError(t, err)
		require.Nil(t, p.Stop, "%s", p)
		require.Equal(t, "proof proof unlock savepoint verify", kindsOf(p))
	})
}

// The commands of a plan leave none of its steps out: whoever types them does not unlock
// what was not proven.
func TestCommandsNameTheProof(t *testing.T) {
	t.Parallel()
	for name := range proofs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				p := proving(s, name, nil)
				commands := p.Commands()
				require.Len(t, commands, len(p.Steps)-1, "all but verify")
				require.True(t, strings.HasPrefix(commands[0], "# "+p.Steps[0].ID+": "), commands)
				require.Contains(t, commands[0], "service prod/web")
			})
		})
	}
}

// A repository that is gone: its digest is known, and once it is there again the replica
// is found.
func TestBackWhereTheRepositoryIsGone(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		old := s.backFrom(ways["in a replica"])
		_, err := s.ecr.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app"), Force: true})
		require.NoError(t, err)
		s.refuses(rescue.Choices{Direction: rescue.Back}, rescue.ErrDirection, "is missing repository; the revision ran "+old, "create the repository again")
		_, err = s.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
		require.NoError(t, err)
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Back})
		require.NoError(t, err)
		began := s.cloud.Now()
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, map[string]bool{old: true}, s.ran(began))
	})
}

// The template sets what web:2 does not have: that is not told as a loss; and a story of a
// plan and its run says of users what the run saw.
func TestProofOfWhatTheTemplateSets(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		locks(s, strings.Replace(shared("v1", "Command", "[serve]"), rolling[0], rolling[1], 1), web("v2", rolling...), nil)
		s.serve("web:2")
		p, err := rescue.MakePlan(s.diagnose(), forProof())
		require.NoError(t, err)
		require.Nil(t, p.Stop, "%s", p)
		r, err := s.run(p)
		require.NoError(t, err, r)
		said := strings.Join(append(p.Warnings, r.Follow...), "\n")
		require.Contains(t, said, "sets what web:2 has not: stack prod: Task: container web: Command")
		require.NotContains(t, said, "lost on purpose")
		for form, says := range told(t, report.Input{Plan: p, Report: r, Steps: r.Steps}) {
			require.NotContains(t, says, "Whether users are served is not known", form)
			require.Contains(t, says, "Users are served.", form)
		}
	})
}

// A report does not promise a rollback that its own checks deny.
func TestReportOfARollbackThatWouldFail(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold})
		require.NoError(t, err)
		r, err := s.run(p)
		require.ErrorIs(t, err, rescue.ErrPartly)
		require.Contains(t, r.String(), "A ROLLBACK FROM HERE WOULD NOT SUCCEED")
		require.NotContains(t, r.String(), "WOULD SUCCEED")
	})
}
