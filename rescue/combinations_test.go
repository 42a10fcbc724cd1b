package rescue_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// chosen are the choices of a seed for an incident.
func chosen(r *rand.Rand, in *rescuetest.Incident, d *rescue.Diagnosis) rescue.Choices {
	directions := []rescue.Direction{rescue.Serve, rescue.Forward, rescue.Forward, rescue.Hold, rescue.Back}
	c := rescue.Choices{Direction: directions[r.IntN(len(directions))], Freeze: r.IntN(4) > 0, RaiseMinimum: r.IntN(2) == 0, Force: r.IntN(8) == 0}
	if in.Service == "backend" && r.IntN(4) > 0 {
		c.Migration = forward().Migration
	}
	if r.IntN(5) == 0 {
		kinds := []rescue.Kind{"freeze", "redeploy", "unlock"}
		c.Until = kinds[r.IntN(len(kinds))]
	}
	for _, s := range d.Evidence().Services {
		if r.IntN(4) == 0 && s.Forward != "" {
			if c.Revisions == nil {
				c.Revisions = map[string]string{}
			}
			c.Revisions[s.Service.String()] = s.Forward
		}
	}
	return c
}

// pointsOfNoReturn are the calls after which a run must get to its end.
var pointsOfNoReturn = []string{"cloudformation:ContinueUpdateRollback", "cloudformation:ExecuteChangeSet"}

// held holds a run to what its plan said, by the cloud's own record, and returns what
// it did not keep.
func held(t *testing.T, in *rescuetest.Incident, d *rescue.Diagnosis, p *rescue.Plan, r *rescue.Report, err error, began, ended time.Time) []string {
	t.Helper()
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	said := p.String()
	deploys, savepoint, unlocks := map[string]bool{}, false, false
	for _, s := range p.Steps {
		if s.Redeploy != nil {
			deploys[s.Redeploy.Service.Name] = true
		}
		savepoint, unlocks = savepoint || s.Savepoint != nil, unlocks || s.Unlock != nil
	}
	was := map[string]rescue.UserState{}
	for _, u := range d.Users {
		was[u.Service.Name] = u.State
	}
	record := in.Cloud.Record()
	for _, s := range record.Starts {
		if !s.At.After(began) || s.Service == "" {
			continue
		}
		if strings.HasSuffix(s.Image, ":"+in.OldTag) && p.Direction != rescue.Back && was[s.Service] != "served" {
			// Whoever is served by the old code goes on being served by it.
			fault("old code started in %s: %s", s.Service, s.Image)
		}
		if !deploys[s.Service] && !savepoint && !unlocks && was[s.Service] == "served" {
			fault("service %s was deployed, which is not in the plan", s.Service)
		}
	}
	for _, s := range record.Shortages {
		over := s.To.IsZero() || s.To.After(began)
		if was[s.Service] == "served" && s.From.After(began) && s.From.Before(ended) && over && !deploys[s.Service] && !strings.Contains(said, s.Service+": the savepoint's deployment stops every task") && !strings.Contains(said, "may scale service "+s.Cluster+"/"+s.Service) && !leaves(said, s) {
			fault("users of %s were served and had %d of %d for %s", s.Service, s.Healthy, s.Desired, s.To.Sub(s.From))
		}
	}
	for _, x := range record.Deletions {
		if x.At.After(began) && x.Cause != "" && !listed(p, x.Name) && x.Kind != "AWS::ECS::TaskDefinition" && x.Kind != "AWS::ECR::Image" {
			fault("%s %s was deleted by %s", x.Kind, x.Name, x.Cause)
		}
	}
	passed := ""
	for _, x := range record.Mutations {
		if !x.At.After(began) || x.Caller != "customer" || x.Err != "" {
			continue
		}
		if !slices.Contains(p.Actions(), x.Action) {
			fault("%s is not in the plan", x.Action)
		}
		if slices.Contains(pointsOfNoReturn, x.Action) && passed == "" {
			passed = x.Action
		}
	}
	switch {
	case err == nil && r.Result != "rescued" && r.Result != "served-with-debt":
		fault("no error, and the result is %s", r.Result)
	case err != nil && passed != "" && !errors.Is(err, rescue.ErrPartly):
		fault("the run stopped after %s: %s", passed, err)
	case err != nil && passed != "" && !slices.ContainsFunc(r.Checks, func(c rescue.Check) bool { return !c.OK && !c.Debt && !c.Unknown }):
		// Whether the promise is kept could not be seen: that is what the result says.
	case err != nil && passed != "" && !strings.Contains(said, "hold deploys nothing to service"):
		fault("promised and not kept after %s: %s", passed, r)
	}
	return faults
}

