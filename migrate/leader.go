package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// lead does the work of one term and gives the key up.
func (r *Runner) lead(ctx context.Context, f *follower, res *Result) error {
	t := f.term
	found := ParseNote(t.hold.Note())
	d := &desk{p: found}
	t.told = f.told
	t.note = d.note
	t.renewed = r.board.tick
	r.board.set(func(h *Health) { h.Phase, h.Fence, h.Leader = PhaseLeading, res.Fence, f.candidate.opts.Owner })
	f.tell(Event{Kind: Leading, Fence: res.Fence, Owner: f.candidate.opts.Owner})

	work, cancel := draining(ctx, r.opts.Drain)
	defer cancel()
	err := t.do(work, func(work context.Context) error { return r.work(ctx, work, f, d, found, res) })
	r.close(d, err, res)
	if end := t.end(ctx, d.note()); end != nil {
		if err == nil && errors.Is(end, ErrLeaseLost) {
			err = end
		} else {
			f.told(fmt.Errorf("release: %w", end)) // it ends by itself, after a lease
		}
	}
	if err != nil {
		f.tell(Event{Kind: Failed, Fence: res.Fence, Err: err})
		return err
	}
	f.tell(Event{Kind: Verified, Fence: res.Fence, Text: res.State.String()})
	return nil
}

// close writes down how the term ended.
func (r *Runner) close(d *desk, err error, res *Result) {
	failed, spent := err, (*FailedError)(nil)
	d.change(func(p *Progress) {
		switch {
		case failed == nil:
			*p = Progress{Outcome: Done, Build: r.opts.Build, Leader: p.Leader, State: res.State, Steps: p.Steps, At: time.Now()}
		case errors.As(failed, &spent) || p.Outcome != Running:
			// Nothing was begun: what was found stays.
		case errors.Is(failed, errInterrupted):
			p.Outcome, p.Attempt, p.At = Interrupted, p.Attempt-1, time.Now()
		default:
			p.Outcome, p.Error, p.At = Broken, failed.Error(), time.Now()
		}
	})
}

// errInterrupted is a run that was told to stop.
var errInterrupted = errors.New("interrupted")

// work is what happens under the lock. ctx tells when to stop, work when to
// drop everything.
func (r *Runner) work(ctx, work context.Context, f *follower, d *desk, found Progress, res *Result) error {
	if r.opts.Enter != nil {
		if err := r.opts.Enter(work, res.Fence); err != nil {
			return fmt.Errorf("raise the fence to %d: %w", res.Fence, err)
		}
	}
	state, err := r.probe(work)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	r.board.set(func(h *Health) { h.State = state })
	if state.ready() {
		d.change(func(p *Progress) { p.Leader = f.candidate.opts.Owner })
		res.State = state
		return nil
	}
	if err := f.spent(found, state); err != nil {
		return err
	}
	if state.Dirty {
		return fmt.Errorf("%s: %w", state, ErrDirty)
	}
	d.change(func(p *Progress) {
		*p = Progress{
			Outcome: Running, Build: r.opts.Build, Leader: f.candidate.opts.Owner, Attempt: f.before(found, state) + 1,
			State: state, Steps: len(r.steps), At: time.Now(),
		}
	})
	work = context.WithValue(work, reportKey{}, d)
	for i, s := range r.steps {
		if err := f.term.trusted(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w before step %s: %w", errInterrupted, s.ID, poll.Ended(ctx, nil))
		}
		d.change(func(p *Progress) { p.Step, p.Index, p.Text = s.ID, i+1, "" })
		r.board.set(func(h *Health) { h.Progress = d.now() })
		a, err := s.apply(work, res.Fence, f.tell)
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("%w in step %s: %w: %w", errInterrupted, s.ID, poll.Ended(ctx, nil), err)
		}
		if err != nil {
			return &StepError{ID: s.ID, Before: res.Steps, Err: err}
		}
		res.Steps = append(res.Steps, a)
	}
	return r.verify(work, res)
}

// verify probes after the work. The database may be briefly unavailable; the
// lease is kept meanwhile.
func (r *Runner) verify(work context.Context, res *Result) (err error) {
	res.State, err = look(work, r.probe, tries, r.opts.Backoff, func(error) {})
	switch {
	case err != nil:
		return fmt.Errorf("probe: %w", err)
	case !res.State.ready():
		return fmt.Errorf("%s: %w", res.State, ErrUnverified)
	}
	r.board.set(func(h *Health) { h.State = res.State })
	return nil
}

// apply runs one step, unless it is done.
func (s Step) apply(ctx context.Context, fence Fence, tell func(Event)) (Applied, error) {
	begin := time.Now()
	if s.Done != nil {
		done, err := s.Done(ctx)
		if err != nil {
			return Applied{}, fmt.Errorf("is it done: %w", err)
		}
		if done {
			tell(Event{Kind: Stepping, Fence: fence, Step: s.ID, Text: "was done"})
			return Applied{ID: s.ID, Found: true}, nil
		}
	}
	tell(Event{Kind: Stepping, Fence: fence, Step: s.ID})
	err := s.Run(ctx, fence)
	return Applied{ID: s.ID, Took: time.Since(begin)}, err
}
