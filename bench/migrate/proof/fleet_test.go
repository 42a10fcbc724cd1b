package proof

import (
	"context"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
)

// recorded is I4. Who reports that it led to the end has recorded so, unless
// its release was not answered. Nobody works after that, and the record says
// done for ever, with the newest epoch that anybody led.
func (r *run) recorded(broken func(string, ...any)) {
	if r.order.Mode != ours {
		return
	}
	var first, best heard
	unsure := map[int64]bool{}
	for _, h := range r.log.events() {
		switch {
		case h.Kind == verified && h.Fence > 0:
			if first.Fence == 0 || h.Fence < first.Fence {
				first = h
			}
			if h.Fence > best.Fence {
				best = h
			}
		case h.Kind == unanswered && h.Text == "release":
			unsure[h.Fence] = true
		}
	}
	for i, s := range r.seen {
		if i > 0 && r.seen[i-1].p.Outcome == "done" && s.p.Outcome != "done" {
			broken("%s (epoch %d) came after done (epoch %d)", s.p.Outcome, s.rec.Epoch, r.seen[i-1].rec.Epoch)
		}
	}
	if best.Fence == 0 {
		return // the last leader was killed, or cut off at the very end
	}
	var top int64
	for _, h := range r.log.events() {
		top = max(top, h.Fence)
		if h.Kind == stepping && h.Fence > first.Fence {
			broken("%s worked at epoch %d after epoch %d was done", h.by.Name, h.Fence, first.Fence)
		}
	}
	rec, p, err := migrate.Status(r.t.Context(), r.store, r.order.Key)
	require.NoError(r.t, err)
	if unsure[best.Fence] {
		return
	}
	if p.Outcome != "done" || int64(rec.Epoch) < top || !strings.HasPrefix(p.Leader, "r") {
		broken("the record of epoch %d says %s, and epoch %d was led to the end, %d was the newest", rec.Epoch, p, best.Fence, top)
	}
	if int64(rec.Epoch) > top && !r.acquiredUnseen("") {
		broken("the record's epoch is %d, and %d was the newest that led", rec.Epoch, top)
	}
}

// acquiredUnseen reports whether an owner, or any where it is "", may have
// acquired or kept the key without hearing of it.
func (r *run) acquiredUnseen(owner string) bool {
	for _, h := range r.log.events() {
		if h.Kind == unanswered && (owner == "" || h.Owner == owner) {
			return true
		}
	}
	for _, x := range r.all {
		if (x.killed || x.overdue) && (owner == "" || strings.HasPrefix(owner, x.Name+"#")) {
			return true
		}
	}
	return false
}

// success is I5. A replica that says that Run returned nil has then asked the
// server whether it is done; and all that were left alone come to that end.
func (r *run) success(broken func(string, ...any)) {
	for _, x := range r.all {
		code := x.cmd.ProcessState.ExitCode()
		switch {
		case x.killed || x.overdue:
		case code == exitDone, x.stopped && (code == exitStopped || code == -1):
			// -1: told to stop before it had asked to be told.
		default:
			broken("%s exited with %d", x.Name, code)
		}
	}
}

// ends is I6. Processes that were paused have been let go on by then.
func (r *run) ends(broken func(string, ...any)) {
	for _, x := range r.all {
		if x.overdue {
			broken("%s did not end within %s", x.Name, x.MaxWait)
		}
	}
}

// writes is I7: what watched.Acquire allows, and nothing else.
func (r *run) writes(broken func(string, ...any)) {
	for _, h := range r.log.events() {
		if h.Kind == breach {
			broken("%s: %s", h.by.Name, h.Text)
		}
	}
}

// takeover is I8: when a leader was ended, stopped, paused or cut off from the
// store, another one leads, or it is done, or the same one works on, within the
// bound. Time counts from the last fault to anybody before that.
func (r *run) takeover(broken func(string, ...any)) {
	if r.order.Mode != ours {
		return
	}
	for _, f := range r.faults {
		switch f.kind {
		case kill, stop, freeze, cutStore, cutBoth, lateBoth:
		default:
			continue
		}
		if f.epoch == 0 {
			continue
		}
		next := r.next(f)
		if next == nil {
			continue // I5 and I6 tell of it
		}
		from := f.from
		for _, other := range r.faults {
			if other != f && other.from.Before(next.at) && other.to.After(f.from) {
				if end := minTime(other.to, next.at); end.After(from) {
					from = end
				}
			}
		}
		took := next.at.Sub(from)
		if took > takeoverBound {
			broken("%s after %s of %s, more than %s", took, f.kind, f.victim.Name, takeoverBound)
		}
		if next.Kind == leading && f.kind != stop {
			r.takeovers = append(r.takeovers, next.at.Sub(f.from))
		}
	}
}

// next is the first sign of life after a fault to a leader.
func (r *run) next(f *fault) *heard {
	for _, h := range r.log.events() {
		if h.at.Before(f.from) {
			continue
		}
		newer := h.Kind == leading && h.Fence > f.epoch
		same := h.Kind == stepping && h.Fence == f.epoch && h.at.After(f.to)
		if newer || same || h.Kind == verified || h.Kind == returned && h.Err == "" {
			return &h
		}
	}
	return nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// left is I9. A session outlives its client by as long as its statement takes.
// A key whose holder was killed, or did not hear that it holds or gave it up,
// stays held for a lease, and can be had then.
func (r *run) left(broken func(string, ...any)) {
	if !until(r.t.Context(), grace, func() bool { return r.sessions() == 0 && r.locks() == 0 }) {
		broken("%d sessions of leaders, %d advisory locks", r.sessions(), r.locks())
	}
	if r.order.Mode != ours {
		return
	}
	rec, err := r.store.Read(r.t.Context(), r.order.Key)
	require.NoError(r.t, err)
	if rec.Owner == "" {
		return
	}
	if !r.acquiredUnseen(rec.Owner) {
		broken("%s still holds the key", rec.Owner)
	}
	begin := time.Now()
	err = migrate.Lead(r.t.Context(), r.store, r.order.Key, nothing, func(o *migrate.LeadOptions) { o.Lease, o.Interval = lease, every })
	if took := time.Since(begin); err != nil || took > takeoverBound {
		broken("what %s left was to be had after %s: %v", rec.Owner, took, err)
	}
	if rec, err = r.store.Read(r.t.Context(), r.order.Key); err != nil || rec.Owner != "" {
		broken("%s holds the key in the end: %v", rec.Owner, err)
	}
}

// sessions counts those of leaders.
func (r *run) sessions() int {
	return r.count(`pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'migrate/%'`)
}

// locks counts the advisory locks that are held.
func (r *run) locks() int {
	return r.count(`pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
}

func (r *run) count(what string) (n int) {
	require.NoError(r.t, r.db.QueryRow(`SELECT count(*) FROM `+what).Scan(&n))
	return n
}

func nothing(context.Context, migrate.Fence) error { return nil }
