package rescue_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// forward is what the operator of the incident decides.
func forward() rescue.Choices {
	return rescue.Choices{
		Direction: rescue.Forward, Freeze: true,
		Migration: &rescue.Migration{Tool: migrate.Alembic(), Verify: [][]string{{"check-schema"}}},
	}
}

func yes(rescue.Step) bool { return true }

func TestIncident(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		cfg := in.Cloud.Config()
		d, err := rescue.Diagnose(t.Context(), cfg, in.Stack)
		require.NoError(t, err)
		t.Log("\n" + d.String())
		p, err := rescue.MakePlan(d, forward())
		require.NoError(t, err)
		t.Log("\n" + p.String())
		r, err := rescue.Run(t.Context(), cfg, p, func(o *rescue.Options) {
			o.Confirm = yes
			o.Observe = func(e rescue.Event) { t.Log(e.String()) }
		})
		t.Log("\n" + r.String())
		require.NoError(t, err)
	})
}
