package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
)

// turn is one time of leadership as the work saw it.
type turn struct {
	who        string
	fence      migrate.Fence
	begin, end time.Time
	cause      error
}

// TestTwoLeadersNeverOverlap cuts a leader off from its store at every moment
// of a heartbeat, in every way, over a grid of leases, margins and latencies,
// while another process waits for its turn.
func TestTwoLeadersNeverOverlap(t *testing.T) {
	t.Parallel()
	faults := []migratetest.Fault{migratetest.LostRequest, migratetest.LostAnswer, migratetest.StalledRequest, migratetest.StalledAnswer}
	cases := 0
	for _, lease := range []time.Duration{4 * time.Second, 15 * time.Second} {
		for _, margin := range []time.Duration{time.Nanosecond, lease / 5, lease / 2} {
			for _, latency := range []time.Duration{time.Millisecond, lease / 20, lease / 10} {
				for _, fault := range faults {
					for part := range 8 {
						cases++
						cut := 2*latency + time.Duration(part)*lease/14
						name := fmt.Sprintf("lease %s margin %s latency %s fault %d cut %s", lease, margin, latency, fault, cut)
						synctest.Test(t, func(t *testing.T) { cutOff(t, name, lease, margin, latency, fault, cut) })
					}
				}
			}
		}
	}
	require.Equal(t, 576, cases)
}

func cutOff(t *testing.T, name string, lease, margin, latency time.Duration, fault migratetest.Fault, cut time.Duration) {
	var m migratetest.Memory
	start := time.Now()
	var mu sync.Mutex
	var turns []turn
	lead := func(who string, c *migratetest.Client, work time.Duration) error {
		return migrate.Lead(t.Context(), c, "k", func(ctx context.Context, fence migrate.Fence) error {
			me := turn{who: who, fence: fence, begin: time.Now()}
			timer := time.NewTimer(work)
			defer timer.Stop()
			select {
			case <-ctx.Done():
				me.cause = context.Cause(ctx)
			case <-timer.C:
			}
			me.end = time.Now()
			mu.Lock()
			defer mu.Unlock()
			turns = append(turns, me)
			return nil
		}, func(o *migrate.LeadOptions) { o.Lease, o.Margin, o.Owner, o.Interval = lease, margin, who, lease/100 })
	}
	a, b := m.Client(), m.Client()
	a.Latency, b.Latency = latency, time.Millisecond // the one who waits sees everything sooner
	a.Fault = func(int) migratetest.Fault {
		if time.Since(start) >= cut {
			return fault
		}
		return 0
	}
	var wg sync.WaitGroup
	var errA, errB error
	wg.Go(func() { errA = lead("a", a, time.Hour) })
	wg.Go(func() {
		time.Sleep(latency + time.Microsecond)
		errB = lead("b", b, time.Second)
	})
	wg.Wait()
	require.ErrorIs(t, errA, migrate.ErrLeaseLost, name)
	require.NoError(t, errB, name)
	require.Len(t, turns, 2, name)
	require.ErrorIs(t, turns[0].cause, migrate.ErrLeaseLost, name)
	require.Less(t, turns[0].fence, turns[1].fence, name)
	require.False(t, turns[1].begin.Before(turns[0].end), "%s: a worked until %s, b from %s", name, turns[0].end.Sub(start), turns[1].begin.Sub(start))
	// A release whose request gets through lets b in at once; else b waits for
	// a lease, and for one look more than that.
	require.LessOrEqual(t, turns[1].begin.Sub(start), cut+2*lease+5*latency+3*time.Second, name)
}

// TestLostAnswersCostNothing drops the answer of the k-th call, for all k, and
// the request as well: a healthy leader never loses its lease.
func TestLostAnswersCostNothing(t *testing.T) {
	t.Parallel()
	for _, fault := range []migratetest.Fault{migratetest.LostAnswer, migratetest.LostRequest, migratetest.StalledAnswer, migratetest.StalledRequest} {
		for k := 1; ; k++ {
			calls := 0
			synctest.Test(t, func(t *testing.T) {
				var m migratetest.Memory
				c := m.Client()
				c.Latency = 5 * time.Millisecond
				c.Fault = func(n int) migratetest.Fault {
					if n == k {
						return fault
					}
					return 0
				}
				err := migrate.Lead(t.Context(), c, "k", func(ctx context.Context, fence migrate.Fence) error {
					require.Equal(t, migrate.Fence(1), fence)
					select {
					case <-ctx.Done():
						return context.Cause(ctx)
					case <-time.After(time.Minute):
						return nil
					}
				})
				require.NoError(t, err, "fault %d at call %d", fault, k)
				calls = c.Calls()
			})
			if k > calls {
				require.Greater(t, k, 15)
				break
			}
		}
	}
}

func TestLeadCancelsWhenTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		c := m.Client()
		begin := time.Now()
		err := migrate.Lead(t.Context(), c, "k", func(ctx context.Context, fence migrate.Fence) error {
			// Somebody removes the holder by hand.
			thief := m.Client()
			r, err := thief.Read(ctx, "k")
			require.NoError(t, err)
			_, err = thief.Acquire(ctx, "k", migrate.Claim{Owner: "thief", Lease: time.Minute, Over: r.Version})
			require.NoError(t, err)
			<-ctx.Done()
			return context.Cause(ctx)
		})
		require.ErrorIs(t, err, migrate.ErrLeaseLost)
		require.Equal(t, 15*time.Second/4, time.Since(begin), "it is known at the next heartbeat")
		r, err := c.Read(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, "thief", r.Owner)
	})
}

func TestLeadReturnsWhatTheWorkDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		boom := errors.New("boom")
		c := m.Client()
		require.ErrorIs(t, migrate.Lead(t.Context(), c, "k", func(context.Context, migrate.Fence) error { return boom }), boom)
		require.Equal(t, 2, c.Calls(), "one call to acquire, one to release")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		h, err := c.Acquire(ctx, "k", migrate.Claim{Owner: "x", Lease: time.Hour})
		require.NoError(t, err)
		require.Equal(t, migrate.Fence(2), h.Fence())
		err = migrate.Lead(ctx, c, "k", func(context.Context, migrate.Fence) error { return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, migrate.Lead(t.Context(), c, "k", nil, func(o *migrate.LeadOptions) { o.Margin = time.Hour }), "margin 1h0m0s")
	})
}

// TestABusyStoreIsNotPressed counts the calls to a store that answers nobody
// for ten minutes, and how long it then takes to lead.
func TestABusyStoreIsNotPressed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		begin := time.Now()
		c := m.Client()
		c.Fault = func(int) migratetest.Fault {
			if time.Since(begin) < 10*time.Minute {
				return migratetest.LostRequest
			}
			return 0
		}
		calls := 0
		require.NoError(t, migrate.Lead(t.Context(), c, "k", func(context.Context, migrate.Fence) error {
			calls = c.Calls()
			return nil
		}))
		require.Less(t, calls, 100, "rather than 600")
		require.Less(t, time.Since(begin), 10*time.Minute+15*time.Second+1200*time.Millisecond, "a lease and a look")
	})
}

// slowStart is a store whose first calls open a connection, which takes 900 ms,
// and lose it when they are given up.
type slowStart struct {
	*migratetest.Client
	open bool
}

func (s *slowStart) connect(ctx context.Context) error {
	if s.open {
		return nil
	}
	timer := time.NewTimer(900 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		s.open = true
		return nil
	}
}

func (s *slowStart) Acquire(ctx context.Context, key string, c migrate.Claim) (migrate.Hold, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	return s.Client.Acquire(ctx, key, c)
}

func (s *slowStart) Read(ctx context.Context, key string) (migrate.Record, error) {
	if err := s.connect(ctx); err != nil {
		return migrate.Record{}, err
	}
	return s.Client.Read(ctx, key)
}

// TestAConnectionMayTakeLongerThanAHeartbeat leads on a short lease, of which a
// third is not enough to open a connection.
func TestAConnectionMayTakeLongerThanAHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		err := migrate.Lead(ctx, &slowStart{Client: m.Client()}, "k", func(ctx context.Context, _ migrate.Fence) error {
			require.Equal(t, 900*time.Millisecond, time.Since(begin))
			time.Sleep(10 * time.Second) // renewed meanwhile
			return context.Cause(ctx)
		}, func(o *migrate.LeadOptions) { o.Lease = 1500 * time.Millisecond })
		require.NoError(t, err)
	})
}