// leaves reports whether a plan has said that a service keeps no more tasks than it had.
func leaves(said string, s simtype.Shortage) bool {
	_, after, ok := strings.Cut(said, s.Service+": the savepoint's deployment leaves at least ")
	n, desired := 0, 0
	if _, err := fmt.Sscanf(after, "%d of %d tasks", &n, &desired); !ok || err != nil {
		return false
	}
	return s.Healthy >= n
}

// 500 random combinations of incidents, knobs, switches, directions and choices: no
// container of an old revision starts by the way, served users keep what they have,
// nothing is deployed or deleted that the plan does not list, nothing irreversible is
// done on what is not known, and a promised end is reached or the run stops before
// the point of no return.
func TestRandomCombinations(t *testing.T) {
	t.Parallel()
	n := sample.Count(t, 8, 500)
	ends, good, bad := map[string]int{}, 0, []string(nil)
	for seed := range n {
		synctest.Test(t, func(t *testing.T) {
			in, what := draw(t, uint64(seed+5000))
			if in == nil {
				ends["no such incident"]++
				return
			}
			r := rand.New(rand.NewPCG(uint64(seed), 16))
			mended := r.IntN(4) > 0
			if mended {
				mend(t, in)
			}
			d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
			require.NoError(t, err, what)
			c := chosen(r, in, d)
			full, ferr := rescue.MakePlan(d, c)
			denies := ""
			if r.IntN(4) == 0 {
				denies = rescue.ReadActions()[r.IntN(len(rescue.ReadActions()))]
				in.Cloud.Inject(simtype.Fault{Action: denies, Kind: simtype.Deny})
				if d, err = rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack); err != nil {
					ends["diagnosis denied"]++
					return
				}
			}
			say := fmt.Sprintf("%s\n%+v, mended %t, denied %q", what, c, mended, denies)
			p, err := rescue.MakePlan(d, c)
			if err != nil {
				var e *rescue.Error
				require.ErrorAs(t, err, &e, say)
				require.NotEmpty(t, e.Next, "%s: %s", say, err)
				ends[string(c.Direction)+" refused"]++
				return
			}
			if denies != "" && p.String() != "" {
				for _, s := range p.Steps {
					irreversible := s.Risk == "irreversible" && !slices.ContainsFunc(p.Steps, func(x rescue.Step) bool { return x.Kind == "redeploy" })
					if irreversible && (ferr != nil || !slices.ContainsFunc(full.Steps, func(x rescue.Step) bool { return x.Kind == s.Kind })) {
						bad = append(bad, say+"\n"+s.ID+" on what is not known")
					}
				}
			}
			began := in.Cloud.Now()
			rep, err := rescue.Run(t.Context(), in.Cloud.Config(), throughJSON(t, p, nil), confirmed)
			ended := in.Cloud.Now()
			end := string(rep.Result)
			if p.Stop != nil {
				end += ", stopped before " + string(p.Stop.Before)
			}
			ends[string(c.Direction)+" "+end]++
			in.Cloud.ClearFaults()
			faults := held(t, in, d, p, rep, err, began, ended)
			if len(faults) == 0 {
				good++
				return
			}
			bad = append(bad, fmt.Sprintf("%s\n%s\n%s\n%v", say, strings.Join(faults, "\n"), p, err))
		})
	}
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		t.Logf("%4d %s", ends[end], end)
	}
	t.Logf("%d combinations: %d runs kept what their plans said, %d did not", n, good, len(bad))
	require.Empty(t, bad, strings.Join(bad, "\n\n"))
}
