package migratetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

// StoreOptions change [TestStore]. The zero value is the default.
type StoreOptions struct {
	// Bound says that a living holder cannot be taken over from, because
	// something else than the record keeps others out: a session of the
	// database, a lock of the kernel.
	Bound bool
}

// TestStore checks a store against the contract of [migrate.Store], in
// subtests. open returns a store as another process would open it, on the same
// records each time; keys are unique to the call of TestStore by prefix. It
// takes a few seconds of real time.
func TestStore(t *testing.T, prefix string, open func(*testing.T) migrate.Store, optFns ...func(*StoreOptions)) {
	t.Helper()
	var o StoreOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	s := suite{prefix: prefix, open: open}
	for name, test := range map[string]func(*testing.T, string){
		"unused": s.unused, "holds": s.holds, "renews": s.renews, "releases": s.releases, "again": s.again, "terms": s.terms,
		"keys": s.keys, "contenders": s.contenders, "cancelled": s.cancelled, "leads": s.leads,
	} {
		t.Run(name, func(t *testing.T) { test(t, prefix+name) })
	}
	if !o.Bound {
		t.Run("takeover", func(t *testing.T) { s.takeover(t, prefix+"takeover") })
	}
}

type suite struct {
	prefix string
	open   func(*testing.T) migrate.Store
}

// claim is a wish of owner.
func claim(owner string) migrate.Claim { return migrate.Claim{Owner: owner, Lease: time.Minute} }

// must stops the test at an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// take acquires a key that is free.
func take(t *testing.T, s migrate.Store, key, owner string) migrate.Hold {
	t.Helper()
	h, err := s.Acquire(t.Context(), key, claim(owner))
	if err != nil {
		t.Fatalf("acquire a free key: %v", err)
	}
	t.Cleanup(func() { _ = h.Release(context.WithoutCancel(t.Context()), nil) })
	return h
}

func (s suite) unused(t *testing.T, key string) {
	r := must[migrate.Record](t)(s.open(t).Read(t.Context(), key))
	if r.Epoch != 0 || r.Owner != "" || r.Note != nil {
		t.Errorf("a key never used is %+v", r)
	}
}

func (s suite) holds(t *testing.T, key string) {
	a, b := s.open(t), s.open(t)
	h := take(t, a, key, "a")
	if h.Fence() < 1 {
		t.Errorf("epoch %d", h.Fence())
	}
	_, err := b.Acquire(t.Context(), key, claim("b"))
	held, ok := errors.AsType[*migrate.HeldError](err)
	if !ok {
		t.Fatalf("acquire a held key: %v", err)
	}
	r := must[migrate.Record](t)(b.Read(t.Context(), key))
	for _, r := range []migrate.Record{held.Record, r} {
		if r.Owner != "a" || r.Epoch != h.Fence() || r.Lease != time.Minute || r.Dead {
			t.Errorf("record %+v of a holder with epoch %d", r, h.Fence())
		}
	}
	if _, err := b.Acquire(t.Context(), key, migrate.Claim{Owner: "b", Lease: time.Minute, Over: migrate.Version{Epoch: r.Epoch, Beat: r.Beat + 1}}); err == nil {
		t.Error("taken over at a version that the key is not at")
	}
}

func (s suite) renews(t *testing.T, key string) {
	a, b := s.open(t), s.open(t)
	h := take(t, a, key, "a")
	seen := map[migrate.Version]bool{}
	for i := range 4 {
		var note []byte
		if i == 1 {
			note = []byte(`{"n":1}`)
		}
		if err := h.Renew(t.Context(), note); err != nil {
			t.Fatal(err)
		}
		r := must[migrate.Record](t)(b.Read(t.Context(), key))
		if seen[r.Version] {
			t.Errorf("version %+v again", r.Version)
		}
		seen[r.Version] = true
		if i >= 1 && string(r.Note) != `{"n":1}` {
			t.Errorf("note %q", r.Note)
		}
		if r.Epoch != h.Fence() || r.Owner != "a" {
			t.Errorf("record %+v", r)
		}
	}
}

func (s suite) releases(t *testing.T, key string) {
	a, b := s.open(t), s.open(t)
	last := migrate.Fence(0)
	for i, store := range []migrate.Store{a, b, a} {
		h := take(t, store, key, fmt.Sprint("owner", i))
		if h.Fence() <= last {
			t.Errorf("epoch %d after %d", h.Fence(), last)
		}
		if i > 0 && string(h.Note()) != fmt.Sprint("note", i-1) {
			t.Errorf("the note of before is %q", h.Note())
		}
		last = h.Fence()
		if err := h.Release(t.Context(), fmt.Append(nil, "note", i)); err != nil {
			t.Fatal(err)
		}
		r := must[migrate.Record](t)(b.Read(t.Context(), key))
		if r.Owner != "" || r.Epoch != last || string(r.Note) != fmt.Sprint("note", i) {
			t.Errorf("released: %+v", r)
		}
		if err := h.Renew(t.Context(), nil); !errors.Is(err, migrate.ErrLeaseLost) {
			t.Errorf("renewed after the release: %v", err)
		}
	}
}

