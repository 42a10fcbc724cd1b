package rescue_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// What the caller seems not to be allowed is a warning before the first step, and
// keeps nobody from being rescued.
func TestPermissionsAreAskedFirst(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		denied []string
		err    error
		says   string
	}{
		"denied":  {[]string{"ecs:UpdateService"}, nil, "not to be allowed ecs:UpdateService"},
		"unknown": {nil, errors.New("iam:SimulatePrincipalPolicy is denied"), "could not be asked: iam:SimulatePrincipalPolicy is denied"},
		"allowed": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := newIncident(t)
				p := plan(t, in, forward())
				in.Cloud.ForgetCalls()
				var asked []string
				r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed, func(o *rescue.Options) {
					o.Denied = func(_ context.Context, actions []string) ([]string, error) {
						for _, c := range in.Cloud.Calls() {
							require.False(t, c.Mutates(), "asked before the first change")
						}
						asked = actions
						return test.denied, test.err
					}
				})
				require.NoError(t, err, r)
				require.True(t, slices.Contains(asked, "ecs:UpdateService") && slices.Contains(asked, "iam:PassRole"))
				if test.says == "" {
					require.Empty(t, r.Warnings)
					return
				}
				require.Len(t, r.Warnings, 1)
				require.Contains(t, r.Warnings[0], test.says)
				require.Contains(t, r.String(), test.says)
			})
		})
	}
}

// A step whose call is denied ends with ErrNoAccess and the action to allow.
func TestADeniedStepNamesTheAction(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"ecs:RegisterTaskDefinition", "cloudformation:ContinueUpdateRollback", "cloudformation:CreateChangeSet", "s3:PutObject", "ecs:RunTask"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := newIncident(t)
				in.Cloud.Inject(simtype.Fault{Action: action, Kind: simtype.Deny})
				r, err := rescue.Run(t.Context(), in.Cloud.Config(), plan(t, in, forward()), confirmed)
				require.ErrorIs(t, err, rescue.ErrNoAccess)
				require.ErrorContains(t, err, "allow "+action+";")
				require.Equal(t, rescue.StepOutcome("failed"), r.Steps[len(r.Steps)-1].Outcome)
			})
		})
	}
}
