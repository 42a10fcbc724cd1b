package proof

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
)

const (
	// replicas is how many a run begins with; some that are ended are replaced.
	replicas = 5
	lease    = 1500 * time.Millisecond
	every    = 150 * time.Millisecond
	drain    = 150 * time.Millisecond
	backoff  = 200 * time.Millisecond
	maxWait  = 60 * time.Second
)

// run is one migration by several processes, and what was done to them.
type run struct {
	t       *testing.T
	w       *world
	dir     string
	db      *sql.DB
	store   migrate.Store // past all proxies
	order   order         // of each replica, but for its name
	log     *journal
	all     []*replica
	faults  []*fault
	healing sync.WaitGroup
	seen    []sighting
	skews   []time.Duration

	takeovers []time.Duration
	stale     int
}

// sighting is a change of the store's record, as read past all proxies.
type sighting struct {
	at  time.Time
	rec migrate.Record
	p   migrate.Progress
}

func newRun(t *testing.T, w *world, name string, o order) *run {
	r := &run{t: t, w: w, dir: t.TempDir(), order: o, log: &journal{begin: time.Now()}}
	r.order.Key, r.order.Database, r.order.Direct = name, name, w.postgres
	r.db = w.database(t, name)
	if o.Mode == ours {
		direct := o.Store
		if direct == onPooled { // past the pooler, too
			direct = onTable
		}
		store, err := openStore(direct, w.storeAddr(direct), name, "parent", &wire{})
		require.NoError(t, err)
		r.store = store
	}
	return r
}

// join starts one more replica.
func (r *run) join() *replica {
	o := r.order
	o.Name = fmt.Sprint("r", len(r.all))
	o.Hang = filepath.Join(r.dir, o.Name)
	if len(r.skews) > 0 {
		o.Skew = r.skews[len(r.all)%len(r.skews)]
	}
	x := start(r.t, o, r.w.storeAddr(o.Store), r.w.postgres, r.log)
	r.all = append(r.all, x)
	return x
}

// until waits for what the processes do. It is false when that never came.
func until(ctx context.Context, limit time.Duration, met func() bool) bool {
	for end := time.Now().Add(limit); !met(); pause(ctx, 10*time.Millisecond) {
		if ctx.Err() != nil || time.Now().After(end) {
			return false
		}
	}
	return true
}

// play runs it from the first start to the last end.
func (r *run) play(plans []plan) {
	watching, seen := context.WithCancel(r.t.Context())
	defer seen()
	var observing sync.WaitGroup
	if r.store != nil {
		observing.Go(func() { r.observe(watching) })
	}
	for range replicas {
		r.join()
	}
	until(r.t.Context(), maxWait, func() bool {
		leader, _ := r.log.leader()
		return leader != nil
	})
	for _, p := range plans {
		pause(r.t.Context(), p.After)
		r.inject(p)
	}
	r.finish()
	seen()
	observing.Wait()
}

// finish waits for the ends of all faults and of all processes, and closes
// what is between them and the servers.
func (r *run) finish() {
	r.healing.Wait()
	for _, x := range r.all {
		x.await()
	}
	for _, x := range r.all {
		for _, p := range []*proxy{x.store, x.data} {
			p.set(func(p *proxy) { p.cut, p.late, p.mute, p.delay = false, false, false, 0 })
			p.resetAll()
		}
	}
}

// observe follows the store's record until ctx ends. No read is broken off: the
// connection may be given back with the deadline that ended it.
func (r *run) observe(ctx context.Context) {
	for ; ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		rec, p, err := migrate.Status(r.t.Context(), r.store, r.order.Key)
		if err != nil {
			r.t.Errorf("observe: %v", err)
			return
		}
		s := sighting{time.Now(), rec, p}
		if n := len(r.seen); n == 0 || r.seen[n-1].rec.Version != rec.Version || r.seen[n-1].rec.Owner != rec.Owner || r.seen[n-1].p.String() != s.p.String() || r.seen[n-1].p.Attempt != s.p.Attempt || r.seen[n-1].p.Leader != s.p.Leader {
			r.seen = append(r.seen, s)
		}
	}
}

// jobs is the work: half of it in transactions. A statement that comes late is
// one that follows another without a question in between.
func jobs(rng *rand.Rand) []job {
	var out []job
	for _, k := range []kind{inTx, checked, plain, checked, inTx, inTx} {
		out = append(out, job{k, time.Duration(150+rng.IntN(250)) * time.Millisecond})
	}
	return out
}
