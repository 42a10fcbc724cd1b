package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// RunOptions change a [Runner]. The zero value is the default.
type RunOptions struct {
	LeadOptions
	// Build names what brings the migrations, such as an image digest or a task
	// definition: failures are remembered per build. Defaults to "".
	Build string
	// Attempts is how often a build may fail, on whatever replica, before all
	// give up at once. Defaults to 2. A leader that was killed counts.
	Attempts int
	// Remember is how long a failure counts, give or take what the clocks of
	// the replicas differ by. Defaults to 10 min.
	Remember time.Duration
	// Backoff is the time between a failure and the next attempt. Defaults to
	// 2 s. After an outage it doubles each time, up to 30 s.
	Backoff time.Duration
	// ProbeTimeout limits one call of the probe. Defaults to 1 min.
	ProbeTimeout time.Duration
	// Outage reports whether an error of the work means that the database, or
	// the way to it, was away: that is no failure of the migration, and is
	// retried until ctx is done. Defaults to errors of connections, of database
	// servers that start, stop or take no connections, and to programs whose
	// last lines say so.
	Outage func(error) bool
	// Drain is how long a leader may go on with the step it is in when ctx has
	// ended. No further step begins. Defaults to none.
	Drain time.Duration
	// Enter, where it is not nil, is called by a new leader before it probes:
	// the place to raise the fence in the database, and to wait for what a dead
	// leader has left running there.
	Enter func(context.Context, Fence) error
}

// Runner brings a database to the state that this process needs, in exactly one
// of all the processes that use the same key at a time.
type Runner struct {
	store  Store
	key    string
	probe  Probe
	steps  []Step
	opts   RunOptions
	health health
}

// New returns a runner, and starts nothing. store, probe and at least one step
// are needed.
func New(store Store, key string, probe Probe, steps []Step, optFns ...func(*RunOptions)) (*Runner, error) {
	r := &Runner{store: store, key: key, probe: probe, steps: steps}
	for _, fn := range optFns {
		if fn != nil {
			fn(&r.opts)
		}
	}
	o := &r.opts
	o.Attempts = cmp.Or(o.Attempts, 2)
	o.Remember = cmp.Or(o.Remember, 10*time.Minute)
	o.Backoff = cmp.Or(o.Backoff, 2*time.Second)
	o.ProbeTimeout = cmp.Or(o.ProbeTimeout, time.Minute)
	if o.Outage == nil {
		o.Outage = isOutage
	}
	_, err := o.settled()
	switch {
	case err != nil:
	case o.Attempts < 0 || min(o.Remember, o.Backoff, o.ProbeTimeout, o.Drain) < 0:
		err = errors.New("a negative option: attempts, remember, back-off, probe time-out and drain are counts and times")
	case store == nil || key == "":
		err = fmt.Errorf("%w: a store and a key are needed", ErrStore)
	case probe == nil:
		err = fmt.Errorf("%w: none was given", ErrProbe)
	default:
		err = checkSteps(steps)
	}
	if err != nil {
		return nil, fmt.Errorf("migration %s: %w", key, err)
	}
	return r, nil
}

// Result is how a run came to its end.
type Result struct {
	// State is what was verified.
	State State `json:"state"`
	// Fence is the epoch of this process, 0 if it did not lead.
	Fence Fence `json:"fence,omitempty"`
	// Steps are those this process ran or found done. Nil if it did not lead.
	Steps []Applied `json:"steps,omitempty"`
	// WaitedSeconds is how long it took until it led or, if it did not, all of
	// it.
	WaitedSeconds float64 `json:"waitedSeconds"`
}

// Run returns nil when the probe has said that the database is where this
// process needs it. Whoever leads runs the steps; the others wait for what the
// probe says, not for the lock, and never take it once there is nothing to do.
// When there is nothing to do at the start, that is one probe and no call to
// the store.
//
// It returns a [*StepError] or [ErrUnverified] if the work failed here, a
// [*FailedError] if it failed elsewhere, [ErrDirty] if the database was left
// unfinished and nobody is at work, [ErrLeaseLost], [ErrStore], [ErrProbe], or
// ctx's error and cause with what was waited for. Other errors of the probe and
// of the store, and outages of the database, are retried until ctx is done: give
// it a deadline.
//
// Safe to repeat, and to call again after any error. Not to be called by two
// goroutines at once.
func (r *Runner) Run(ctx context.Context) (*Result, error) {
	if r == nil || r.store == nil {
		return nil, fmt.Errorf("migration: %w: a Runner is made by New", ErrStore)
	}
	res, err := r.run(ctx)
	r.health.finish(err)
	if err != nil {
		return nil, fmt.Errorf("migration %s: %w", r.key, err)
	}
	return res, nil
}

func (r *Runner) run(ctx context.Context) (*Result, error) {
	lease, err := r.opts.settled()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	emit := serial(r.opts.Observe)
	r.health.begin(lease)
	for outages := 0; ; outages++ {
		res := &Result{}
		f := r.follower(lease, emit)
		if outages > 0 {
			// Another owner: what this process has left running in the database
			// is of an earlier epoch then, like anybody's. And no first claim: the
			// record is read before it is written.
			if f.candidate.opts, err = r.opts.settled(); err != nil {
				return nil, err
			}
			f.polls = 1
		}
		if err := f.wait(ctx); err != nil {
			return nil, f.waited(ctx, time.Since(begin), err)
		}
		res.WaitedSeconds = time.Since(begin).Seconds()
		if f.term == nil {
			emit(Event{Kind: kindVerified, Text: f.state.String()})
			res.State = f.state
			return res, nil
		}
		res.Fence = f.term.hold.Fence()
		err := r.lead(ctx, f, res)
		if err == nil {
			return res, nil
		}
		if _, away := errors.AsType[*outageError](err); !away || ctx.Err() != nil {
			return nil, err
		}
		pause := min(r.opts.Backoff<<min(outages, 10), max(r.opts.Backoff, 30*time.Second))
		emit(Event{Kind: kindRetrying, Fence: res.Fence, Text: "in " + pause.String(), Err: err})
		if serr := r.pause(ctx, pause); serr != nil {
			return nil, fmt.Errorf("%w (last attempt: %w)", serr, err)
		}
	}
}

// pause waits, and keeps /live answering meanwhile.
func (r *Runner) pause(ctx context.Context, d time.Duration) error {
	r.health.set(func(h *Health) { h.Phase = phaseWaiting })
	for ; d > 0; d -= time.Second {
		r.health.tick()
		if err := poll.Sleep(ctx, min(d, time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// errProbeTimeout is why a call of the probe was broken off.
var errProbeTimeout = errors.New("probe timed out")

// ask calls the probe once, within its limit.
func (r *Runner) ask(ctx context.Context) (State, error) {
	call, cancel := context.WithTimeoutCause(ctx, r.opts.ProbeTimeout, errProbeTimeout)
	defer cancel()
	s, err := r.probe(call)
	if err != nil && call.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer within %s: %w", r.opts.ProbeTimeout, err)
	}
	return s, err
}
