package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// ErrUnknown is returned by a [Probe] if it cannot see the database and
// nothing was reported to it yet: see [ReportedState].
var ErrUnknown = errors.New("where the migrations stand is not known here")

// OneOffOptions change [OneOff]. The zero value is the default.
type OneOffOptions struct {
	// Tries is how often the probe is asked where it fails, Backoff the pause in
	// between. They default to 5 and to 2 s.
	Tries   int
	Backoff time.Duration
	// Observe is called with each event, on the caller's goroutine. Nil for
	// nothing.
	Observe func(Event)
}

// OneOff runs a migration in a place of its own, before anything that needs it
// is deployed, and returns nil when run has and the probe says that the
// database is where it should be. When it is there from the start, run is not
// called. It is called once at most.
//
// run starts, say, an ECS task and waits for it: nil means that the container
// that migrates exited with 0. Inside, the migration runs under the same lock
// as everywhere, through a [Runner] of the same key: a replica that starts in
// the meantime, or a second pipeline, must not run it beside this one. The same
// goes for a one-shot container that the others of a task depend on: that is
// one for every task.
//
// The task definition should be of a family of its own. A revision of the
// service's that a stack registers exists only while the stack's update goes
// well, and an update that needs the migration cannot bring what runs it.
//
// Where only the task can reach the database, take the probe of [ReportedState] and
// let run report the state that the task handed back.
//
// A state that is dirty at the start is no reason to stop: somebody may be at
// work, and the task waits for that under the lock. Errors: run's own,
// [ErrUnverified], or what the probe failed with each time; each says what to
// do next. Safe to repeat.
func OneOff(ctx context.Context, probe Probe, run func(context.Context) error, optFns ...func(*OneOffOptions)) (State, error) {
	var o OneOffOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	o.Tries, o.Backoff = cmp.Or(o.Tries, tries), cmp.Or(o.Backoff, 2*time.Second)
	emit := func(e Event) {
		if o.Observe != nil {
			o.Observe(e)
		}
	}
	onRetry := func(err error) { emit(Event{Kind: kindRetrying, Err: err}) }
	fail := func(s State, err error) (State, error) {
		err = fmt.Errorf("one-off migration: %w", err)
		emit(Event{Kind: kindFailed, Err: err})
		return s, err
	}
	if probe == nil || run == nil {
		return fail(State{}, fmt.Errorf("%w: a probe and a run are needed", ErrProbe))
	}
	s, err := askAgain(ctx, probe, o.Tries, o.Backoff, onRetry)
	switch {
	case errors.Is(err, ErrUnknown):
	case err != nil:
		return fail(s, fmt.Errorf("probe: %w: nothing was run: let the probe reach the database, or let the task hand its state back", err))
	case s.ready():
		emit(Event{Kind: kindVerified, Text: s.String()})
		return s, nil
	}
	emit(Event{Kind: kindStepping, Step: "one-off"})
	if err := run(ctx); err != nil {
		return fail(s, fmt.Errorf("%w: deploy nothing that needs it; it is safe to run again once the cause is mended", err))
	}
	s, err = askAgain(ctx, probe, o.Tries, o.Backoff, onRetry)
	switch {
	case errors.Is(err, ErrUnknown):
		return fail(s, fmt.Errorf("%w: it handed no state back: let the command end with a handback", ErrUnverified))
	case err != nil:
		return fail(s, fmt.Errorf("probe after the run: %w: deploy nothing before it is verified; it is safe to run again", err))
	case !s.ready():
		return fail(s, fmt.Errorf("%s: %w: look whether the task migrates the database that the probe asks, with the image that is to be deployed", s, ErrUnverified))
	}
	emit(Event{Kind: kindVerified, Text: s.String()})
	return s, nil
}

// tries is how often a probe that decides is asked where it fails.
const tries = 5

// askAgain probes, more than once where it fails: a database may be away briefly.
func askAgain(ctx context.Context, probe Probe, tries int, backoff time.Duration, onRetry func(error)) (State, error) {
	for n := 1; ; n++ {
		s, err := probe(ctx)
		if err == nil || n >= tries || errors.Is(err, ErrUnknown) {
			return s, err
		}
		if poll.Sleep(ctx, backoff) != nil {
			return s, fmt.Errorf("%w (%w)", err, poll.Ended(ctx, nil))
		}
		onRetry(err)
	}
}

// ReportedState returns a probe of the state that report was last called with; it returns
// [ErrUnknown] before that: for where the database can be seen from inside alone.
// Both may be used by many goroutines at once.
func ReportedState() (probe Probe, report func(State)) {
	var mu sync.Mutex
	var last *State
	probe = func(context.Context) (State, error) {
		mu.Lock()
		defer mu.Unlock()
		if last == nil {
			return State{}, ErrUnknown
		}
		return *last, nil
	}
	return probe, func(s State) {
		mu.Lock()
		defer mu.Unlock()
		last = &s
	}
}
