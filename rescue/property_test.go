package rescue_test

import (
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
)

// drawn is a random incident: which, its knobs, the switches of its cloud, and when
// somebody looks.
type drawn struct {
	seed  uint64
	name  string
	knobs string
	later time.Duration
}

func (d drawn) String() string {
	return fmt.Sprintf("seed %d: %s, %s, looked at %s later", d.seed, d.name, d.knobs, d.later)
}

// draw makes the incident of a seed, of a name where one is given; nil where its knobs make another story of it.
func draw(t *testing.T, seed uint64, is ...string) (*rescuetest.Incident, drawn) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 15))
	names := slices.Sorted(maps.Keys(rescuetest.Incidents()))
	d := drawn{seed: seed, name: names[r.IntN(len(names))]}
	if len(is) > 0 {
		d.name = is[0]
	}
	pick := func(of ...int) int { return of[r.IntN(len(of))] }
	desired, minimum, scaled := pick(1, 2, 3), pick(0, 0, 50, 100), pick(0, 0, 0, 1, 4)
	fresh := r.IntN(2) == 0 // somebody looks at once, not days later
	var sets []setting
	for range pick(0, 0, 1, 2) {
		sets = append(sets, settings[r.IntN(len(settings))])
	}
	d.knobs = fmt.Sprintf("desired %d, minimum %d, scaled to %d, fresh %t", desired, minimum, scaled, fresh)
	for _, s := range sets {
		d.knobs += ", " + s.name + " " + s.value
	}
	d.later = []time.Duration{0, 0, 10 * time.Minute, 55 * time.Minute, 2 * time.Hour, 30 * time.Hour}[r.IntN(6)]
	in, err := rescuetest.NewIncident(t.Context(), d.name, func(o *rescuetest.IncidentOptions) {
		o.Desired, o.MinimumHealthyPercent, o.ScaledTo = desired, minimum, scaled
		if fresh && d.name != "expired-rollback-image" {
			o.Start = time.Now()
		}
		for _, s := range sets {
			s.set(&o.Switches)
		}
	})
	if err != nil {
		return nil, d
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(d)
		}
	})
	time.Sleep(d.later)
	for range 4 { // reads that lag do so for some reads, not for ever
		truthOf(t, in)
	}
	return in, d
}

// Whatever went wrong, with whatever knobs, and whenever somebody looks: with nothing
// denied no required fact is unknown, and every fact is what the cloud's own record
// says.
func TestFactsAreTheRecords(t *testing.T) {
	t.Parallel()
	n, looked := sample.Count(t, 20, 1000), 0
	states, situations := map[rescue.UserState]int{}, map[rescue.Situation]int{}
	for seed := range n {
		synctest.Test(t, func(t *testing.T) {
			in, what := draw(t, uint64(seed))
			if in == nil {
				return
			}
			looked++
			// At once: what fails again and again changes within seconds.
			d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, func(o *rescue.Options) { o.Settle = -1 })
			require.NoError(t, err, what)
			x := truthOf(t, in)
			require.Len(t, d.Users, len(x.services), what)
			require.Empty(t, d.Unknown, what)
			for i, f := range d.Evidence().Services {
				is, u := x.services[f.Service.String()], d.Users[i]
				states[u.State]++
				say := fmt.Sprintf("%s\n%s\n%+v\n%s", what, f.Service, is, d)
				switch {
				case is.healthy == 0:
					require.Equal(t, rescue.UserState("not-served"), u.State, say)
				case is.healthy < is.desired:
					require.Equal(t, rescue.UserState("partly-served"), u.State, say)
				case u.State == "partly-served":
					require.True(t, is.failed || is.loops, say)
				default:
					require.Equal(t, rescue.UserState("served"), u.State, say)
					require.False(t, is.failed, say)
				}
				serving := ""
				if len(is.running) == 1 {
					serving = is.running[0]
				}
				require.Equal(t, serving, f.Serving(), say)
				require.Equal(t, is.current, f.Current, say)
				require.Equal(t, is.recorded, f.Back, say)
				require.Equal(t, is.attempted, f.Forward, say)
				require.Empty(t, f.RevisionsUnknown, say)
				debt := strings.Join(d.Debt, "\n")
				require.Equal(t, is.current != is.recorded, strings.Contains(debt, "service "+f.Service.String()+" is set to"), say)
				require.Equal(t, is.unable, strings.Contains(debt, "own revision of service "+f.Service.String()+", "+lastID(is.recorded)+", cannot run"), say)
				require.Equal(t, is.lacks, strings.Contains(debt, lastID(is.recorded)+", cannot start another task"), say)
				require.Equal(t, is.inactive, strings.Contains(debt, lastID(is.recorded)+", is INACTIVE: it cannot"), say)
			}
			require.Equal(t, x.situation(), d.Situation, "%s\n%+v\n%s", what, x, d)
			situations[d.Situation]++
			if x.root != "UPDATE_COMPLETE" && x.root != "ROLLBACK_COMPLETE" && d.Situation != "healthy" { // the knobs made a success of a few
				causesAreThese(t, what, d)
			}
		})
	}
	t.Logf("%d seeds, %d incidents: users %v, situations %v", n, looked, states, situations)
	require.Greater(t, looked, n/2)
}

