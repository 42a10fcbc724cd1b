package migrate

import (
	"context"
	"time"
)

// probeEach is every how many looks a follower probes without a reason.
const probeEach = 5

// follower waits for the truth, and for the moment to lead.
type follower struct {
	*Runner
	candidate
	failures
	tell func(Event)

	looks int
	state State
	// shown is the progress that was last told.
	shown string
	// failed is the version of the record that held a failure, since when.
	failed      Version
	failedSince time.Time
}

// look is one round. It ends with a state that is ready, with a term, or with
// neither.
func (f *follower) look(ctx context.Context) (struct{}, error) {
	var none struct{}
	f.board.tick()
	f.looks++
	if f.looks == 1 {
		if !f.probeOnce(ctx) {
			return none, nil
		}
		if f.state.ready() {
			return none, nil
		}
		if err := f.acquire(ctx, Version{}); err != nil || f.term != nil {
			return none, err
		}
		return none, f.judge(ctx, false)
	}
	ripe, err := f.read(ctx)
	if err != nil {
		return none, err
	}
	return none, f.judge(ctx, ripe)
}

// judge decides on the record that was read last.
func (f *follower) judge(ctx context.Context, ripe bool) error {
	if f.last.Epoch == 0 && !ripe {
		return nil // nothing was read
	}
	p := ParseNote(f.last.Note)
	f.show(p)
	over := p.Outcome == Done && f.last.Owner == ""
	if over || ripe || f.looks%probeEach == 0 {
		if !f.probeOnce(ctx) || f.state.ready() {
			return nil
		}
	}
	if !ripe {
		return nil
	}
	if err := f.spent(p, f.state); err != nil {
		f.tell(Event{Kind: Failed, Owner: p.Leader, Err: err})
		return err
	}
	if f.before(p, f.state) > 0 && p.Outcome == Broken && !f.rested() {
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

// probeOnce refreshes the state. Errors are told and ridden out.
func (f *follower) probeOnce(ctx context.Context) bool {
	s, err := f.probe(ctx)
	if err != nil {
		f.told(err)
		return false
	}
	f.state = s
	f.board.set(func(b *Health) { b.State = s })
	return true
}

// show tells of the leader's progress, once per change.
func (f *follower) show(p Progress) {
	f.board.set(func(b *Health) { b.Phase, b.Leader, b.Progress = PhaseWaiting, f.last.Owner, p })
	if text := p.String(); f.last.Owner != "" && f.last.Owner+text != f.shown {
		f.shown = f.last.Owner + text
		f.tell(Event{Kind: Waiting, Owner: f.last.Owner, Fence: f.last.Epoch, Text: text})
	}
}
