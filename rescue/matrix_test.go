package rescue_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// outcome is one incident taken in one direction, as the simulator has recorded
// it.
type outcome struct {
	incident  string
	direction rescue.Direction
	was       rescue.Situation
	// before and after are whether all users were served.
	before, after bool
	refused       string
	stop          *rescue.Stop
	result        rescue.Result
	err           error
	// oldStarts are containers of the old images that started, lost the seconds in
	// which services that were served had fewer healthy tasks than they wanted.
	oldStarts int
	lost      time.Duration
	// unlisted are deletions that no step of the plan names.
	unlisted []string
}

func (o outcome) String() string {
	end := string(o.result)
	if o.refused != "" {
		end = "refused: " + o.refused
	}
	if o.stop != nil {
		end += ", stopped before " + string(o.stop.Before)
	}
	return fmt.Sprintf("%-24s %-8s %-14s served %-5t -> %-5t old starts %d, lost %3.0f s, %.150s", o.incident, o.direction, o.was, o.before, o.after, o.oldStarts, o.lost.Seconds(), end)
}

// mend lets the new code run, as somebody who has mended what it waits for does.
func mend(t *testing.T, in *rescuetest.Incident) {
	t.Helper()
	if in.Service == "backend" {
		return // its migration is what the plan records
	}
	for _, tag := range []string{in.NewTag, "v3"} { // v3 is what a child was updated to alone
		_, err := in.Cloud.PushImage("app", "mended "+tag, rescuetest.Runs(), tag)
		require.NoError(t, err)
	}
}

// take takes an incident in a direction.
func take(t *testing.T, in *rescuetest.Incident, name string, direction rescue.Direction) outcome {
	t.Helper()
	c := rescue.Choices{Direction: direction, Freeze: true, RaiseMinimum: true}
	if in.Service == "backend" {
		c = forward()
		c.Direction, c.RaiseMinimum = direction, true
	}
	d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
	require.NoError(t, err)
	out := outcome{incident: name, direction: direction, was: d.Situation, before: allServed(d.Users)}
	began := in.Cloud.Now()
	p, err := rescue.MakePlan(d, c)
	if err != nil {
		var e *rescue.Error
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Next, "%s: what to do instead", err)
		out.refused, out.after = err.Error(), out.before
		return out
	}
	out.stop = p.Stop
	r, err := rescue.Run(t.Context(), in.Cloud.Config(), throughJSON(t, p, nil), confirmed)
	out.result, out.err = r.Result, err
	d, err = rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
	require.NoError(t, err)
	out.after = allServed(d.Users)
	record := in.Cloud.Record()
	for _, s := range record.Starts {
		if s.At.After(began) && strings.HasSuffix(s.Image, ":"+in.OldTag) {
			out.oldStarts++
		}
	}
	for _, s := range record.Shortages {
		end := s.To
		if end.IsZero() {
			end = in.Cloud.Now()
		}
		if from := s.From; out.before && end.After(began) {
			if from.Before(began) {
				from = began
			}
			out.lost += end.Sub(from)
		}
	}
	for _, x := range record.Deletions {
		if x.At.After(began) && !listed(p, x.Name) && x.Kind != "AWS::ECS::TaskDefinition" {
			out.unlisted = append(out.unlisted, x.Kind+" "+x.Name)
		}
	}
	return out
}

func listed(p *rescue.Plan, physicalID string) bool {
	for _, s := range p.Steps {
		if s.Unlock == nil {
			continue
		}
		for _, d := range s.Unlock.Deletes {
			if d.PhysicalID == physicalID {
				return true
			}
		}
	}
	return false
}

func allServed(users []rescue.Users) bool {
	return !slices.ContainsFunc(users, func(u rescue.Users) bool { return u.State != "served" && u.State != "scaled-to-zero" })
}

