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
	LeaseOptions
	// Build names what brings the migrations, such as an image digest or a task
	// definition: failures are remembered per build. Defaults to "".
	Build string
	// Attempts is how often a build may fail, on whatever replica, before all
	// give up at once. Defaults to 2. A leader that was killed counts.
	Attempts int
	// Remember is how long a failure counts, give or take what the clocks of
	// the replicas differ by. Defaults to 10 min.
	Remember time.Duration
	// Backoff is how long a failure is left alone before the next attempt.
	// Defaults to 2 s.
	Backoff time.Duration
	// Drain is how long a leader may go on with the step it is in when ctx has
	// ended. No further step begins. Defaults to none.
	Drain time.Duration
	// Enter, where it is not nil, is called by a new leader before it probes:
	// the place to raise the fence in the database, and to wait for what a dead
	// leader has left running there.
	Enter func(context.Context, Fence) error
	// Observe hears what happens. It is not called by two goroutines at once.
	// Nil for nothing.
	Observe func(Event)
}

// Runner brings a database to the state that this process needs, in exactly one
// of all the processes that use the same key at a time.
type Runner struct {
	store Store
	key   string
	probe Probe
	steps []Step
	opts  RunOptions
	board board
}

// New returns a runner, and starts nothing. store, probe and at least one step
// are needed.
func New(store Store, key string, probe Probe, steps []Step, optFns ...func(*RunOptions)) (*Runner, error) {
	r := &Runner{store: store, key: key, probe: probe, steps: steps}
	for _, fn := range optFns {
		fn(&r.opts)
	}
	o := &r.opts
	o.Attempts = cmp.Or(o.Attempts, 2)
	o.Remember = cmp.Or(o.Remember, 10*time.Minute)
	o.Backoff = cmp.Or(o.Backoff, 2*time.Second)
	_, err := o.settled()
	switch {
	case err != nil:
	case store == nil || probe == nil || key == "":
		err = errors.New("store, key and probe are needed")
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
	// Waited is how long it took until it led or, if it did not, all of it.
	Waited time.Duration `json:"waited"`
}

// Run returns nil when the probe has said that the database is where this
// process needs it. Whoever leads does the steps; the others wait for what the
// probe says, not for the lock, and never take it once there is nothing to do.
// When there is nothing to do at the start, that is one probe and no call to
// the store.
//
// Errors: a [*StepError] or [ErrUnverified] here; a [*FailedError] for what
// went wrong elsewhere; [ErrDirty]; [ErrLeaseLost]; [ErrStore]; or ctx's error
// and cause. Errors of the probe while waiting, and of the store, are told to
// Observe and ridden out until ctx ends: give it a deadline.
//
// Safe to repeat, and to call again after any error. Not to be called by two
// goroutines at once.
func (r *Runner) Run(ctx context.Context) (*Result, error) {
	res, err := r.run(ctx)
	r.board.finish(err)
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
	tell := serial(r.opts.Observe)
	told := func(err error) { tell(Event{Kind: Retrying, Err: err}) }
	r.board.begin(lease)
	f := &follower{
		Runner: r, tell: tell,
		candidate: candidate{store: r.store, key: r.key, opts: lease, told: told},
		failures:  failures{r.key, r.opts.Build, r.opts.Attempts, r.opts.Remember},
	}
	for _, err := range poll.Every(ctx, lease.Every, f.look, f.riding) {
		if err != nil {
			return nil, err
		}
		if f.state.ready() {
			tell(Event{Kind: Verified, Text: f.state.String()})
			return &Result{State: f.state, Waited: time.Since(begin)}, nil
		}
		if f.term != nil {
			break
		}
	}
	res := &Result{Fence: f.term.hold.Fence(), Waited: time.Since(begin)}
	if err := r.lead(ctx, f, res); err != nil {
		return nil, err
	}
	return res, nil
}
