package rescue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// Who else operates: by the tokens of the stack's operations, by the journal of the
// folder, and by what the program knows of principals and pipelines.
func TestWhoElseOperates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inSite(t, func(t *testing.T, s *site) {
		old := s.push("v1")
		s.create(web("v1"))
		s.deleteImage(old)
		s.pushFailing("v2")
		body, token := web("v2"), "Console-UpdateStack-1"
		_, err := s.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("prod"), TemplateBody: &body, ClientRequestToken: &token})
		require.NoError(t, err)
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.rest("prod"))
		_, err = s.cfn.ContinueUpdateRollback(t.Context(), &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("prod"), ClientRequestToken: aws.String("deploy-471")})
		require.NoError(t, err)
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.rest("prod"))
		keep := func(o *rescue.Options) { o.Evidence = dir }
		d := s.diagnose(keep)
		require.Len(t, d.Others, 2, d)
		require.Contains(t, d.Others[0].Who, "deploy-471")
		require.Contains(t, d.Others[1].Who, "at the console")
		require.True(t, d.Others[0].At.After(d.Others[1].At))

		p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Serve})
		require.NoError(t, err)
		_, err = s.run(p, keep)
		require.Error(t, err, "v2 still fails")
		d = s.diagnose(keep, func(o *rescue.Options) {
			o.Operators = func(_ context.Context, stackID string, since time.Time) ([]rescue.Other, error) {
				require.Contains(t, stackID, "stack/prod/")
				require.False(t, since.IsZero())
				return []rescue.Other{{Who: "pipeline release", What: "its stage Deploy has a disabled transition", Source: "CodePipeline"}}, errors.New("AccessDenied: cloudtrail:LookupEvents")
			}
		})
		text := d.String()
		for _, want := range []string{"run of plan " + p.Hash[:12], "pipeline release: its stage Deploy", "who else operates: AccessDenied: cloudtrail:LookupEvents"} {
			require.Contains(t, text, want)
		}
		var b strings.Builder
		require.NoError(t, report.Tell(report.Input{Diagnosis: d}).Text(&b, report.TextOptions{}))
		require.Contains(t, b.String(), "WHO ELSE OPERATES")
		require.Contains(t, b.String(), "deploy-471")
	})
}

// A nested stack that somebody has updated alone is an operation of its own; what an
// update of the root did to it is not.
func TestWhoUpdatedANestedStackAlone(t *testing.T) {
	t.Parallel()
	for name, operations := range map[string]int{"child-stuck": 2, "three-levels": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in, err := rescuetest.NewIncident(t.Context(), name)
				require.NoError(t, err)
				d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
				require.NoError(t, err)
				require.Len(t, d.Others, operations, d)
			})
		})
	}
}
