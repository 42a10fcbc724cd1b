package rescue_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// A description of a service that lags behind its tasks is read again: taken for
// true, it would have the new code that serves for old code, and the unlock would
// start the old one. One that never agrees with the tasks is not known.
func TestAServiceThatLagsIsReadAgain(t *testing.T) {
	t.Parallel()
	for reads, unknown := range map[int]bool{3: false, 100: true} {
		synctest.Test(t, func(t *testing.T) {
			in, err := rescuetest.NewIncident(t.Context(), "later-resource", func(o *rescuetest.IncidentOptions) { o.Switches.StaleReads = reads })
			require.NoError(t, err)
			mend(t, in)
			d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
			require.NoError(t, err)
			_, err = rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward})
			if unknown {
				require.ErrorIs(t, err, rescue.ErrUnknown)
				require.Equal(t, rescue.UserState("unknown"), d.Users[0].State)
				require.ErrorContains(t, err, "one of the two lags")
				return
			}
			require.Equal(t, rescue.UserState("served"), d.Users[0].State)
			require.ErrorIs(t, err, rescue.ErrDirection)
			require.ErrorContains(t, err, "would deploy app:1 to service prod/app, which is to keep app:2")
		})
	}
}
