package rescue_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
)

// throughJSON is the plan as another process would read it.
func throughJSON(t *testing.T, p *rescue.Plan, edit func(map[string]any)) *rescue.Plan {
	t.Helper()
	b, err := json.Marshal(p)
	require.NoError(t, err)
	if edit != nil {
		var m map[string]any
		require.NoError(t, json.Unmarshal(b, &m))
		edit(m)
		b, err = json.Marshal(m)
		require.NoError(t, err)
	}
	q := new(rescue.Plan)
	require.NoError(t, json.Unmarshal(b, q))
	return q
}

// A plan that was written to a file and read by another process does what the
// plan in memory does, its migration included.
func TestPlanSurvivesJSON(t *testing.T) {
	t.Parallel()
	t.Run("stamp", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			in := newIncident(t)
			p := plan(t, in, forward())
			q := throughJSON(t, p, nil)
			require.Equal(t, p, q)
			r, err := rescue.Run(t.Context(), in.Cloud.Config(), q, confirmed)
			require.NoError(t, err, r)
			require.Equal(t, rescue.Result("rescued"), r.Result)
			served(t, in)
		})
	})
	t.Run("migrate", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var u unmigrated
			in := u.incident(t)
			p := plan(t, in, toMigrate(rescue.Migration{Tool: toolcmd.Alembic()}))
			q := throughJSON(t, p, nil)
			require.Equal(t, p, q)
			r, err := rescue.Run(t.Context(), in.Cloud.Config(), q, confirmed)
			require.NoError(t, err, r)
			require.Equal(t, rescue.Result("rescued"), r.Result)
		})
	})
}

// An unusable plan is refused as a whole, before anything is read or changed.
func TestUnusablePlanIsRefusedBeforeItsFirstStep(t *testing.T) {
	t.Parallel()
	step := func(m map[string]any, kind string) map[string]any {
		for _, s := range m["steps"].([]any) {
			if s := s.(map[string]any); s["kind"] == kind {
				return s
			}
		}
		panic("no step " + kind)
	}
	edits := map[string]func(map[string]any){
		"another version":         func(m map[string]any) { m["version"] = 99 },
		"no version":              func(m map[string]any) { delete(m, "version") },
		"no fingerprint":          func(m map[string]any) { delete(m, "fingerprint") },
		"a step without an id":    func(m map[string]any) { step(m, "stamp")["id"] = "" },
		"two of the same id":      func(m map[string]any) { step(m, "unlock")["id"] = "7-verify" },
		"an unknown kind":         func(m map[string]any) { step(m, "unlock")["kind"] = "delete" },
		"a stamp without a tool":  func(m map[string]any) { delete(step(m, "stamp")["stamp"].(map[string]any), "tool") },
		"an unlock without what":  func(m map[string]any) { delete(step(m, "unlock"), "unlock") },
		"an unlock of no risk":    func(m map[string]any) { step(m, "unlock")["risk"] = "none" },
		"a savepoint of no risk":  func(m map[string]any) { step(m, "savepoint")["risk"] = "reversible" },
		"a redeploy without what": func(m map[string]any) { step(m, "redeploy")["redeploy"] = map[string]any{} },
		"another image":           func(m map[string]any) { step(m, "redeploy")["redeploy"].(map[string]any)["from"] = "backend:1" },
		"another skip":            func(m map[string]any) { step(m, "unlock")["unlock"].(map[string]any)["force"] = true },
		"more actions":            func(m map[string]any) { step(m, "freeze")["actions"] = []any{"iam:PassRole"} },
		"another fact":            func(m map[string]any) { m["facts"].(map[string]any)["service prod/backend"] = "" },
		"a freeze without what":   func(m map[string]any) { step(m, "freeze")["freeze"] = map[string]any{} },
	}
	// Each is refused before the first call: one incident serves for all.
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		p := plan(t, in, forward())
		in.Cloud.ForgetCalls()
		for name, edit := range edits {
			_, err := rescue.Run(t.Context(), in.Cloud.Config(), throughJSON(t, p, edit), confirmed)
			require.ErrorIs(t, err, rescue.ErrPlan, name)
			require.Empty(t, in.Cloud.Calls(), name)
		}
	})
}

// A diagnosis holds its evidence in memory only: one from JSON says so.
func TestDiagnosisFromJSONHasNoPlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		b, err := json.Marshal(d)
		require.NoError(t, err)
		var back rescue.Diagnosis
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, d.String(), back.String())
		for _, direction := range []rescue.Direction{rescue.Forward, rescue.Hold, rescue.Back} {
			_, err = rescue.MakePlan(&back, rescue.Choices{Direction: direction})
			require.ErrorIs(t, err, rescue.ErrNoEvidence)
		}
		_, err = rescue.MakePlan(nil, forward())
		require.ErrorIs(t, err, rescue.ErrNoEvidence)
		_, err = rescue.MakePlan(&rescue.Diagnosis{}, forward())
		require.ErrorIs(t, err, rescue.ErrNoEvidence)
	})
}
