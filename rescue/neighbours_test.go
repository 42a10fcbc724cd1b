package rescue_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
)

// neighbour is an incident like those that people reported.
type neighbour struct {
	prepare func(*site)
	// forward is how the way forward ends.
	forward string
}

// judged is what the simulator recorded of one rescue.
type judged struct {
	end    string
	faults []string
}

// judge takes the site in a direction and judges it by the cloud's record.
func (s *site) judge(c rescue.Choices) (out judged) {
	s.t.Helper()
	fault := func(format string, args ...any) { out.faults = append(out.faults, fmt.Sprintf(format, args...)) }
	d := s.diagnose()
	served := map[string]bool{}
	all := true
	for _, u := range d.Users {
		ok := u.State == "served" || u.State == "scaled-to-zero"
		served[u.Service.Name], all = ok, all && ok
	}
	texts := d.String()
	p, err := rescue.MakePlan(d, c)
	if err != nil {
		var e *rescue.Error
		require.ErrorAs(s.t, err, &e)
		if e.Next == "" {
			fault("a refusal without a next step")
		}
		out.end = "refused: " + err.Error()
		return out
	}
	texts += p.String()
	s.cloud.ForgetCalls()
	s.mended = true
	began := s.cloud.Now()
	r, err := rescue.Run(s.t.Context(), s.cloud.Config(), throughJSON(s.t, p, nil), confirmed)
	ended := s.cloud.Now()
	out.end = string(r.Result)
	if p.Stop != nil {
		out.end += ", stopped: " + p.Stop.String()
	}
	if err != nil {
		out.end += ": " + err.Error()
	}
	data, jerr := json.Marshal([]any{p, r, d})
	require.NoError(s.t, jerr)
	texts += r.String() + string(data)
	if strings.Contains(texts, "hunter2") {
		fault("a secret is printed")
	}
	record := s.cloud.Record()
	unlocks := slices.ContainsFunc(p.Steps, func(x rescue.Step) bool { return x.Kind == "unlock" })
	said := strings.Join(p.Warnings, "\n")
	deploys := map[string]bool{}
	for _, x := range p.Steps {
		if x.Redeploy != nil {
			deploys[x.Redeploy.Service.Name] = true
		}
	}
	for _, x := range record.Starts {
		if !x.At.After(began) || c.Direction == rescue.Back {
			continue
		}
		if strings.HasSuffix(x.Image, ":v1") && !slices.Contains(c.Accept, x.Cluster+"/"+x.Service) {
			fault("old code started in %s: %s", x.Service, x.Image)
		}
		if !unlocks && x.Service != "" && !deploys[x.Service] {
			fault("service %s was deployed, which is not in the plan", x.Service)
		}
	}
	for _, x := range record.Shortages {
		if served[x.Service] && x.From.Before(ended) && (x.To.IsZero() || x.To.After(began)) && !deploys[x.Service] && !strings.Contains(said, "may scale service "+x.Cluster+"/"+x.Service+" from") && !strings.Contains(said, "service "+x.Cluster+"/"+x.Service+": the savepoint's deployment stops every task") {
			fault("service %s was served and had %d of %d", x.Service, x.Healthy, x.Desired)
		}
	}
	for _, x := range record.Deletions {
		if !listed(p, x.Name) && x.Kind != "AWS::ECS::TaskDefinition" {
			fault("%s %s was deleted: %s", x.Kind, x.Name, x.Cause)
		}
	}
	for _, x := range record.Mutations {
		if x.Caller == "customer" && !slices.Contains(p.Actions(), x.Action) {
			fault("%s is not in the plan", x.Action)
		}
	}
	after := s.diagnose()
	for _, u := range after.Users {
		if u.State != "served" && u.State != "scaled-to-zero" && c.Direction != rescue.Hold && (p.Stop == nil || !strings.Contains(p.Stop.String(), u.Service.String())) {
			fault("not served in the end: %s (%s)", u, s.counts())
		}
	}
	status := string(s.status("prod"))
	switch {
	case err != nil && unlocks && !strings.Contains(said, "hold deploys nothing"):
		fault("the run did not get to the end: %s", err)
	case r.Result == "rescued" && c.Direction == rescue.Forward && status != "UPDATE_COMPLETE" && status != "UPDATE_ROLLBACK_COMPLETE":
		fault("rescued, and the stack is %s", status)
	case r.Result == "rescued" && after.Situation != "healthy":
		fault("rescued, and the situation is %s", after.Situation)
	case p.Stop == nil && len(p.Debt) == 0 && c.Direction == rescue.Forward && r.Result != "rescued":
		fault("promised and not rescued: %s", r)
	}
	return out
}

// Whatever the incident and the direction, the cloud's record has no start of old
// code, no served user who loses a task, no deletion and no call that the plan did
// not say; and who was down is served in the end.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	all, others, some := neighbours(), []string(nil), map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, direction := range []rescue.Direction{rescue.Serve, rescue.Hold, rescue.Back} {
			others = append(others, name+string(direction))
		}
	}
	for _, o := range sample.Of(t, others, sample.Few(len(others)/16, len(others)/8), nil) {
		some[o] = true
	}
	// Forward is looked at wherever samples are larger.
	for _, name := range sample.Quarter(t, slices.Sorted(maps.Keys(all)), nil) {
		some[name+string(rescue.Forward)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		n := all[name]
		for _, direction := range []rescue.Direction{rescue.Serve, rescue.Forward, rescue.Hold, rescue.Back} {
			// Sampled unless -all-pairs is given.
			if !some[name+string(direction)] {
				continue
			}
			t.Run(name+"/"+string(direction), func(t *testing.T) {
				t.Parallel()
				inSite(t, func(t *testing.T, s *site) {
					n.prepare(s)
					j := s.judge(rescue.Choices{Direction: direction})
					require.Empty(t, j.faults, j.end)
					if direction == rescue.Forward {
						require.True(t, strings.HasPrefix(j.end, n.forward), j.end)
					}
				})
			})
		}
	}
}
