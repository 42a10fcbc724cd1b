package proof

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// atOnce is how many runs go on side by side.
const atOnce = 3

// TestProof lets processes migrate a database, does to them at random what
// happens to processes, and checks the invariants. MIGRATE_SEEDS is how many
// times, 50 by default, and MIGRATE_FIRST the first seed; MIGRATE_LIST names single
// ones.
func TestProof(t *testing.T) {
	w := newWorld(t)
	seeds, err := strconv.Atoi(cmp.Or(os.Getenv("MIGRATE_SEEDS"), map[bool]string{false: "50", true: "6"}[testing.Short()]))
	require.NoError(t, err)
	first, err := strconv.Atoi(cmp.Or(os.Getenv("MIGRATE_FIRST"), "0"))
	require.NoError(t, err)
	var sum tally
	next := make(chan int)
	var wg sync.WaitGroup
	for range atOnce { // whatever -parallel says: they mostly wait
		wg.Go(func() {
			for seed := range next {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(1, uint64(seed)))
					r := newRun(t, w, fmt.Sprint("proof", seed), seeded(seed, rng))
					for range replicas {
						r.skews = append(r.skews, time.Duration(rng.IntN(49)-24)*time.Hour)
					}
					r.play(draw(rng, lease))
					r.report()
					sum.add(r)
				})
			}
		})
	}
	if list := os.Getenv("MIGRATE_LIST"); list != "" { // single seeds, such as "7,12"
		seeds = 0
		for s := range strings.SplitSeq(list, ",") {
			seed, err := strconv.Atoi(s)
			require.NoError(t, err)
			next <- seed
		}
	}
	for seed := range seeds {
		next <- first + seed
	}
	close(next)
	wg.Wait()
	t.Log(sum.String())
}

// TestTheFenceAlone takes the store's exclusion away: everybody is granted the
// key, and only Guard and Raise keep the work apart.
func TestTheFenceAlone(t *testing.T) {
	w := newWorld(t)
	for seed := range 3 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, uint64(seed)))
			o := seeded(seed, rng)
			o.Mode, o.Store = fenced, onTable
			o.Terminate = false // each would end the one before, for ever
			r := newRun(t, w, fmt.Sprint("fence", seed), o)
			r.play(draw(rng, lease))
			r.report()
			t.Logf("%d epochs entered, %d intervals, %d statements turned down", len(r.entries()), len(r.ledger()), r.count(`refused`))
		})
	}
}

// seeded is the order of a seed. The stores take turns.
func seeded(seed int, rng *rand.Rand) order {
	return order{
		Mode: ours, Store: []string{onDynamoDB, onTable, onSession, onPooled}[seed%4],
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
