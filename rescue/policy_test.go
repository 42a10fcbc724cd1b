package rescue_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
)

// statements are those of a policy, by their Sid.
func statements(t *testing.T, policy string) map[string][]string {
	t.Helper()
	var doc struct {
		Version   string
		Statement []struct {
			Sid, Effect, Resource string
			Action                []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(policy), &doc))
	require.Equal(t, "2012-10-17", doc.Version)
	out := map[string][]string{}
	for _, s := range doc.Statement {
		require.Equal(t, "Allow", s.Effect)
		require.Equal(t, "*", s.Resource)
		out[s.Sid] = s.Action
	}
	return out
}

// The policy has the plan's own calls and, apart from them, what CloudFormation
// may do as the caller: nothing where each stack has a role for that, and nothing
// in a plan that leaves the stacks alone.
func TestPolicy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), "prod")
		require.NoError(t, err)
		p, err := rescue.MakePlan(d, forward())
		require.NoError(t, err)
		s := statements(t, p.Policy())
		require.Equal(t, p.Actions(), s["Calls"])
		require.Equal(t, p.Handlers, s["Handlers"])
		require.Subset(t, s["Handlers"], []string{"ecs:UpdateService", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "iam:PassRole", "cloudformation:UpdateStack"})
		require.NotContains(t, s["Calls"], "ecs:StopServiceDeployment", "that is CloudFormation's alone")
		require.Contains(t, s["Calls"], "ecs:UpdateService")

		var served rescue.Choices
		served.Direction, served.Mended = rescue.Serve, []string{"prod/backend"}
		p, err = rescue.MakePlan(d, served)
		require.NoError(t, err)
		require.Empty(t, p.Handlers)
		require.Len(t, statements(t, p.Policy()), 1)

		for st := range d.Evidence().Tree.All() {
			st.RoleARN = "arn:aws:iam::123456789012:role/deployer"
		}
		p, err = rescue.MakePlan(d.Evidence().Explain(), forward())
		require.NoError(t, err)
		require.Empty(t, p.Handlers)
		require.Len(t, statements(t, p.Policy()), 1)

		var none *rescue.Plan
		require.Empty(t, none.Policy())
	})
}
