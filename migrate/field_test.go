package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
)

// TestProbeIsBounded hangs the probe: it is given up after its limit, is retried
// and is no reason to go on after the deadline or a signal. A leader whose first
// probe hangs gives the key up.
func TestProbeIsBounded(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) (migrate.State, error) {
		<-ctx.Done()
		return migrate.State{}, context.Cause(ctx)
	}
	work := migrate.Func(func(context.Context, migrate.Fence) error { return errors.New("must not run") })
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 5*time.Minute)
		},
		"signal": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(5*time.Minute, cancel)
			return ctx, cancel
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var m migratetest.Memory
			first := true
			probe := func(ctx context.Context) (migrate.State, error) {
				if first { // so that the key is tried for
					first = false
					return migrate.State{Version: "1"}, nil
				}
				return hang(ctx)
			}
			var terms, retries int
			r, err := migrate.New(m.Client(), "k", probe, work, func(o *migrate.RunOptions) {
				o.Drain = time.Hour
				o.Observe = func(e migrate.Event) {
					switch e.Kind {
					case "leading":
						terms++
					case "retrying":
						retries++
						require.ErrorContains(t, e.Err, "no answer within 1m0s")
					}
				}
			})
			require.NoError(t, err)
			ctx, cancel := end(t.Context())
			defer cancel()
			begin := time.Now()
			_, err = r.Run(ctx)
			require.ErrorIs(t, err, ctx.Err(), name)
			require.Equal(t, 5*time.Minute, time.Since(begin), name)
			require.Equal(t, 1, terms, "a leader that cannot see the database gives the key up")
			require.GreaterOrEqual(t, retries, 4, name)
			rec, p, err := migrate.Status(t.Context(), m.Client(), "k")
			require.NoError(t, err)
			require.Empty(t, rec.Owner)
			require.Empty(t, p.Outcome, "nothing was begun, nothing failed")
		})
	}
}

// TestOutageIsNoFailure lets the database go away during the work: no attempt is
// counted, and the work is done once it is back.
func TestOutageIsNoFailure(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]error{
		"refused":         fmt.Errorf("dial: %w", syscall.ECONNREFUSED),
		"broken off":      io.ErrUnexpectedEOF,
		"said by libpq":   &migrate.ExitError{Code: 1, Lines: []string{`psql: error: connection to server at "db" (10.0.0.1), port 5432 failed: Connection refused`}, Err: errors.New("exit status 1")},
		"said by Django":  &migrate.ExitError{Code: 1, Lines: []string{"Traceback", "django.db.utils.OperationalError: server closed the connection unexpectedly"}, Err: errors.New("exit status 1")},
		"said by MySQL":   &migrate.ExitError{Code: 1, Lines: []string{"ERROR 2003 (HY000): Can't connect to MySQL server on 'db' (111)"}, Err: errors.New("exit status 1")},
		"demoted":         &migrate.ExitError{Code: 1, Lines: []string{"ERROR:  cannot execute CREATE TABLE in a read-only transaction"}, Err: errors.New("exit status 1")},
		"said by Node.js": &migrate.ExitError{Code: 1, Lines: []string{"Error: connect ECONNREFUSED 10.0.0.1:5432"}, Err: errors.New("exit status 1")},
	} {
		synctest.Test(t, func(t *testing.T) {
			var m migratetest.Memory
			back := time.Now().Add(2 * time.Minute)
			done := false
			probe := func(context.Context) (migrate.State, error) { return migrate.State{Done: done}, nil }
			r, err := migrate.New(m.Client(), "k", probe, migrate.Func(func(context.Context, migrate.Fence) error {
				if time.Now().Before(back) {
					return away
				}
				done = true
				return nil
			}), func(o *migrate.RunOptions) { o.Build = "b" })
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			_, err = r.Run(ctx)
			require.NoError(t, err, name)
			require.Less(t, time.Since(back), 40*time.Second, name)
			_, p, err := migrate.Status(t.Context(), m.Client(), "k")
			require.NoError(t, err)
			require.Equal(t, []string{"b"}, p.Builds)
		})
	}
	for _, own := range []string{"no migration found for version 2", "relation \"orders\" already exists", "Connection.execute: column missing"} {
		synctest.Test(t, func(t *testing.T) {
			var m migratetest.Memory
			r, err := migrate.New(m.Client(), "k", func(context.Context) (migrate.State, error) { return migrate.State{}, nil }, migrate.Func(func(context.Context, migrate.Fence) error {
				return &migrate.ExitError{Code: 1, Lines: []string{own}, Err: errors.New("exit status 1")}
			}))
			require.NoError(t, err)
			_, err = r.Run(t.Context())
			require.ErrorContains(t, err, own)
			_, p, err := migrate.Status(t.Context(), m.Client(), "k")
			require.NoError(t, err)
			require.Equal(t, "failed", p.Outcome)
			require.Contains(t, p.Error, own, "the tool's own words")
		})
	}
}

