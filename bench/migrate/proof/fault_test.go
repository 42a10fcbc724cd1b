package proof

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"
)

// The faults. What is cut, muted, delayed or paused is so for a while; a lost
// answer belongs to a request that was carried out.
const (
	kill       = "kill"
	stop       = "stop" // SIGTERM
	freeze     = "pause"
	cutStore   = "cut off from the store"
	cutData    = "cut off from the database"
	cutBoth    = "cut off from both"
	lateBoth   = "cut off from the store, and requests to the database come late"
	loseStore  = "lose an answer of the store"
	loseData   = "lose an answer of the database"
	muteStore  = "no answers of the store"
	muteData   = "no answers of the database"
	slowStore  = "slow store"
	slowData   = "slow database"
	resetStore = "reset the store's connections"
	resetData  = "reset the database's connections"
	endLock    = "end the lock's session"
	endWork    = "end the work's session"
	demote     = "demote the writer: sessions of before take no writes"
	endPool    = "end the pooler's sessions"
	hangProbe  = "hang the probe's program"
)

// deck holds each fault as often as it is to be likely.
var deck = []string{
	kill, kill, kill, stop, stop, freeze, freeze, freeze, cutStore, cutStore, cutStore, cutData, cutData, cutBoth, cutBoth, lateBoth, lateBoth,
	loseStore, loseStore, loseData, loseData, muteStore, muteData, slowStore, slowData, resetStore, resetData, endLock, endLock, endWork,
	demote, demote, endPool, hangProbe, hangProbe,
}

// plan is a fault to come. All that is random is drawn beforehand.
type plan struct {
	After  time.Duration
	Kind   string
	Leader bool // the present leader, rather than number Victim
	Victim int
	For    time.Duration
	Nth    int
	// Replace starts another replica for one that was ended.
	Replace bool
}

// draw is the plan of a seed.
func draw(rng *rand.Rand, lease time.Duration) []plan {
	var out []plan
	for range 3 + rng.IntN(3) {
		out = append(out, plan{
			After: time.Duration(30+rng.IntN(600)) * time.Millisecond, Kind: deck[rng.IntN(len(deck))],
			Leader: rng.IntN(4) > 0, Victim: rng.IntN(replicas),
			For: lease*6/5 + time.Duration(rng.Int64N(int64(lease))), Nth: 1 + rng.IntN(4), Replace: rng.IntN(2) == 0,
		})
	}
	return out
}

// fault is a plan that was carried out.
type fault struct {
	kind   string
	victim *replica
	// epoch is not 0 where the victim led.
	epoch    int64
	from, to time.Time
}

// inject does what a plan says, and undoes it later. Plans for those who have
// ended, and those that would leave fewer than two, are passed over.
func (r *run) inject(p plan) {
	leader, epoch := r.log.leader()
	victim := r.all[p.Victim]
	if p.Leader && leader != nil {
		victim = leader
	}
	alive := 0
	for _, x := range r.all {
		if !x.doomed() && !x.over() {
			alive++
		}
	}
	if victim.doomed() || victim.over() || alive < 3 && (p.Kind == kill || p.Kind == stop) {
		r.log.note("%s %s: passed over", p.Kind, victim.Name)
		return
	}
	f := &fault{kind: p.Kind, victim: victim, from: time.Now()}
	if victim == leader {
		f.epoch = epoch
	}
	undo := r.act(p, f)
	if undo == nil {
		p.For = 0
	}
	f.to = f.from.Add(p.For)
	r.faults = append(r.faults, f)
	r.log.note("%s %s (epoch %d) %s", p.Kind, victim.Name, f.epoch, p.For.Round(time.Millisecond))
	if undo != nil {
		r.healing.Go(func() {
			pause(r.t.Context(), p.For)
			undo()
			r.log.note("%s %s: over", p.Kind, victim.Name)
		})
	}
}

// act begins a fault.
func (r *run) act(p plan, f *fault) (undo func()) {
	v := f.victim
	links := func(change func(x *proxy, on bool), all ...*proxy) func() {
		for _, x := range all {
			x.set(func(x *proxy) { change(x, true) })
		}
		return func() {
			for _, x := range all {
				x.set(func(x *proxy) { change(x, false) })
			}
		}
	}
	cut := func(x *proxy, on bool) { x.cut = on }
	late := func(x *proxy, on bool) { x.late = on }
	mute := func(x *proxy, on bool) { x.mute = on }
	slow := func(x *proxy, on bool) {
		x.delay = map[bool]time.Duration{true: time.Duration(p.Nth) * 40 * time.Millisecond}[on]
	}
	switch p.Kind {
	case kill:
		v.killed = true
		v.signal(syscall.SIGKILL)
	case stop:
		v.stopped = true
		v.signal(syscall.SIGTERM)
	case freeze:
		v.signal(syscall.SIGSTOP)
		return func() { v.signal(syscall.SIGCONT) }
	case cutStore:
		return links(cut, v.store)
	case cutData:
		return links(cut, v.data)
	case cutBoth:
		return links(cut, v.store, v.data)
	case lateBoth:
		undoStore, undoData := links(cut, v.store), links(late, v.data)
		return func() { undoStore(); undoData() }
	case muteStore:
		return links(mute, v.store)
	case muteData:
		return links(mute, v.data)
	case slowStore:
		return links(slow, v.store)
	case slowData:
		return links(slow, v.data)
	case loseStore:
		v.store.set(func(x *proxy) { x.lose = p.Nth })
	case loseData:
		v.data.set(func(x *proxy) { x.lose = p.Nth })
	case resetStore:
		v.store.resetAll()
	case resetData:
		v.data.resetAll()
	case endLock:
		r.terminate(`pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)`)
	case endWork:
		r.terminate(`application_name LIKE 'migrate/%'`)
	case demote:
		if _, err := r.db.Exec(`INSERT INTO demoted VALUES (clock_timestamp())`); err != nil {
			r.t.Errorf("demote: %v", err)
		}
	case endPool:
		r.terminate(`application_name = 'store'`)
	case hangProbe:
		if err := os.WriteFile(v.Hang, nil, 0o600); err != nil {
			r.t.Errorf("hang: %v", err)
		}
		return func() { _ = os.Remove(v.Hang) }
	default:
		panic(fmt.Sprint("no such fault: ", p.Kind))
	}
	if p.Replace && v.doomed() {
		r.join()
	}
	return nil
}

// terminate ends sessions of the run's own database.
func (r *run) terminate(which string) {
	_, err := r.db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND ` + which)
	if err != nil {
		r.t.Errorf("terminate: %v", err)
	}
}
