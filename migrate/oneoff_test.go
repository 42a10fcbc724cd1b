package migrate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
)

// answers is a probe that gives one answer after the other, the last one again
// and again. Each is a State or an error.
func answers(list ...any) migrate.Probe {
	return func(context.Context) (migrate.State, error) {
		a := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		if err, ok := a.(error); ok {
			return migrate.State{}, err
		}
		return a.(migrate.State), nil
	}
}

func TestOneOff(t *testing.T) {
	t.Parallel()
	old, dirty, done := migrate.State{Version: "1"}, migrate.State{Version: "2", Dirty: true, Done: true}, migrate.State{Version: "2", Done: true}
	away, broken := errors.New("connection refused"), errors.New("exit code 9")
	for name, c := range map[string]struct {
		probe migrate.Probe
		run   error
		runs  int
		want  string // "" for success
		is    error
		took  time.Duration
		told  string
	}{
		"nothing to do":                {probe: answers(done), told: "verified"},
		"runs":                         {probe: answers(old, done), runs: 1, told: "stepping verified"},
		"somebody is at work":          {probe: answers(dirty, done), runs: 1, told: "stepping verified"},
		"the probe is away for a bit":  {probe: answers(away, away, old, away, done), runs: 1, took: 6 * time.Second, told: "retrying retrying stepping retrying verified"},
		"the probe is away for long":   {probe: answers(away), want: "nothing was run: let the probe reach", is: away, took: 8 * time.Second, told: "retrying retrying retrying retrying failed"},
		"away after the run":           {probe: answers(old, away), runs: 1, want: "deploy nothing before it is verified", is: away, took: 8 * time.Second, told: "stepping retrying retrying retrying retrying failed"},
		"the run fails":                {probe: answers(old, done), run: broken, runs: 1, want: "exit code 9: deploy nothing that needs it; it is safe to run again", is: broken, told: "stepping failed"},
		"the run changes nothing":      {probe: answers(old), runs: 1, want: "version 1: the work ended, and the probe does not confirm it: look whether", is: migrate.ErrUnverified, told: "stepping failed"},
		"the run leaves it unfinished": {probe: answers(old, dirty), runs: 1, want: "version 2 (dirty)", is: migrate.ErrUnverified, told: "stepping failed"},
		"nothing is handed back":       {probe: answers(migrate.ErrUnknown), runs: 1, want: "handed no state back", is: migrate.ErrUnverified, told: "stepping failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin, runs := time.Now(), 0
				var told []string
				s, err := migrate.OneOff(t.Context(), c.probe, func(context.Context) error {
					runs++
					return c.run
				}, func(o *migrate.OneOffOptions) {
					o.Observe = func(e migrate.Event) { told = append(told, string(e.Kind)) }
				})
				require.Equal(t, c.runs, runs)
				require.Equal(t, c.took, time.Since(begin))
				require.Equal(t, c.told, strings.Join(told, " "))
				if c.want == "" {
					require.NoError(t, err)
					require.Equal(t, done, s)
					return
				}
				require.ErrorIs(t, err, c.is)
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "one-off migration: ")
			})
		})
	}
}

func TestOneOffEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("pipeline cancelled")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, cause)
		defer cancel()
		begin := time.Now()
		_, err := migrate.OneOff(ctx, answers(errors.New("away")), func(context.Context) error { return errors.New("must not run") })
		require.ErrorIs(t, err, cause)
		require.ErrorContains(t, err, "away")
		require.NotContains(t, err.Error(), "must not run")
		require.Equal(t, 3*time.Second, time.Since(begin))
	})
}

// TestOneOffUnderTheLock lets two pipelines and three replicas begin at once:
// what they start takes the same lock, and one of them migrates.
func TestOneOffUnderTheLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migration
		var store migratetest.Memory
		inside := func(ctx context.Context) (*migrate.Result, error) {
			r, err := migrate.New(store.Client(), "app", m.probe, migrate.Func(m.run))
			require.NoError(t, err)
			return r.Run(ctx)
		}
		ended := make(chan error)
		for range 2 {
			go func() {
				probe, report := migrate.ReportedState()
				_, err := migrate.OneOff(t.Context(), probe, func(ctx context.Context) error {
					res, err := inside(ctx)
					if err == nil {
						report(res.State)
					}
					return err
				})
				ended <- err
			}()
		}
		for range 3 {
			go func() {
				_, err := inside(t.Context())
				ended <- err
			}()
		}
		for range 5 {
			require.NoError(t, <-ended)
		}
		require.Equal(t, int32(1), m.begun.Load())
	})
}
