package rescue_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue"
)

// An output whose value is a secret is in no plan: that the run will need it is said
// in the plan, and asked for before the first step, not after the unlock.
func TestAHiddenOutputIsAskedForFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		b := d.Evidence()
		require.NotEmpty(t, b.Lost)
		lost := &b.Lost[0]
		value := lost.Known
		lost.Known, lost.Attribute = "[redacted]", "Token"
		p, err := rescue.MakePlan(rescue.Explain(b), forward())
		require.NoError(t, err)
		require.Contains(t, strings.Join(p.Warnings, "\n"), "needs a ledger that has "+lost.Stack+"."+lost.Key)
		in.Cloud.ForgetCalls()
		_, err = rescue.Run(t.Context(), in.Cloud.Config(), throughJSON(t, p, nil), confirmed)
		require.ErrorContains(t, err, lost.Stack+"."+lost.Key)
		require.ErrorContains(t, err, "give a ledger")
		require.Empty(t, in.Cloud.Calls(), "before anything is read or changed")
		r, err := rescue.Run(t.Context(), in.Cloud.Config(), throughJSON(t, p, nil), confirmed, func(o *rescue.Options) {
			o.Ledger = &cfnx.Ledger{Version: 1, Stacks: []cfnx.LedgerStack{{ID: lost.StackID, Name: lost.Stack, Outputs: []cfnx.Output{{Key: lost.Key, Value: value}}}}}
		})
		require.NoError(t, err, r)
		require.Equal(t, rescue.Rescued, r.Result)
	})
}
