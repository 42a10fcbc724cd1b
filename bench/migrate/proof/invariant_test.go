package proof

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	leading  = "leading"
	verified = "verified"
	stepping = "stepping"

	// grace is how long a process may take to start and to end beside MaxWait.
	grace = 10 * time.Second
	// load is what a busy machine may add to a takeover.
	load = 15 * time.Second
)

// takeoverBound is from the fault that ended a leader to the next one: others
// have seen its last renewal a look late; its record has to stand for a lease,
// which they notice a look later; a call of theirs may time out after 2 s, and
// who has met several errors waits for a lease; and the server keeps the session
// of a vanished client for a second more than a lease.
const takeoverBound = lease + 2*every*115/100 + 2*time.Second + lease + time.Second + load

// violation is an invariant that does not hold.
type violation struct{ which, what string }

func (v violation) String() string { return v.which + ": " + v.what }

// check is all invariants of a run that has ended.
func (r *run) check() []violation {
	var out []violation
	for _, of := range []struct {
		which string
		what  func(broken func(string, ...any))
	}{
		{"I1 overlap", r.overlap}, {"I2 epochs grow", r.epochs}, {"I3 effects", r.effects}, {"I4 done is recorded once", r.recorded},
		{"I5 success is the truth", r.success}, {"I6 all end in time", r.ends}, {"I7 who waits writes nothing", r.writes},
		{"I8 takeover in time", r.takeover}, {"I9 nothing is left", r.left},
	} {
		of.what(func(format string, a ...any) { out = append(out, violation{of.which, fmt.Sprintf(format, a...)}) })
	}
	return out
}

// interval is a row of the ledger.
type interval struct {
	epoch  int64
	step   int
	kind   kind
	pid    int
	t0, t1 time.Time
	ended  bool
}

func (i interval) String() string {
	return fmt.Sprintf("step %d (%s) of epoch %d in [%s, %s]", i.step, i.kind, i.epoch, clock(i.t0), clock(i.t1))
}

func clock(t time.Time) string { return t.Format("05.000000") }

// entry is when a leader raised the fence.
type entry struct {
	epoch     int64
	asked, at time.Time
}

func (r *run) ledger() (out []interval) {
	rows, err := r.db.Query(`SELECT epoch, step, kind, pid, t0, t1, ended FROM ledger ORDER BY t0, id`)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, rows.Close()) }()
	for rows.Next() {
		var i interval
		require.NoError(r.t, rows.Scan(&i.epoch, &i.step, &i.kind, &i.pid, &i.t0, &i.t1, &i.ended))
		out = append(out, i)
	}
	require.NoError(r.t, rows.Err())
	return out
}

func (r *run) entries() (out []entry) {
	rows, err := r.db.Query(`SELECT epoch, asked, at FROM entered ORDER BY at`)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, rows.Close()) }()
	for rows.Next() {
		var e entry
		require.NoError(r.t, rows.Scan(&e.epoch, &e.asked, &e.at))
		out = append(out, e)
	}
	require.NoError(r.t, rows.Err())
	return out
}

// overlap is I1. What asks for the fence is over before the next leader has
// entered, without exception: a transaction holds the fence's row until it
// commits, and a statement that read the fence is seen at work by Raise, or
// reads the new one. A plain statement that had begun when the next leader
// asked is waited for, too. One that arrives later is stale: nobody but the
// database could turn it down, and it did not ask.
func (r *run) overlap(broken func(string, ...any)) {
	all := r.ledger()
	for _, a := range all {
		for _, b := range all {
			if a.epoch < b.epoch && a.kind != plain && b.kind != plain && a.t1.After(b.t0) {
				broken("%s and %s", a, b)
			}
		}
		for _, e := range r.entries() {
			switch {
			case a.epoch >= e.epoch || !a.t1.After(e.at):
			case a.kind != plain || a.t0.Before(e.asked):
				broken("%s and epoch %d, entered at %s", a, e.epoch, clock(e.at))
			default:
				r.stale++
			}
		}
	}
}

// epochs is I2, by the server's clock for those who entered and who worked, and
// by the order of reads for the store. An epoch has one leader.
func (r *run) epochs(broken func(string, ...any)) {
	var last int64
	for _, e := range r.entries() {
		if e.epoch <= last {
			broken("epoch %d entered after %d", e.epoch, last)
		}
		last = e.epoch
	}
	last = 0
	for _, i := range r.ledger() {
		if i.kind != plain && i.epoch < last {
			broken("%s after epoch %d", i, last)
		}
		last = max(last, i.epoch)
	}
	for n := 1; n < len(r.seen); n++ {
		if was, is := r.seen[n-1].rec.Version, r.seen[n].rec.Version; is.Epoch < was.Epoch || is.Epoch == was.Epoch && is.Beat < was.Beat {
			broken("the record went from %+v to %+v", was, is)
		}
	}
	owners := map[int64]string{}
	for _, h := range r.log.events() {
		if h.Kind != leading || r.order.Mode != ours {
			continue
		}
		if o := owners[h.Fence]; o != "" && o != h.Owner {
			broken("epoch %d was led by %s and %s", h.Fence, o, h.Owner)
		}
		owners[h.Fence] = h.Owner
	}
}

// effects is I3: exactly once for transactions, at least once for what commits
// as it goes, which is marked as safe to repeat.
func (r *run) effects(broken func(string, ...any)) {
	for n, j := range r.order.Jobs {
		var times, marked int
		err := r.db.QueryRow(`SELECT count(*), count(*) FILTER (WHERE idempotent) FROM effects WHERE step = $1`, n).Scan(&times, &marked)
		require.NoError(r.t, err)
		switch {
		case j.Kind == inTx && times != 1:
			broken("step %d (%s) had its effect %d times", n, j.Kind, times)
		case j.Kind != inTx && (times < 1 || marked != times):
			broken("step %d (%s) had its effect %d times, marked as safe to repeat %d times", n, j.Kind, times, marked)
		}
	}
}