func (s suite) again(t *testing.T, key string) {
	a, b := s.open(t), s.open(t)
	h := take(t, a, key, "a")
	before := must[migrate.Record](t)(b.Read(t.Context(), key))
	again, err := a.Acquire(t.Context(), key, claim("a"))
	if err != nil {
		t.Fatalf("the same claim again: %v", err)
	}
	after := must[migrate.Record](t)(b.Read(t.Context(), key))
	if again.Fence() != h.Fence() || after.Version == before.Version || after.Epoch != before.Epoch {
		t.Errorf("the same claim again: %+v, before %+v", after, before)
	}
	if err := again.Release(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// terms leads twice under one name: what the first term says late changes nothing
// of the second.
func (s suite) terms(t *testing.T, key string) {
	store := s.open(t)
	first := take(t, store, key, "a")
	if err := first.Release(t.Context(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	second := take(t, store, key, "a")
	if second.Fence() <= first.Fence() {
		t.Errorf("epoch %d after %d", second.Fence(), first.Fence())
	}
	if err := first.Renew(t.Context(), []byte("ghost")); !errors.Is(err, migrate.ErrLeaseLost) {
		t.Errorf("the first term renewed: %v", err)
	}
	if err := first.Release(t.Context(), []byte("ghost")); !errors.Is(err, migrate.ErrLeaseLost) {
		t.Errorf("the first term released: %v", err)
	}
	r := must[migrate.Record](t)(s.open(t).Read(t.Context(), key))
	if r.Owner != "a" || r.Epoch != second.Fence() || string(r.Note) != "one" {
		t.Errorf("after the first term's last words: %+v", r)
	}
	if err := second.Release(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := first.Release(t.Context(), nil); !errors.Is(err, migrate.ErrLeaseLost) {
		t.Errorf("the first term released what the second had: %v", err)
	}
}

func (s suite) keys(t *testing.T, key string) {
	store := s.open(t)
	take(t, store, key+"/one", "a")
	take(t, store, key+"/two", "b")
	take(t, store, key+"/drei ß:%'\"", "c")
}

func (s suite) contenders(t *testing.T, key string) {
	for round := range 3 {
		var wins atomic.Int32
		var wg sync.WaitGroup
		holds := make(chan migrate.Hold, 8)
		for i := range 8 {
			store := s.open(t)
			wg.Go(func() {
				h, err := store.Acquire(t.Context(), key, claim(fmt.Sprintf("%d-%d", round, i)))
				if _, held := errors.AsType[*migrate.HeldError](err); err != nil && !held {
					t.Error(err)
				} else if err == nil {
					wins.Add(1)
					holds <- h
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 {
			t.Fatalf("%d contenders won", wins.Load())
		}
		if h := <-holds; h.Release(t.Context(), nil) != nil {
			t.Error("the winner could not release")
		}
	}
}

func (s suite) cancelled(t *testing.T, key string) {
	store := s.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Read(ctx, key); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	if _, err := store.Acquire(ctx, key, claim("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("acquire: %v", err)
	}
	h := take(t, store, key, "b")
	if err := h.Renew(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("renew: %v", err)
	}
}

func (s suite) takeover(t *testing.T, key string) {
	a, b := s.open(t), s.open(t)
	old := take(t, a, key, "a")
	stale := must[migrate.Record](t)(b.Read(t.Context(), key))
	if err := old.Renew(t.Context(), []byte("progress")); err != nil {
		t.Fatal(err)
	}
	over := func(v migrate.Version) (migrate.Hold, error) {
		return b.Acquire(t.Context(), key, migrate.Claim{Owner: "b", Lease: time.Second, Over: v})
	}
	if _, err := over(stale.Version); err == nil {
		t.Fatal("taken over at a version from before a renewal")
	}
	h := must[migrate.Hold](t)(over(must[migrate.Record](t)(b.Read(t.Context(), key)).Version))
	if h.Fence() <= old.Fence() || string(h.Note()) != "progress" {
		t.Errorf("epoch %d after %d, note %q", h.Fence(), old.Fence(), h.Note())
	}
	if err := old.Renew(t.Context(), []byte("ghost")); !errors.Is(err, migrate.ErrLeaseLost) {
		t.Errorf("the old holder renewed: %v", err)
	}
	if err := old.Release(t.Context(), []byte("ghost")); !errors.Is(err, migrate.ErrLeaseLost) {
		t.Errorf("the old holder released: %v", err)
	}
	r := must[migrate.Record](t)(a.Read(t.Context(), key))
	if r.Owner != "b" || r.Epoch != h.Fence() || r.Lease != time.Second || string(r.Note) != "progress" {
		t.Errorf("after the old holder's last words: %+v", r)
	}
	if err := h.Release(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// leads lets four processes lead one after another.
func (s suite) leads(t *testing.T, key string) {
	var inside, turns atomic.Int32
	var last migrate.Fence
	var wg sync.WaitGroup
	for range 4 {
		store := s.open(t)
		wg.Go(func() {
			err := migrate.Lead(t.Context(), store, key, func(ctx context.Context, fence migrate.Fence) error {
				if inside.Add(1) != 1 {
					t.Error("two lead at once")
				}
				if fence <= last {
					t.Errorf("epoch %d after %d", fence, last)
				}
				last = fence
				timer := time.NewTimer(150 * time.Millisecond)
				defer timer.Stop()
				select {
				case <-timer.C:
				case <-ctx.Done():
					t.Error(context.Cause(ctx))
				}
				turns.Add(1)
				inside.Add(-1)
				return nil
			}, func(o *migrate.LeadOptions) {
				o.Lease, o.Interval, o.Heartbeat = 3*time.Second, 20*time.Millisecond, 50*time.Millisecond
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if turns.Load() != 4 {
		t.Errorf("%d turns", turns.Load())
	}
}
