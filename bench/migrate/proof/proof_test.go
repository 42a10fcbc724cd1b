package proof

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// atOnce is how many runs go on side by side.
const atOnce = 3

// TestProof lets processes migrate a database, does to them at random what
// happens to processes, and checks the invariants. MIGRATE_SEEDS is how many
// times, 50 by default, and MIGRATE_FIRST the first seed.
func TestProof(t *testing.T) {
	w := newWorld(t)
	seeds, err := strconv.Atoi(cmp.Or(os.Getenv("MIGRATE_SEEDS"), map[bool]string{false: "50", true: "6"}[testing.Short()]))
	require.NoError(t, err)
	first, err := strconv.Atoi(cmp.Or(os.Getenv("MIGRATE_FIRST"), "0"))
	require.NoError(t, err)
	var sum tally
	slots := make(chan struct{}, atOnce)
	t.Run("seed", func(t *testing.T) {
		for seed := first; seed < first+seeds; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				r := newRun(t, w, fmt.Sprint("proof", seed), seeded(seed))
				rng := rand.New(rand.NewPCG(2, uint64(seed)))
				for range replicas {
					r.skews = append(r.skews, time.Duration(rng.IntN(49)-24)*time.Hour)
				}
				r.play(draw(rng, lease))
				r.report()
				sum.add(r)
			})
		}
	})
	t.Log(sum.String())
}

// seeded is the order of a seed. The stores take turns.
func seeded(seed int) order {
	rng := rand.New(rand.NewPCG(1, uint64(seed)))
	return order{
		Mode: ours, Store: []string{onDynamoDB, onTable, onSession}[seed%3],
		Lease: lease, Every: every, Drain: drain, Backoff: backoff, MaxWait: maxWait,
		Jobs: jobs(rng), Terminate: rng.IntN(2) == 0,
	}
}

// report fails the test with all that can be told about the run.
func (r *run) report() {
	if bad := r.check(); len(bad) > 0 {
		var text strings.Builder
		for _, v := range bad {
			fmt.Fprintln(&text, v)
		}
		r.t.Errorf("%s on %s, terminate %t:\n%s%s", r.t.Name(), r.order.Store, r.order.Terminate, text.String(), r.log)
	}
}

// TestControls lets the harness find out what others do wrong.
func TestControls(t *testing.T) {
	w := newWorld(t)
	long := []job{{inTx, 700 * time.Millisecond}, {checked, 700 * time.Millisecond}, {inTx, 700 * time.Millisecond}, {checked, 700 * time.Millisecond}, {inTx, 700 * time.Millisecond}, {checked, 700 * time.Millisecond}}
	o := order{Store: onTable, Lease: lease, Every: every, Drain: drain, Backoff: backoff, MaxWait: maxWait, Jobs: long}
	t.Run("no exclusion", func(t *testing.T) {
		t.Parallel()
		o := o
		o.Mode = anarchy
		r := newRun(t, w, "anarchy", o)
		r.play(nil)
		r.mustBreak("I1", "I3")
	})
	t.Run("goose table locker", func(t *testing.T) {
		t.Parallel()
		o := o
		o.Mode = gooses
		r := newRun(t, w, "goose", o)
		r.play([]plan{{After: 500 * time.Millisecond, Kind: cutStore, Leader: true, For: 4 * time.Second}})
		r.mustBreak("I1")
	})
	t.Run("golang-migrate", func(t *testing.T) {
		t.Parallel()
		o := o
		o.Mode = golangs
		r := newRun(t, w, "golang", o)
		two := []*replica{r.join(), r.join()} // both are ready before either begins
		require.True(t, until(t.Context(), 3*grace, func() bool { return two[0].over() || two[1].over() }), r.log)
		follower := two[0] // it gave up waiting, went on serving, and gets the lock
		if follower.over() {
			follower = two[1]
		}
		require.True(t, until(t.Context(), grace, func() bool { return r.locks() > 0 }), r.log)
		r.order.MaxWait = time.Second
		r.join().await() // a new container
		follower.stopped = true
		follower.signal(syscall.SIGTERM)
		r.finish()
		r.mustBreak("I6")
	})
}

// mustBreak fails the test unless the harness has found the violations.
func (r *run) mustBreak(which ...string) {
	bad := r.check()
	var found []string
	for _, v := range bad {
		found = append(found, v.which[:2])
	}
	for _, want := range which {
		if !slices.Contains(found, want) {
			r.t.Errorf("%s was not found out: %v\n%s", want, bad, r.log)
		}
	}
	slices.Sort(found)
	r.t.Logf("found: %v, such as %s", slices.Compact(found), bad[0])
}

// tally is the figures of all runs.
type tally struct {
	mu        sync.Mutex
	runs      int
	took      time.Duration
	faults    map[string]int
	led       int
	takeovers []time.Duration
	stale     int
}

func (s *tally) add(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults == nil {
		s.faults = map[string]int{}
	}
	s.runs++
	s.took += time.Since(r.log.begin)
	for _, f := range r.faults {
		s.faults[f.kind]++
		if f.epoch > 0 {
			s.led++
		}
	}
	s.takeovers = append(s.takeovers, r.takeovers...)
	s.stale += r.stale
}

func (s *tally) String() string {
	if s.runs == 0 {
		return "no runs"
	}
	slices.Sort(s.takeovers)
	text := fmt.Sprintf("%d runs of %s on average; %d stale plain statements", s.runs, (s.took / time.Duration(s.runs)).Round(time.Millisecond), s.stale)
	if n := len(s.takeovers); n > 0 {
		text += fmt.Sprintf("; %d takeovers without another fault, median %s, longest %s, bound %s",
			n, s.takeovers[n/2].Round(time.Millisecond), s.takeovers[n-1].Round(time.Millisecond), takeoverBound)
	}
	var kinds []string
	total := 0
	for k, n := range s.faults {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, n))
		total += n
	}
	slices.Sort(kinds)
	return fmt.Sprintf("%s; %d faults, %d of them to a leader: %s", text, total, s.led, strings.Join(kinds, ", "))
}
