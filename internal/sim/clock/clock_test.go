package clock_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/clock"
)

var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestEventsRunInOrderAtTheirTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(start, 1)
		var log []string
		note := func(s string) func() {
			return func() { log = append(log, c.Now().Sub(start).String()+" "+s) }
		}
		c.Do(func() {
			c.After(2*time.Minute, note("late"))
			c.After(time.Minute, note("first"))
			c.After(time.Minute, note("second"))
			c.After(time.Minute, func() { c.After(30*time.Second, note("from an event")) })
		})
		time.Sleep(time.Hour)
		require.Empty(t, log, "nothing happens while nobody looks")
		c.Do(func() {})
		require.Equal(t, []string{"1m0s first", "1m0s second", "1m30s from an event", "2m0s late"}, log)
	})
}

func TestAdvanceMakesHistoryAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		c := clock.New(start, 1)
		days := 0
		var daily func()
		daily = func() { days++; c.After(24*time.Hour, daily) }
		c.Do(daily)
		c.Advance(8 * 24 * time.Hour)
		require.Equal(t, 9, days)
		require.Equal(t, start.AddDate(0, 0, 8), c.Read())
		require.Equal(t, begin, time.Now())
		next, ok := c.Next()
		require.True(t, ok)
		require.Equal(t, 24*time.Hour, next)
	})
}

func TestSpeedScalesTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(start, 60)
		time.Sleep(time.Minute)
		require.Equal(t, time.Hour, c.Read().Sub(start))
		require.InDelta(t, 60, clock.New(start, 60).Speed(), 0)
		require.InDelta(t, 1, clock.New(start, 0).Speed(), 0)
		_, ok := c.Next()
		require.False(t, ok)
	})
}

func TestManyCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(start, 1)
		n := 0
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 20 {
					time.Sleep(time.Second)
					c.Do(func() { c.After(time.Millisecond, func() { n++ }) })
				}
			})
		}
		wg.Wait()
		c.Advance(time.Minute)
		require.Equal(t, 1000, n)
	})
}

// A panic in an event leaves the clock usable, at the live time.
func TestPanickingEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(start, 1)
		ran := false
		c.Do(func() {
			c.After(time.Minute, func() { panic("broken") })
			c.After(2*time.Minute, func() { ran = true })
		})
		require.PanicsWithValue(t, "broken", func() { c.Advance(time.Hour) })
		c.Do(func() {
			require.True(t, ran)
			require.Equal(t, start.Add(time.Hour), c.Now())
		})
	})
}
