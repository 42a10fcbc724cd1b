package migrate

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// ErrStore is returned by [Lead] and [Runner.Run], at once, if the store cannot
// be used and waiting does not cure that: a table that does not exist, a file
// system that is read-only, or a connection pooler between a session lock and
// its database. A [Store] wraps it.
var ErrStore = errors.New("store is not usable")

// Kind says what an [Event] is about. It is one of
//   - "waiting": another process leads. Text is its progress;
//   - "leading": this process leads now;
//   - "stepping": a step begins, or Text says that it was done already;
//   - "retrying": Err is retried;
//   - "failed": Err is how the work ended, here or, as recorded, elsewhere;
//   - "verified": the probe says that it is done.
type Kind string

const (
	kindWaiting  Kind = "waiting"
	kindLeading  Kind = "leading"
	kindStepping Kind = "stepping"
	kindRetrying Kind = "retrying"
	kindFailed   Kind = "failed"
	kindVerified Kind = "verified"
)

// Event is something that happened on the way. Only Kind is always set.
type Event struct {
	Kind  Kind
	Owner string
	Fence Fence
	Step  string
	Text  string
	Err   error
}

// String is one line for a log.
func (e Event) String() string {
	s := string(e.Kind)
	if e.Fence != 0 {
		s += fmt.Sprintf(" epoch %d", e.Fence)
	}
	for _, part := range []string{e.Owner, e.Step, e.Text} {
		if part != "" {
			s += " " + part
		}
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// LogValue is the event for [log/slog].
func (e Event) LogValue() slog.Value { return slog.StringValue(e.String()) }

// serial keeps two goroutines from observing at once.
func serial(observe func(Event)) func(Event) {
	var mu sync.Mutex
	return func(e Event) {
		if observe == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		observe(e)
	}
}
