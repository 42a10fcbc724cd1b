package migrate

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// ErrLeaseLost is the cause with which the context of the work is cancelled
// when leadership cannot be trusted any longer: another one has taken over, or
// may do so soon because no renewal came through.
var ErrLeaseLost = errors.New("lease lost")

// LeadOptions say how leadership is held, by [Lead] and by a [Runner]. The zero value is
// the default.
type LeadOptions struct {
	// Owner names this process to people, best the task's ARN. Defaults to
	// "anonymous". Each call adds a random suffix of its own.
	Owner string
	// Lease is how long a leader that vanished blocks the others. Defaults to
	// 15 s; at least 10 ms.
	Lease time.Duration
	// Margin is how long before the end of its lease a leader stops trusting
	// it. It covers the time that the work needs to notice, and clocks that run
	// at different rates. Defaults to a fifth of the lease; at most half.
	Margin time.Duration
	// Heartbeat is the time between renewals. Defaults to a quarter of the
	// lease; at most a third.
	Heartbeat time.Duration
	// Interval is the time between polls of one who waits, give or take 15 %.
	// Defaults to 1 s.
	Interval time.Duration
	// Observe is called with each event, by one goroutine at a time: those of [Lead]
	// are calls to the store that failed and are retried. Nil for nothing.
	Observe func(Event)
}

// settled fills in the defaults and refuses what cannot work.
func (o LeadOptions) settled() (LeadOptions, error) {
	o.Lease = cmp.Or(o.Lease, 15*time.Second)
	o.Margin = cmp.Or(o.Margin, o.Lease/5)
	o.Heartbeat = cmp.Or(o.Heartbeat, o.Lease/4)
	o.Interval = cmp.Or(o.Interval, time.Second)
	o.Owner = cmp.Or(o.Owner, "anonymous") + "#" + rand.Text()[:10]
	switch {
	case o.Lease < 10*time.Millisecond:
		return o, fmt.Errorf("lease %s is shorter than 10ms", o.Lease)
	case o.Margin < 0 || o.Margin > o.Lease/2:
		return o, fmt.Errorf("margin %s is not between 0 and half the lease of %s", o.Margin, o.Lease)
	case o.Heartbeat < 0 || o.Heartbeat > o.Lease/3:
		return o, fmt.Errorf("heartbeat %s is not between 0 and a third of the lease of %s", o.Heartbeat, o.Lease)
	case o.Interval < 0:
		return o, fmt.Errorf("interval %s is negative", o.Interval)
	}
	return o, nil
}

// trust is how long after a request was sent its success can be relied on. The
// store may have got the request at once, and another one may have read the
// record at once: it will not take over before a whole lease has passed.
func (o LeadOptions) trust() time.Duration { return o.Lease - o.Margin }

// perCall bounds one call of a leader, so that several fit into a lease.
func (o LeadOptions) perCall() time.Duration { return o.Lease / 3 }

// perLook bounds one call of who does not lead. No lease is lost over it, and a
// connection that has to be opened first may need longer than a third of a short
// one: a call that is given up costs the connection, and the next one begins
// with another.
func (o LeadOptions) perLook() time.Duration { return max(o.perCall(), 2*time.Second) }

// perClaim bounds one acquisition. Later than that it is worth nothing.
func (o LeadOptions) perClaim() time.Duration { return min(o.perLook(), o.trust()) }

// watch counts how long a record has not changed, on the local clock.
type watch struct {
	seen  Version
	since time.Time
}

// expired reports whether r may be taken over: it is free, its holder is dead, or
// it was seen unchanged for its holder's lease. at is when the answer with r
// had arrived: a renewal that was on its way when r was asked for may be in it.
func (w *watch) expired(r Record, at time.Time) bool {
	if r.Version != w.seen || w.since.IsZero() {
		w.seen, w.since = r.Version, at
	}
	return r.Owner == "" || r.Dead || at.Sub(w.since) >= r.Lease
}