func lastID(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// stories are what went wrong in each incident, by how it was made: what failed the
// update, what kept CloudFormation from going back, and whether ECS still knows of
// tasks that failed matters only for how much of it can be told.
var stories = map[string]struct {
	subject, back string
	// log is what the tasks of the new version said, "" where none failed.
	log string
}{
	"child-stuck":            {".Service", "app:v1 is missing", "exited with 1"},
	"expired-rollback-image": {".Service", "backend:v1 is missing", ""},
	"flat-stack":             {".Service", "app:v1 is missing", "exited with 1"},
	"hung-without-breaker":   {".Service", "app:v1 is missing", "exited with 1"},
	"lambda-image-gone":      {".Late", "app:fn-v1 does not exist", ""},
	"later-resource":         {".Late", "Rate exceeded", ""},
	"mended-by-hand":         {".Service", "app:v1 is missing", "exited with 1"},
	"new-resources":          {".Service", "app:v1 is missing", "exited with 1"},
	"new-setting":            {".Service", "app:v1 is missing", "exited with 1"},
	"no-family":              {".Service", "app:v1 is missing", "exited with 1"},
	"secret-gone":            {".Service", "secret:db is not there", "secret:db: ResourceNotFoundException"},
	"three-levels":           {".Service", "app:v1 is missing", "exited with 1"},
	"two-services":           {".Service", "app:v1 is missing", "exited with 1"},
	"unlocked-by-hand":       {".Service", "app:v1 is missing", "exited with 1"},
}

// causesAreThese compares the three answers with how the incident was made.
func causesAreThese(t *testing.T, what drawn, d *rescue.Diagnosis) {
	t.Helper()
	story, known := stories[what.name]
	require.True(t, known, what.name)
	say := fmt.Sprintf("%s\n%s", what, d)
	if d.Situation == "in-progress" && len(stoppedTasks(d)) == 0 {
		return // nothing has failed yet
	}
	require.NotEmpty(t, d.Causes.Update, say)
	require.True(t, slices.ContainsFunc(d.Causes.Update, func(c rescue.Cause) bool { return strings.HasSuffix(c.Subject, story.subject) }), say)
	if d.Situation == "stuck" || d.Situation == "child-stuck" {
		require.True(t, slices.ContainsFunc(d.Causes.Rollback, func(c rescue.Cause) bool { return strings.Contains(c.Text, story.back) }), say)
	}
	if story.log == "" {
		return
	}
	text := d.Causes.Update[0].Text
	if forgotten := strings.Contains(strings.Join(d.Assumed, "\n"), "ECS has forgotten"); forgotten {
		require.Contains(t, text, "Resource handler returned message", "CloudFormation's own words: %s", say)
		require.NotContains(t, text, story.log, say)
		require.Empty(t, stoppedTasks(d), say)
		return
	}
	require.Contains(t, text, story.log, say)
}

// stoppedTasks are those of the evidence of a revision that failed.
func stoppedTasks(d *rescue.Diagnosis) []string {
	var out []string
	for _, x := range d.Evidence().Tasks {
		for _, f := range d.Evidence().Services {
			if x.TaskDefinition == f.Forward && f.Forward != f.Back && x.Failed() {
				out = append(out, x.ARN)
			}
		}
	}
	return out
}