// TestForgetClearsAFailure fails until all give up, and clears that.
func TestForgetClearsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		fail := true
		done := false
		run := func() error {
			r, err := migrate.New(m.Client(), "k", func(context.Context) (migrate.State, error) { return migrate.State{Done: done}, nil }, migrate.Func(func(context.Context, migrate.Fence) error {
				if fail {
					return errors.New("column exists")
				}
				done = true
				return nil
			}), func(o *migrate.RunOptions) { o.Build = "b2" })
			require.NoError(t, err)
			_, err = r.Run(t.Context())
			return err
		}
		for range 2 {
			require.ErrorContains(t, run(), "column exists")
		}
		spent, ok := errors.AsType[*migrate.FailedError](run())
		require.True(t, ok)
		_, p, err := migrate.Status(t.Context(), m.Client(), "k")
		require.NoError(t, err)
		require.Equal(t, spent.Until, p.RetryAt, "the record says when it ends")
		require.Contains(t, p.String(), "next attempt not before "+p.RetryAt.UTC().Format(time.RFC3339))
		fail = false
		was, err := migrate.Forget(t.Context(), m.Client(), "k", false)
		require.NoError(t, err)
		require.Equal(t, "failed", was.Outcome)
		require.NoError(t, run())
		// A leader at work is not disturbed.
		h, err := m.Client().Acquire(t.Context(), "k", migrate.Claim{Owner: "a", Lease: time.Hour})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = migrate.Forget(ctx, m.Client(), "k", false)
		held, ok := errors.AsType[*migrate.HeldError](err)
		require.True(t, ok, err)
		require.Equal(t, "a", held.Record.Owner)
		require.NoError(t, h.Release(t.Context(), nil))
		_, err = migrate.Forget(t.Context(), m.Client(), "k", true)
		require.NoError(t, err)
		_, p, err = migrate.Status(t.Context(), m.Client(), "k")
		require.NoError(t, err)
		require.False(t, p.Verified("b2"))
	})
}

// TestTimeOutSaysWhatWasWaitedFor ends a wait by its deadline.
func TestTimeOutSaysWhatWasWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		_, err := m.Client().Acquire(t.Context(), "k", migrate.Claim{Owner: "task/7", Lease: time.Hour})
		require.NoError(t, err)
		waits := func(store migrate.Store, probe migrate.Probe) string {
			r, err := migrate.New(store, "k", probe, migrate.Func(func(context.Context, migrate.Fence) error { return nil }))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			_, err = r.Run(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return err.Error()
		}
		old := func(context.Context) (migrate.State, error) { return migrate.State{Version: "6"}, nil }
		require.Contains(t, waits(m.Client(), old), "waited 30s for task/7")
		require.Contains(t, waits(m.Client(), old), "the probe's last answer: version 6")
		broken := func(context.Context) (migrate.State, error) { return migrate.State{}, errors.New("psql: no route") }
		require.Contains(t, waits(m.Client(), broken), "the probe's last answer: psql: no route")
		require.Contains(t, waits(noStore{}, old), "waited 30s for the store: dial tcp: refused")
	})
}

// noStore cannot be reached.
type noStore struct{}

func (noStore) Read(context.Context, string) (migrate.Record, error) {
	return migrate.Record{}, errors.New("dial tcp: refused")
}

func (noStore) Acquire(context.Context, string, migrate.Claim) (migrate.Hold, error) {
	return nil, errors.New("dial tcp: refused")
}

// TestOlderBuildsAreKnown verifies one build after the other.
func TestOlderBuildsAreKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		for i := range 60 {
			done := false
			r, err := migrate.New(m.Client(), "k", func(context.Context) (migrate.State, error) { return migrate.State{Done: done}, nil }, migrate.Func(func(context.Context, migrate.Fence) error {
				done = true
				return nil
			}), func(o *migrate.RunOptions) { o.Build = fmt.Sprint("v", i) })
			require.NoError(t, err)
			_, err = r.Run(t.Context())
			require.NoError(t, err)
		}
		_, p, err := migrate.Status(t.Context(), m.Client(), "k")
		require.NoError(t, err)
		require.Len(t, p.Builds, 50)
		require.True(t, p.Verified("v59"))
		require.True(t, p.Verified("v10"))
		require.False(t, p.Verified("v9"))
		require.False(t, p.Verified(""))
		require.True(t, strings.HasPrefix(p.String(), "done"))
	})
}
