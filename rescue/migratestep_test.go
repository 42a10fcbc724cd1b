package rescue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// unmigrated is a database of which the migration has not run, and the image
// whose replicas wait for it. Only a command of the image migrates.
type unmigrated struct {
	store migratetest.Memory

	mu       sync.Mutex
	revision string
	begun    int
	fails    error
	idle     bool // the command ends well and does nothing
}

func (u *unmigrated) at() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.revision
}

// up is the migration, under the lock. It takes 20 s.
func (u *unmigrated) up(ctx context.Context, _ migrate.Fence) error {
	u.mu.Lock()
	u.begun++
	u.mu.Unlock()
	time.Sleep(20 * time.Second)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fails == nil {
		u.revision = "b2"
	}
	return u.fails
}

func (u *unmigrated) probe(context.Context) (migrate.State, error) {
	at := u.at()
	return migrate.State{Version: at, Done: at == "b2"}, nil
}

// lead is what the image's "migrate-leader run -handback" does.
func (u *unmigrated) lead(c *simtype.Container, name string) {
	r, err := migrate.New(u.store.Client(), "app", u.probe, migrate.Func(u.up), func(o *migrate.RunOptions) { o.Owner = name })
	if err != nil {
		c.Exit(1)
		return
	}
	type end struct {
		res *migrate.Result
		err error
	}
	ended := make(chan end, 1)
	go func() {
		res, err := r.Run(context.Background())
		ended <- end{res, err}
	}()
	var look func()
	look = func() {
		select {
		case e := <-ended:
			var out bytes.Buffer
			if e.err == nil {
				e.err = migrate.Handback(&out, e.res)
			}
			if e.err != nil {
				c.Print(e.err.Error())
				c.Exit(9)
				return
			}
			c.Print(strings.TrimSuffix(out.String(), "\n"))
			c.Exit(0)
		default:
			c.After(time.Second, look)
		}
	}
	look()
}

func (u *unmigrated) image(c *simtype.Container) {
	say := func(line string, code int) {
		c.After(4*time.Second, func() {
			c.Print(line)
			c.Exit(code)
		})
	}
	switch line := strings.Join(c.Command(), " "); line {
	case "":
		rescuetest.WaitsFor(func() bool { return u.at() == "b2" }, 10*time.Second, "waiting for the migration")(c)
	case "alembic heads":
		say("b2 (head)", 0)
	case "alembic current":
		say(u.at(), 0)
	case "check-schema":
		say("schema "+u.at(), map[bool]int{true: 0, false: 3}[u.at() == "b2"])
	case "migrate-leader run":
		if u.idle {
			say("nothing", 0)
			return
		}
		u.lead(c, c.TaskARN())
	default:
		say("unknown command: "+line, 127)
	}
}

// incident is the usual one, but that nobody has migrated.
func (u *unmigrated) incident(t *testing.T) *rescuetest.Incident {
	u.revision = "a1"
	in, err := rescuetest.ExpiredRollbackImage(t.Context(), func(o *rescuetest.IncidentOptions) { o.New = u.image })
	require.NoError(t, err)
	require.Equal(t, "a1", u.at())
	return in
}

func toMigrate(m rescue.Migration) rescue.Choices {
	m.Run = []string{"migrate-leader", "run"}
	return rescue.Choices{Direction: rescue.Forward, Freeze: true, Migration: &m}
}

func TestForwardRunsTheMigrationThatHasNotRun(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]rescue.Migration{
		"by the tool's table":        {Tool: toolcmd.Alembic()},
		"and by a check":             {Tool: toolcmd.Alembic(), Verify: [][]string{{"check-schema"}}},
		"by a check alone":           {Verify: [][]string{{"check-schema"}}},
		"by what it has handed back": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var u unmigrated
				in := u.incident(t)
				p := plan(t, in, toMigrate(m))
				require.Contains(t, p.String(), "-migrate  migration in container backend\n      why     replicas wait for a migration that has not run")
				require.NotContains(t, p.String(), "-stamp")
				r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
				require.NoError(t, err, r)
				require.Equal(t, rescue.Result("rescued"), r.Result)
				require.Equal(t, 1, u.begun)
				for _, s := range r.Steps {
					if s.Kind == "migrate" {
						require.Equal(t, rescue.StepOutcome("done"), s.Outcome)
						require.Contains(t, s.Text, "the database was migrated: ")
					}
				}
				served(t, in)
			})
		})
	}
}

func TestAMigrationThatFailsDeploysNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with rescue.Migration
		do   func(*unmigrated)
		want string
		is   error
	}{
		"it fails":          {with: rescue.Migration{Tool: toolcmd.Alembic()}, do: func(u *unmigrated) { u.fails = errors.New("deadlock detected") }, want: "exit code 9"},
		"it does nothing":   {with: rescue.Migration{Tool: toolcmd.Alembic()}, do: func(u *unmigrated) { u.idle = true }, is: migrate.ErrUnverified, want: "version a1"},
		"it says nothing":   {do: func(u *unmigrated) { u.idle = true }, is: migrate.ErrUnverified, want: "handed-back migrate.Result"},
		"the check is none": {with: rescue.Migration{Verify: [][]string{{"nonsense"}}}, do: func(*unmigrated) {}, is: migrate.ErrUnverified, want: "no version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var u unmigrated
				in := u.incident(t)
				c.do(&u)
				p := plan(t, in, toMigrate(c.with))
				in.Cloud.ForgetCalls()
				var journal []rescue.StepResult
				r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed, func(o *rescue.Options) {
					o.Journal = func(s rescue.StepResult) error {
						journal = append(journal, s)
						return nil
					}
				})
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "one-off migration: ")
				if c.is != nil {
					require.ErrorIs(t, err, c.is)
				}
				require.Equal(t, rescue.Result("not-rescued"), r.Result)
				last := journal[len(journal)-1]
				require.Equal(t, rescue.Kind("migrate"), last.Kind)
				require.Equal(t, rescue.StepOutcome("failed"), last.Outcome)
				got := done(in.Cloud)
				require.Zero(t, got["ecs:RegisterTaskDefinition"]+got["ecs:UpdateService"]+got["cloudformation:ContinueUpdateRollback"], got)

				// Mended, the same plan is run again, and gets through.
				if name != "the check is none" {
					time.Sleep(11 * time.Minute) // the failure is remembered for ten
					u.mu.Lock()
					u.fails, u.idle = nil, false
					u.mu.Unlock()
					r, err = rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed, func(o *rescue.Options) { o.Done = journal })
					require.NoError(t, err, r)
					served(t, in)
				}
			})
		})
	}
}

// TestCrashWhileMigrating ends the caller around each start of a task, and runs
// the same plan again: the migration runs once.
func TestCrashWhileMigrating(t *testing.T) {
	t.Parallel()
	type crash struct {
		action string
		n      int
		when   string
	}
	var all []crash
	for action, from := range map[string]int{"ecs:RunTask": 1, "ecs:DescribeTasks": 2} { // the first look is at the situation
		for n := from; n < from+6; n++ {
			all = append(all, crash{action, n, "before"}, crash{action, n, "after"})
		}
	}
	slices.SortFunc(all, func(a, b crash) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for _, c := range sample.Of(t, all, 0, func(c crash) string { return fmt.Sprint(c.action, c.n%2, c.when) }) {
		action, n, when, kind := c.action, c.n, c.when, simtype.CrashBefore
		if when == "after" {
			kind = simtype.CrashAfter
		}
		pause := []time.Duration{time.Second, 2 * time.Minute}[n%2] // the task is in flight, or has ended
		t.Run(fmt.Sprint(when, " ", action, " ", n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var u unmigrated
				in := u.incident(t)
				p := plan(t, in, toMigrate(rescue.Migration{Tool: toolcmd.Alembic(), Verify: [][]string{{"check-schema"}}}))
				in.Cloud.ForgetCalls()
				in.Cloud.Inject(simtype.Fault{Action: action, Nth: n, Kind: kind})
				var journal []rescue.StepResult
				keep := func(o *rescue.Options) {
					confirmed(o)
					o.Journal = func(r rescue.StepResult) error {
						journal = append(journal, r)
						return nil
					}
				}
				_, err := rescue.Run(t.Context(), in.Cloud.Config(), p, keep)
				require.ErrorIs(t, err, rescuetest.ErrCrashed)
				time.Sleep(pause)
				in.Cloud.Restart()
				r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, keep, func(o *rescue.Options) { o.Done = append([]rescue.StepResult{}, journal...) })
				require.NoError(t, err, r)
				require.Equal(t, 1, u.begun)
				got := done(in.Cloud)
				for _, a := range once {
					require.Equal(t, 1, got[a], a)
				}
				served(t, in)
			})
		})
	}
}

// TestTasksNeedToPassRoles looks at what the steps that run tasks say they
// need: RunTask passes the roles of the task.
//
// Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
func TestTasksNeedToPassRoles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var u unmigrated
		in := u.incident(t)
		for kind, c := range map[rescue.Kind]rescue.Choices{
			"migrate": toMigrate(rescue.Migration{}),
			"stamp":   {Direction: rescue.Forward, Migration: &rescue.Migration{Tool: toolcmd.Alembic()}},
		} {
			steps := 0
			for _, s := range plan(t, in, c).Steps {
				if s.Kind == kind {
					steps++
					require.Contains(t, s.Actions, "ecs:RunTask")
					require.Contains(t, s.Actions, "iam:PassRole")
				}
			}
			require.Equal(t, 1, steps, kind)
		}
	})
}
