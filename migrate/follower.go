package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// probeEach is every how many polls a follower probes without a reason.
const probeEach = 5

// follower waits until the database is ready, or until it may lead.
type follower struct {
	*Runner
	candidate
	failures
	emit func(Event)

	polls int
	state State
	// probeErr is why the last call of the probe failed.
	probeErr error
	// shown is the progress that was last emitted.
	shown string
	// failed is the version of the record that held a failure, since when.
	failed      Version
	failedSince time.Time
}

func (r *Runner) follower(lease LeadOptions, emit func(Event)) *follower {
	onRetry := func(err error) { emit(Event{Kind: kindRetrying, Err: err}) }
	return &follower{
		Runner: r, emit: emit,
		candidate: candidate{store: r.store, key: r.key, opts: lease, onRetry: onRetry},
		failures:  failures{r.key, r.opts.Build, r.opts.Attempts, r.opts.Remember},
	}
}

// wait returns when the database is ready, or with a term.
func (f *follower) wait(ctx context.Context) error {
	for _, err := range poll.Every(ctx, f.candidate.opts.Interval, f.poll, f.retries) {
		if err != nil {
			return err
		}
		if f.state.ready() || f.term != nil {
			return nil
		}
	}
	return nil
}

// waited is the error of a wait that came to nothing: what was waited for, and
// what the probe said last.
func (f *follower) waited(ctx context.Context, d time.Duration, err error) error {
	if ctx.Err() == nil {
		return err
	}
	what := "the probe to confirm it"
	switch {
	case f.candidate.lastErr != nil:
		what = "the store: " + f.candidate.lastErr.Error()
	case f.last.Owner != "":
		what = f.last.Owner
		if doing := parseNote(f.last.Note).String(); doing != "" {
			what += " (" + doing + ")"
		}
	}
	said := f.state.String()
	if f.probeErr != nil {
		said = f.probeErr.Error()
	}
	return fmt.Errorf("waited %s for %s; the probe's last answer: %s: %w", d.Round(100*time.Millisecond), what, said, err)
}

// poll is one round. It ends with a state that is ready, with a term, or with
// neither.
func (f *follower) poll(ctx context.Context) (struct{}, error) {
	var none struct{}
	f.health.tick()
	f.polls++
	if f.polls == 1 {
		if ok, err := f.probeOnce(ctx); !ok || f.state.ready() {
			return none, err
		}
		if err := f.acquire(ctx, Version{}); err != nil || f.term != nil {
			return none, err
		}
		return none, f.judge(ctx, false)
	}
	expired, err := f.read(ctx)
	if err != nil {
		return none, err
	}
	return none, f.judge(ctx, expired)
}

// judge decides on the record that was read last.
func (f *follower) judge(ctx context.Context, expired bool) error {
	if f.last.Epoch == 0 && !expired {
		return nil // nothing was read
	}
	p := parseNote(f.last.Note)
	f.show(p)
	over := p.Outcome == outcomeDone && f.last.Owner == ""
	if over || expired || f.polls%probeEach == 0 {
		if ok, err := f.probeOnce(ctx); !ok || f.state.ready() {
			return err
		}
	}
	if !expired {
		return nil
	}
	if err := f.spent(p, f.state); err != nil {
		f.emit(Event{Kind: kindFailed, Owner: p.Leader, Err: err})
		return err
	}
	if (f.before(p, f.state) > 0 && p.Outcome == outcomeFailed || p.Outcome == outcomeOutage) && !f.rested() {
		return nil
	}
	return f.acquire(ctx, f.watch.seen)
}

// rested reports whether the failure that was read last has been left alone for
// long enough.
func (f *follower) rested() bool {
	if f.last.Version != f.failed {
		f.failed, f.failedSince = f.last.Version, time.Now()
	}
	return time.Since(f.failedSince) >= f.Runner.opts.Backoff
}

// probeOnce refreshes the state. It returns an error only for a probe that
// cannot be made: others are retried.
func (f *follower) probeOnce(ctx context.Context) (bool, error) {
	s, err := f.ask(ctx)
	if ctx.Err() != nil && err != nil {
		if f.probeErr == nil {
			f.probeErr = err
		}
		return false, nil
	}
	f.probeErr = err
	if err == nil {
		f.state = s
		f.health.set(func(h *Health) { h.State = s })
		return true, nil
	}
	if errors.Is(err, ErrProbe) {
		return false, err
	}
	f.onRetry(fmt.Errorf("probe: %w", err))
	return false, nil
}

// show emits the leader's progress, once per change.
func (f *follower) show(p Progress) {
	f.health.set(func(h *Health) { h.Phase, h.Leader, h.Progress = phaseWaiting, f.last.Owner, p })
	if text := p.String(); f.last.Owner != "" && f.last.Owner+text != f.shown {
		f.shown = f.last.Owner + text
		f.emit(Event{Kind: kindWaiting, Owner: f.last.Owner, Fence: f.last.Epoch, Text: text})
	}
	if f.last.Owner == "" && !p.RetryAt.IsZero() && p.RetryAt.String() != f.shown {
		f.shown = p.RetryAt.String()
		f.emit(Event{Kind: kindWaiting, Text: p.String()})
	}
}
