// Package sample decides how much of a sweep, a matrix or a property test is run.
//
// By default a test runs a small sample that is the same each time and reaches every
// kind of what is swept at least once. STACKRESCUE_SAMPLE=N in the environment makes
// the samples N times as large, a [Quarter] whole from 4 on; STACKRESCUE_SAMPLE=all or
// the flag -all-pairs runs everything, and STACKRESCUE_SEED=N draws another sample.
// Each test logs what it left out. Only tests import it.
package sample

import (
	"flag"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

var allPairs = flag.Bool("all-pairs", false, "run sweeps and matrices whole, like STACKRESCUE_SAMPLE=all")

// Whole reports whether nothing is to be left out.
func Whole() bool { return *allPairs || os.Getenv("STACKRESCUE_SAMPLE") == "all" }

// Wide reports whether more than the smallest sample is to be run: tests that start
// many processes run fewer of them otherwise.
func Wide() bool { return Whole() || factor() > 1 }

// Few is what is passed as few where more than an N-th part of what larger samples
// begin with would take the time of the smallest ones: small for those, and wide, N
// times, for the others.
func Few(small, wide int) int {
	if Wide() {
		return wide
	}
	return small
}

func factor() int {
	n, err := strconv.Atoi(os.Getenv("STACKRESCUE_SAMPLE"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

func random(t testing.TB) *rand.Rand {
	seed, err := strconv.ParseUint(os.Getenv("STACKRESCUE_SEED"), 10, 64)
	if err != nil {
		seed = 1
	}
	h := fnv.New64()
	_, _ = h.Write([]byte(t.Name())) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// Count returns how many of all are to be run, few by default.
func Count(t testing.TB, few, all int) int {
	t.Helper()
	n := min(few*factor(), all)
	if Whole() {
		n = all
	}
	tell(t, n, all)
	return n
}

func tell(t testing.TB, n, all int) {
	t.Helper()
	if n < all {
		t.Logf("a sample: %d of %d (STACKRESCUE_SAMPLE=%d, seed %q)", n, all, factor(), os.Getenv("STACKRESCUE_SEED"))
	}
}

// Of returns few of all in their order, more where there are more kinds: each kind is
// among them. With a nil kind all are of one.
func Of[T any](t testing.TB, all []T, few int, kind func(T) string) []T {
	t.Helper()
	if Whole() {
		return all
	}
	order := random(t).Perm(len(all))
	taken, seen, n := make([]bool, len(all)), map[string]bool{}, 0
	if kind != nil {
		for _, i := range order {
			if k := kind(all[i]); !seen[k] {
				seen[k], taken[i] = true, true
				n++
			}
		}
	}
	for _, i := range order {
		if n >= few*factor() {
			break
		}
		if !taken[i] {
			taken[i] = true
			n++
		}
	}
	var out []T
	for i, x := range all {
		if taken[i] {
			out = append(out, x)
		}
	}
	tell(t, len(out), len(all))
	return out
}

// Quarter is [Of] for a matrix of which a quarter is run by default, and all of it
// where samples are four times as large.
func Quarter[T any](t testing.TB, all []T, kind func(T) string) []T {
	t.Helper()
	return Of(t, all, (len(all)+3)/4, kind)
}

// Call is a call of a sweep, counted from 1, and what is done to it.
type Call struct {
	N    int
	Kind string
}

// Calls returns which calls of a run are disturbed and how, given the action of each:
// every call in every way, or a sample of few, more where there are more actions or
// kinds. Actions in seen are those of other sweeps of the same test: they need not be
// reached again; the others are added to it. A nil seen has none.
func Calls(t testing.TB, actions, kinds []string, few int, seen map[string]bool) []Call {
	t.Helper()
	var all []Call
	for i := range actions {
		for _, k := range kinds {
			all = append(all, Call{i + 1, k})
		}
	}
	if Whole() {
		return all
	}
	if seen == nil {
		seen = map[string]bool{}
	}
	r := random(t)
	var out []Call
	next := r.IntN(len(kinds))
	add := func(i int) {
		out = append(out, Call{i + 1, kinds[next%len(kinds)]})
		next++
	}
	order := r.Perm(len(actions))
	for _, i := range order {
		if !seen[actions[i]] {
			seen[actions[i]] = true
			add(i)
		}
	}
	rest := r.Perm(len(all))
	if len(out) > 0 { // the first sweep, or one with actions of its own
		how := map[string]bool{}
		for _, c := range out {
			how[c.Kind] = true
		}
		for _, i := range rest {
			if !how[all[i].Kind] {
				how[all[i].Kind] = true
				out = append(out, all[i])
			}
		}
	}
	for _, i := range rest {
		if len(out) >= few*factor() {
			break
		}
		if !slices.Contains(out, all[i]) {
			out = append(out, all[i])
		}
	}
	tell(t, len(out), len(all))
	return out
}
