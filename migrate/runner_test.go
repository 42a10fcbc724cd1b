package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
)

// database is what the replicas migrate: steps take virtual time and fail when
// two are at it.
type database struct {
	mu     sync.Mutex
	state  migrate.State
	active int
	ran    []string
	probes int
	doneAt time.Time
	fail   error
}

func (d *database) probe(ctx context.Context) (migrate.State, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.probes++
	return d.state, ctx.Err()
}

// step is one step of the work, the last one makes it done.
func (d *database) step(id string, took time.Duration, last bool) migrate.Step {
	return migrate.Step{ID: id, Run: func(ctx context.Context, fence migrate.Fence) error {
		d.mu.Lock()
		d.active++
		overlap := d.active > 1
		d.ran = append(d.ran, fmt.Sprintf("%s@%d", id, fence))
		d.mu.Unlock()
		migrate.ReportProgress(ctx, "half")
		err := wait(ctx, took)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.active--
		switch {
		case overlap:
			return errors.New("overlap")
		case err != nil:
			return err
		case d.fail != nil:
			return d.fail
		}
		d.state.Version = id
		if last {
			d.state.Done, d.doneAt = true, time.Now()
		}
		return nil
	}}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// start runs a replica and tells how it ended.
func start(ctx context.Context, t *testing.T, store migrate.Store, d *database, steps []migrate.Step, optFns ...func(*migrate.RunOptions)) func() (*migrate.Result, time.Time, error) {
	r, err := migrate.New(store, "k", d.probe, steps, optFns...)
	require.NoError(t, err)
	var res *migrate.Result
	var at time.Time
	done := make(chan struct{})
	go func() {
		defer close(done)
		res, err = r.Run(ctx)
		at = time.Now()
	}()
	return func() (*migrate.Result, time.Time, error) {
		<-done
		return res, at, err
	}
}

func TestNothingToDoIsOneProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		c := m.Client()
		d := &database{state: migrate.State{Version: "9", Done: true}}
		res, _, err := start(t.Context(), t, c, d, []migrate.Step{d.step("a", time.Second, true)})()
		require.NoError(t, err)
		require.Equal(t, &migrate.Result{State: d.state}, res)
		require.Equal(t, 1, d.probes)
		require.Zero(t, c.Calls())
	})
}

func TestTwentyFollowersWaitForTheTruth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		d := &database{}
		steps := []migrate.Step{d.step("a", 3*time.Minute, false), d.step("b", 2*time.Minute, true)}
		var ends []func() (*migrate.Result, time.Time, error)
		for range 21 {
			ends = append(ends, start(t.Context(), t, m.Client(), d, steps))
		}
		led := 0
		for _, end := range ends {
			res, at, err := end()
			require.NoError(t, err)
			require.True(t, res.State.Done)
			if res.Fence != 0 {
				led++
				require.Len(t, res.Steps, 2)
				require.InDelta(t, 180, res.Steps[0].TookSeconds, 1e-6)
			}
			require.LessOrEqual(t, at.Sub(d.doneAt), 1210*time.Millisecond, "a look and its jitter")
		}
		require.Equal(t, 1, led)
		require.Equal(t, []string{"a@1", "b@1"}, d.ran)
		r, p, err := migrate.Status(t.Context(), m.Client(), "k")
		require.NoError(t, err)
		require.Equal(t, migrate.Fence(1), r.Epoch, "the lock was taken once")
		require.Equal(t, "done", p.Outcome)
		require.Equal(t, "b", p.State.Version)
	})
}

// TestTakeover kills a leader, as far as the store can tell, in its first step.
func TestTakeover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		d := &database{}
		steps := []migrate.Step{d.step("a", time.Minute, false), d.step("b", time.Minute, true)}
		begin := time.Now()
		cut := m.Client()
		cut.Fault = func(int) migratetest.Fault {
			if time.Since(begin) > 30*time.Second {
				return migratetest.StalledRequest
			}
			return 0
		}
		first := start(t.Context(), t, cut, d, steps)
		synctest.Wait()
		var log strings.Builder
		second := start(t.Context(), t, m.Client(), d, steps, func(o *migrate.RunOptions) {
			o.Observe = func(e migrate.Event) {
				e.Owner = ""
				fmt.Fprintf(&log, "%s\n", e)
			}
		})
		_, at, err := first()
		require.ErrorIs(t, err, migrate.ErrLeaseLost)
		require.Less(t, at.Sub(begin), 60*time.Second)
		res, _, err := second()
		require.NoError(t, err)
		require.Equal(t, migrate.Fence(2), res.Fence)
		require.Less(t, res.WaitedSeconds, 47.4, "seen within a look, unchanged for a lease, noticed within a look")
		require.Equal(t, []string{"a@1", "a@2", "b@2"}, d.ran)
		require.Equal(t, `waiting epoch 1
waiting epoch 1 running step 1/2 a: half
leading epoch 2
stepping epoch 2 a
stepping epoch 2 b
verified epoch 2 version b
`, log.String())
	})
}

func TestFailureIsRememberedByAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		d := &database{fail: errors.New("column exists")}
		steps := []migrate.Step{d.step("a", time.Second, true)}
		build := func(b string) func(*migrate.RunOptions) { return func(o *migrate.RunOptions) { o.Build = b } }
		var ends []func() (*migrate.Result, time.Time, error)
		for range 10 {
			ends = append(ends, start(t.Context(), t, m.Client(), d, steps, build("v1")))
		}
		failed, told := 0, 0
		for _, end := range ends {
			_, _, err := end()
			require.ErrorContains(t, err, "column exists")
			if _, ok := errors.AsType[*migrate.StepError](err); ok {
				failed++
			} else if e, ok := errors.AsType[*migrate.FailedError](err); ok {
				told++
				require.Equal(t, 2, e.Last.Attempt)
			}
		}
		require.Equal(t, []int{2, 8}, []int{failed, told})
		require.Len(t, d.ran, 2)
		// A replica that ECS starts in place of one that gave up does not try.
		_, _, err := start(t.Context(), t, m.Client(), d, steps, build("v1"))()
		require.ErrorContains(t, err, "not tried again before")
		require.Len(t, d.ran, 2)
		// Another build does; and so does the same one when somebody has changed
		// the database.
		d.fail = nil
		res, _, err := start(t.Context(), t, m.Client(), d, steps, build("v2"))()
		require.NoError(t, err)
		require.NotZero(t, res.Fence)
	})
}

func TestFailureIsForgotten(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*database){
		"with time":      func(*database) { time.Sleep(11 * time.Minute) },
		"with the state": func(d *database) { d.state.Version = "by hand" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var m migratetest.Memory
				d := &database{fail: errors.New("no")}
				steps := []migrate.Step{d.step("a", time.Second, true)}
				for range 3 {
					_, _, err := start(t.Context(), t, m.Client(), d, steps)()
					require.Error(t, err)
				}
				require.Len(t, d.ran, 2)
				change(d)
				d.fail = nil
				_, _, err := start(t.Context(), t, m.Client(), d, steps)()
				require.NoError(t, err)
			})
		})
	}
}

func TestStopHandsOverAtAStepBoundary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		d := &database{}
		steps := []migrate.Step{d.step("a", 10*time.Second, false), d.step("b", time.Minute, true)}
		steps[0].Done = func(context.Context) (bool, error) { return d.state.Version == "a", nil }
		ctx, stop := context.WithCancel(t.Context())
		first := start(ctx, t, m.Client(), d, steps, func(o *migrate.RunOptions) { o.Drain = 20 * time.Second })
		synctest.Wait()
		second := start(t.Context(), t, m.Client(), d, steps)
		time.Sleep(5 * time.Second)
		stop()
		_, at, err := first()
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "interrupted before step b")
		res, _, err := second()
		require.NoError(t, err)
		require.Equal(t, []string{"a@1", "b@2"}, d.ran)
		require.True(t, res.Steps[0].Found)
		require.Less(t, d.doneAt.Sub(at), time.Minute+1200*time.Millisecond, "not a lease")
	})
}

func TestStopEndsTheStepAfterDraining(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		d := &database{}
		ctx, stop := context.WithCancel(t.Context())
		end := start(ctx, t, m.Client(), d, []migrate.Step{d.step("a", time.Hour, true)}, func(o *migrate.RunOptions) { o.Drain = 20 * time.Second })
		synctest.Wait()
		stop()
		begin := time.Now()
		_, at, err := end()
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 20*time.Second, at.Sub(begin))
		r, p, err := migrate.Status(t.Context(), m.Client(), "k")
		require.NoError(t, err)
		require.Empty(t, r.Owner)
		require.Equal(t, "interrupted", p.Outcome)
		require.Zero(t, p.Attempt, "it is no failure of the migration")
	})
}

func TestDirtyAndUnverified(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		d := &database{state: migrate.State{Version: "7", Dirty: true}}
		_, _, err := start(t.Context(), t, m.Client(), d, []migrate.Step{d.step("a", time.Second, true)})()
		require.ErrorIs(t, err, migrate.ErrDirty)
		require.Empty(t, d.ran)
		d.state.Dirty = false
		_, _, err = start(t.Context(), t, m.Client(), d, []migrate.Step{d.step("a", time.Second, false)})()
		require.ErrorIs(t, err, migrate.ErrUnverified)
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	var m migratetest.Memory
	probe := (&database{}).probe
	run := func(context.Context, migrate.Fence) error { return nil }
	for want, steps := range map[string][]migrate.Step{
		"no steps":                nil,
		"has no ID":               {{Run: run}},
		"two steps have the ID a": {{ID: "a", Run: run}, {ID: "a", Run: run}},
		"nothing to run":          {{ID: "a"}},
	} {
		_, err := migrate.New(m.Client(), "k", probe, steps)
		require.ErrorContains(t, err, want)
	}
	_, err := migrate.New(nil, "k", probe, migrate.Func(run))
	require.ErrorContains(t, err, "are needed")
}
