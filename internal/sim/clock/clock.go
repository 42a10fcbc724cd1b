// Package clock is the time of the simulated cloud: one ordered queue of due
// events, settled whenever somebody looks.
//
// There are no timers and no goroutines. Cloud time is a start plus elapsed
// time multiplied by a speed; inside a testing/synctest bubble elapsed time is
// virtual, so hours pass in microseconds.
package clock

import (
	"slices"
	"sync"
	"time"
)

// A Clock runs events in the order of their cloud time. All state of the
// simulated cloud is read and written inside [Clock.Do].
type Clock struct {
	mu    sync.Mutex
	wall  time.Time // wall and cloud are one moment
	cloud time.Time
	speed float64
	at    time.Time // of the event that is running, else zero
	queue []event   // by time, then by order of After
	seq   uint64
}

type event struct {
	at  time.Time
	seq uint64
	fn  func()
}

// New returns a clock that shows start now and runs speed times as fast as
// [time.Now]. A speed of 0 means 1.
func New(start time.Time, speed float64) *Clock {
	if speed == 0 {
		speed = 1
	}
	return &Clock{wall: time.Now(), cloud: start, speed: speed}
}

// Do settles what is due and then runs fn, which may read and write state.
// fn must not sleep and must not call Do.
func (c *Clock) Do(fn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	fn()
}

// Now is the cloud's time; inside an event, the time the event was due. It
// must be called inside Do or an event; others use [Clock.Read].
func (c *Clock) Now() time.Time {
	if !c.at.IsZero() {
		return c.at
	}
	return c.live()
}

func (c *Clock) live() time.Time {
	return c.cloud.Add(time.Duration(float64(time.Since(c.wall)) * c.speed))
}

// Read is the cloud's time, for callers outside Do.
func (c *Clock) Read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live()
}

// Speed is how many times as fast as [time.Now] the clock runs.
func (c *Clock) Speed() float64 { return c.speed }

// After runs fn when d of cloud time has passed, seen from now; events of one
// moment run in the order of their After. It must be called inside Do or an
// event.
func (c *Clock) After(d time.Duration, fn func()) {
	c.seq++
	e := event{at: c.Now().Add(d), seq: c.seq, fn: fn}
	i, _ := slices.BinarySearchFunc(c.queue, e, func(x, e event) int {
		if n := x.at.Compare(e.at); n != 0 {
			return n
		}
		return -1 // equal times: first come, first run
	})
	c.queue = slices.Insert(c.queue, i, e)
}

// Advance moves the clock forward at once and runs everything that falls due
// on the way: history, such as the eight days until an image expires.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	c.cloud = c.cloud.Add(d)
	c.settle()
}

// Next is how long, in cloud time, until the next event is due; ok is false
// when none is.
func (c *Clock) Next() (d time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	if len(c.queue) == 0 {
		return 0, false
	}
	return c.queue[0].at.Sub(c.live()), true
}

// Overdue reports whether an event is left whose time has passed: never, once
// the clock has settled.
func (c *Clock) Overdue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.live()
	c.settle()
	return len(c.queue) > 0 && !c.queue[0].at.After(now)
}

func (c *Clock) settle() {
	for now := c.live(); len(c.queue) > 0 && !c.queue[0].at.After(now); {
		e := c.queue[0]
		c.queue = c.queue[1:]
		c.run(e)
	}
}

// run runs one event. Should it panic, the clock shows the live time again.
func (c *Clock) run(e event) {
	c.at = e.at
	defer func() { c.at = time.Time{} }()
	e.fn()
}