// judge holds an outcome to what every direction promises.
func judge(t *testing.T, o outcome) {
	t.Helper()
	require.Empty(t, o.unlisted, "deleted, and not in the plan: %s", o)
	if o.direction != rescue.Back {
		require.Zero(t, o.oldStarts, "old code was started: %s", o)
	}
	if o.before {
		require.True(t, o.after, "users lost: %s", o)
	}
	if o.err == nil && o.refused == "" {
		require.Contains(t, []rescue.Result{"rescued", "served-with-debt"}, o.result)
		require.True(t, o.after, "the end was called %s: %s", o.result, o)
	} else if o.err != nil {
		require.True(t, errors.Is(o.err, rescue.ErrPartly) || o.result == "not-rescued", o)
	}
}

// Every named incident in every direction, the new code mended and not: what is
// promised holds by the simulator's own record, and users who were down are served
// in the end wherever an image that fits exists.
func TestEveryIncidentInEveryDirection(t *testing.T) {
	t.Parallel()
	var lines []string
	good, mended := 0, 0
	names := slices.Sorted(maps.Keys(rescuetest.Incidents()))
	type way struct {
		name      string
		direction rescue.Direction
	}
	var ways []way
	for _, name := range names {
		for _, direction := range []rescue.Direction{rescue.Serve, rescue.Hold, rescue.Back} {
			ways = append(ways, way{name, direction})
		}
	}
	ways = sample.Of(t, ways, 17, func(w way) string { return w.name })
	for _, name := range names { // forward is what is counted in the end
		ways = append(ways, way{name, rescue.Forward})
	}
	for _, w := range ways {
		name, direction := w.name, w.direction
		{
			for _, isMended := range []bool{true, false} {
				if !isMended && !sample.Whole() {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					in, err := rescuetest.NewIncident(t.Context(), name)
					require.NoError(t, err)
					if isMended {
						mend(t, in)
					}
					o := take(t, in, name, direction)
					judge(t, o)
					if isMended {
						lines = append(lines, o.String())
					}
					if isMended && direction == rescue.Forward {
						mended++
						if o.after && (o.err == nil) {
							good++
						}
					}
				})
			}
		}
	}
	t.Logf("forward ends rescued or served with stated debt, or finds users served, in %d of %d incidents\n%s", good, mended, strings.Join(lines, "\n"))
	require.GreaterOrEqual(t, good, 12)
}

// The same under every switch of the cloud, in the directions that do something;
// sampled unless -all-pairs is given.
func TestEveryIncidentUnderSwitches(t *testing.T) {
	t.Parallel()
	type run struct {
		name      string
		s         setting
		direction rescue.Direction
	}
	var all []run
	for _, name := range slices.Sorted(maps.Keys(rescuetest.Incidents())) {
		for _, s := range settings {
			for _, direction := range []rescue.Direction{rescue.Forward, rescue.Hold, rescue.Back} {
				all = append(all, run{name, s, direction})
			}
		}
	}
	runs := 0
	ends := map[string]int{}
	// Each incident, and each direction; each switch alone has tests of its own.
	for _, r := range sample.Of(t, all, 14, func(r run) string { return r.name }) {
		name, s, direction := r.name, r.s, r.direction
		synctest.Test(t, func(t *testing.T) {
			in, err := rescuetest.NewIncident(t.Context(), name, func(o *rescuetest.IncidentOptions) { s.set(&o.Switches) })
			if err != nil {
				ends["no such incident"]++ // the switch makes another one of it
				return
			}
			mend(t, in)
			o := take(t, in, name, direction)
			runs++
			end := string(o.result)
			if o.refused != "" {
				end = "refused"
			}
			ends[string(direction)+" "+end]++
			if direction == rescue.Forward && o.result == "not-rescued" {
				t.Logf("%s under %s=%s: %v", name, s.name, s.value, o.err)
			}
			defer func() {
				if t.Failed() {
					t.Logf("%s under %s=%s", name, s.name, s.value)
				}
			}()
			judge(t, o)
		})
	}
	t.Logf("%d runs of %d: %v", runs, len(all), ends)
}
