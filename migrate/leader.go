package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// lead does the work of one term and gives the key up.
func (r *Runner) lead(ctx context.Context, f *follower, res *Result) error {
	t := f.term
	found := parseNote(t.hold.Note())
	pr := &progress{p: found}
	t.onRetry = f.onRetry
	t.note = pr.note
	t.renewed = r.health.tick
	r.health.set(func(h *Health) { h.Phase, h.Fence, h.Leader = phaseLeading, res.Fence, f.candidate.opts.Owner })
	f.emit(Event{Kind: kindLeading, Fence: res.Fence, Owner: f.candidate.opts.Owner})

	work, cancel := draining(ctx, r.opts.Drain)
	defer cancel()
	err := t.do(work, func(work context.Context) error { return r.work(ctx, work, f, pr, found, res) })
	r.close(pr, err, res)
	if end := t.end(ctx, pr.note()); end != nil {
		if err == nil && errors.Is(end, ErrLeaseLost) {
			err = end
		} else {
			f.onRetry(fmt.Errorf("release: %w", end)) // it ends by itself, after a lease
		}
	}
	if err != nil {
		if _, away := errors.AsType[*outageError](err); !away {
			f.emit(Event{Kind: kindFailed, Fence: res.Fence, Err: err})
		}
		return err
	}
	f.emit(Event{Kind: kindVerified, Fence: res.Fence, Text: res.State.String()})
	return nil
}

// close records how the term ended, without what has the shape of a secret:
// every process that waits reads it.
func (r *Runner) close(pr *progress, err error, res *Result) {
	_, spent := errors.AsType[*FailedError](err)
	_, away := errors.AsType[*outageError](err)
	pr.change(func(p *Progress) {
		now := time.Now()
		switch {
		case err == nil:
			*p = Progress{
				Outcome: outcomeDone, Build: r.opts.Build, Builds: with(p.Builds, r.opts.Build), Leader: p.Leader,
				State: res.State, Steps: p.Steps, At: now,
			}
		case spent || p.Outcome != outcomeRunning:
			// Nothing was begun: what was found stays.
		case away:
			p.Outcome, p.Attempt, p.Error, p.At = outcomeOutage, p.Attempt-1, redact.Text(err.Error()), now
		case errors.Is(err, errInterrupted):
			p.Outcome, p.Attempt, p.At = outcomeInterrupted, p.Attempt-1, now
		default:
			p.Outcome, p.Error, p.At = outcomeFailed, redact.Text(err.Error()), now
			p.RetryAt = now.Add(r.opts.Backoff)
			if p.Attempt >= r.opts.Attempts {
				p.RetryAt = now.Add(r.opts.Remember)
			}
		}
	})
}

// errInterrupted means that the run was asked to stop.
var errInterrupted = errors.New("interrupted")

// work is what happens under the lock. ctx says when to stop, work when to drop
// everything.
func (r *Runner) work(ctx, work context.Context, f *follower, pr *progress, found Progress, res *Result) error {
	state, err := r.enter(ctx, work, res.Fence)
	if err != nil {
		return err
	}
	r.health.set(func(h *Health) { h.State = state })
	if state.ready() {
		pr.change(func(p *Progress) { p.Leader = f.candidate.opts.Owner })
		res.State = state
		return nil
	}
	if err := f.spent(found, state); err != nil {
		return err
	}
	if state.Dirty {
		return fmt.Errorf("%s: %w", state, ErrDirty)
	}
	pr.change(func(p *Progress) {
		*p = Progress{
			Outcome: outcomeRunning, Build: r.opts.Build, Builds: p.Builds, Leader: f.candidate.opts.Owner, Attempt: f.before(found, state) + 1,
			State: state, Steps: len(r.steps), At: time.Now(),
		}
	})
	work = context.WithValue(work, reportKey{}, pr)
	for i, s := range r.steps {
		if err := f.term.trusted(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w before step %s: %w", errInterrupted, s.ID, poll.Ended(ctx, nil))
		}
		pr.change(func(p *Progress) { p.Step, p.Index, p.Text = s.ID, i+1, "" })
		r.health.set(func(h *Health) { h.Progress = pr.now() })
		a, err := s.apply(work, res.Fence, f.emit)
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("%w in step %s: %w: %w", errInterrupted, s.ID, poll.Ended(ctx, nil), err)
		}
		if err != nil {
			err = &StepError{ID: s.ID, Before: res.Steps, Err: err}
			if work.Err() == nil && r.opts.Outage(err) {
				return &outageError{err}
			}
			return err
		}
		res.Steps = append(res.Steps, a)
	}
	return r.verify(work, res)
}

// enter raises the fence and probes. Nothing has begun: there is nothing to
// drain, so that both end when the run is asked to stop.
func (r *Runner) enter(ctx, work context.Context, fence Fence) (State, error) {
	now, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
	if r.opts.Enter != nil {
		if err := r.opts.Enter(now, fence); err != nil {
			err = fmt.Errorf("raise the fence to %d: %w", fence, err)
			return State{}, r.nothingBegan(ctx, work, err)
		}
	}
	state, err := r.ask(now)
	if err != nil {
		return state, r.nothingBegan(ctx, work, fmt.Errorf("probe: %w", err))
	}
	return state, nil
}

// nothingBegan tells an error before the work from one of it: what may get
// better is retried.
func (r *Runner) nothingBegan(ctx, work context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", poll.Ended(ctx, nil), err)
	case work.Err() != nil, errors.Is(err, ErrProbe), errors.Is(err, ErrStore), errors.Is(err, ErrLeaseLost):
		return err
	}
	return &outageError{err}
}

// verify probes after the work. The database may be briefly unavailable; the
// lease is kept meanwhile.
func (r *Runner) verify(work context.Context, res *Result) (err error) {
	res.State, err = askAgain(work, r.ask, tries, r.opts.Backoff, func(error) {})
	switch {
	case err != nil && work.Err() == nil && r.opts.Outage(err):
		return &outageError{fmt.Errorf("probe: %w", err)}
	case err != nil:
		return fmt.Errorf("probe: %w", err)
	case !res.State.ready():
		return fmt.Errorf("%s: %w", res.State, ErrUnverified)
	}
	r.health.set(func(h *Health) { h.State = res.State })
	return nil
}

// apply runs one step, unless it is done.
func (s Step) apply(ctx context.Context, fence Fence, emit func(Event)) (Applied, error) {
	begin := time.Now()
	if s.Done != nil {
		done, err := s.Done(ctx)
		if err != nil {
			return Applied{}, fmt.Errorf("read whether it is done: %w", err)
		}
		if done {
			emit(Event{Kind: kindStepping, Fence: fence, Step: s.ID, Text: "was done"})
			return Applied{ID: s.ID, Found: true}, nil
		}
	}
	emit(Event{Kind: kindStepping, Fence: fence, Step: s.ID})
	err := s.Run(ctx, fence)
	return Applied{ID: s.ID, TookSeconds: time.Since(begin).Seconds()}, err
}
