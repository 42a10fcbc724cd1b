package rescue_test

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// known is what a diagnosis knows of each service.
type known struct {
	state         rescue.UserState
	forward, back string
	images        map[string]string
}

func factsOf(d *rescue.Diagnosis) map[string]known {
	out := map[string]known{}
	b := d.Evidence()
	for i, s := range b.Services {
		k := known{state: d.Users[i].State, forward: s.Forward, back: s.Back, images: map[string]string{}}
		for ref, f := range b.Images {
			k.images[ref] = string(f.State)
		}
		out[s.Service.String()] = k
	}
	return out
}

// With one action denied each fact is what it is without, or unknown, and never
// another; and nothing irreversible is planned that would not be planned knowing
// all.
func TestOneActionDenied(t *testing.T) {
	t.Parallel()
	unknown := 0
	incidents := slices.Sorted(maps.Keys(rescuetest.Incidents()))
	for _, c := range sample.Calls(t, rescue.ReadActions(), incidents, 0, nil) {
		action, name := rescue.ReadActions()[c.N-1], c.Kind
		{
			synctest.Test(t, func(t *testing.T) {
				in, err := rescuetest.NewIncident(t.Context(), name)
				require.NoError(t, err)
				d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
				require.NoError(t, err)
				whole, choices := factsOf(d), rescue.Choices{Direction: rescue.Forward, Freeze: true}
				full, _ := rescue.MakePlan(d, choices)
				in.Cloud.Inject(simtype.Fault{Action: action, Kind: simtype.Deny})
				d, err = rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
				if err != nil {
					require.ErrorIs(t, err, rescue.ErrNoAccess, "%s without %s", name, action)
					return
				}
				for service, is := range factsOf(d) {
					was := whole[service]
					if is.state != was.state {
						unknown++
						require.Equal(t, rescue.UserState("unknown"), is.state, "%s without %s: %s", name, action, service)
					}
					require.Contains(t, []string{was.forward, ""}, is.forward, "%s without %s: %s", name, action, service)
					require.Contains(t, []string{was.back, ""}, is.back, "%s without %s: %s", name, action, service)
					for ref, state := range is.images {
						require.Contains(t, []string{was.images[ref], "unknown"}, state, "%s without %s: %s", name, action, ref)
					}
				}
				require.NotEmpty(t, append(d.Unknown, action), "what could not be read is said")
				p, err := rescue.MakePlan(d, choices)
				if err != nil {
					return
				}
				for _, s := range p.Steps {
					if s.Kind == "redeploy" {
						break // it proves by itself what was not known of its revision
					}
					if s.Risk == "irreversible" {
						require.NotNil(t, full, "%s without %s: %s", name, action, p)
						require.True(t, slices.ContainsFunc(full.Steps, func(x rescue.Step) bool { return x.Kind == s.Kind }), "%s without %s: %s", name, action, p)
					}
				}
			})
		}
	}
	t.Logf("%d states of users unknown", unknown)
}
