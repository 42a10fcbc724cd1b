package rescue_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/rescue"
)

// Two operators begin the same plan, one some time after the other. With a lease that
// they share nothing is done twice: the second waits, and then gets ErrChanged, which names what differs.
func TestTwoOperatorsWithALease(t *testing.T) {
	t.Parallel()
	runs, repeated := 0, 0
	for _, offset := range sample.Of(t, offsets(), sample.Few(1, 2), nil) {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			in := newIncident(t)
			p := plan(t, in, forward())
			in.Cloud.ForgetCalls()
			var errs [2]error
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					time.Sleep(time.Duration(i*offset) * 7 * time.Second)
					// Each has a store of its own, as on two terminals.
					_, errs[i] = rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed, func(o *rescue.Options) { o.Lease = migrate.FileStore(dir) })
				})
			}
			wg.Wait()
			runs++
			got := done(in.Cloud)
			for _, a := range once {
				repeated += got[a] - 1
			}
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					require.ErrorIs(t, err, rescue.ErrChanged)
				}
			}
			require.Equal(t, 1, won, errs)
			served(t, in)
		})
	}
	t.Logf("%d pairs of operators, %d mutations repeated", runs, repeated)
	require.Zero(t, repeated)
}

// unreachable is a store that answers nobody.
type unreachable struct{}

var errUnreachable = errors.New("no route to host")

func (unreachable) Read(context.Context, string) (migrate.Record, error) {
	return migrate.Record{}, errUnreachable
}

func (unreachable) Acquire(context.Context, string, migrate.Claim) (migrate.Hold, error) {
	return nil, errUnreachable
}

// Without the lease that it was to have, a run changes nothing.
func TestRunWithoutItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		p := plan(t, in, forward())
		in.Cloud.ForgetCalls()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := rescue.Run(ctx, in.Cloud.Config(), p, confirmed, func(o *rescue.Options) { o.Lease = unreachable{} })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "lease of the stack")
		require.Empty(t, in.Cloud.Calls())
	})
}

// A folder that cannot be locked is an error, and no wait without end.
func TestFolderThatCannotBeLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lease"), nil, 0o600)) // no folder
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		p := plan(t, in, forward())
		in.Cloud.ForgetCalls()
		_, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed, func(o *rescue.Options) { o.Evidence = dir })
		require.ErrorContains(t, err, "lease of the stack could not be had")
		require.Empty(t, in.Cloud.Calls())
		require.NoError(t, t.Context().Err())
	})
}
