package rescue

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/stackrescue/stackrescue/migrate"
)

// leaseKey is what a run holds in a store while it runs.
func leaseKey(stackID string) string { return "stackrescue/" + stackID }

// leaseTries is how often the lock of the folder of evidence is tried.
const leaseTries = 5

// alone runs while nobody else runs a plan for the stack, of all who share the lease:
// who comes second waits, and is then told what the first has changed. Without a store
// and a folder of evidence it runs at once.
func (r *runner) alone(ctx context.Context, run func(context.Context) error) error {
	store := r.o.Lease
	if store == nil && r.o.Evidence != "" {
		store = migrate.FileStore(filepath.Join(r.o.Evidence, "lease"))
	}
	if store == nil {
		return run(ctx)
	}
	var own error
	var began atomic.Bool
	failed := 0
	// The folder's own lock is a convenience: where it does not work, such as on some
	// network file systems, that is an error and no wait without end.
	lead, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	if rec, err := store.Read(ctx, leaseKey(r.p.StackID)); err == nil && rec.Owner != "" {
		r.o.tell("", fmt.Sprintf("lease of the stack: %q had it last: this run waits as long as that one goes on", rec.Owner))
	}
	err := migrate.Lead(lead, store, leaseKey(r.p.StackID), func(ctx context.Context, _ migrate.Fence) error {
		began.Store(true)
		own = run(ctx)
		return own
	}, func(o *migrate.LeadOptions) {
		o.Owner = "rescue " + r.p.Hash[:min(12, len(r.p.Hash))]
		o.Observe = func(e migrate.Event) {
			r.o.tell("", fmt.Sprintf("lease of the stack: %v", e.Err))
			if failed++; !began.Load() && r.o.Lease == nil && failed == leaseTries {
				giveUp(e.Err)
			}
		}
	})
	switch {
	case err == nil:
		return nil
	case !began.Load() && r.o.Lease == nil && errors.Is(err, errors.ErrUnsupported):
		return run(ctx) // this system has no lock that ends with its process
	case errors.Is(err, migrate.ErrLeaseLost):
		return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: another run may go on with it by now", errors.Join(migrate.ErrLeaseLost, own)), Next: "diagnose again; what was begun goes on inside AWS"}
	case began.Load():
		return own
	}
	return &Error{Stack: r.p.Stack, Err: fmt.Errorf("the lease of the stack could not be had: %w", err), Next: "make sure that the store of the lease can be reached, and run again"}
}
