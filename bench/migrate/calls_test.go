package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate"
)

// TestCalls pins on real servers what our stores send, however long it takes.
func TestCalls(t *testing.T) {
	t.Parallel()
	dsn, aws := servers.StartPostgreSQL(t).DSN(), servers.StartDynalite(t)
	createLeases(t, aws)
	for _, store := range []struct {
		name string
		open opener
		// acquire is for the first time; again is for every later one, where
		// that differs.
		acquire, again, refused, release []string
	}{
		{"table", inTable,
			[]string{"INSERT INTO stackrescue_lease"}, nil,
			[]string{"INSERT INTO stackrescue_lease", "SELECT epoch"},
			[]string{"UPDATE stackrescue_lease"}},
		{"session", inSession,
			sessionAcquire(sessionSearch()...), sessionAcquire(),
			[]string{"SELECT epoch"},
			[]string{"UPDATE stackrescue_lease", "SELECT pg_advisory_unlock("}},
		{"dynamodb", inDynamoDB,
			[]string{"UpdateItem"}, nil,
			[]string{"UpdateItem", "GetItem"},
			[]string{"UpdateItem"}},
	} {
		t.Run(store.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, dsn, aws)
			t.Run("acquire and release", func(t *testing.T) { acquires(t, s, store.open, store.release, store.acquire, store.again) })
			t.Run("wait", func(t *testing.T) { follows(t, s, store.open, store.refused) })
			t.Run("nothing to do", func(t *testing.T) { hasNothingToDo(t, s, store.open) })
		})
	}
}

// sessionAcquire is a look at the row and at the lock, another on a connection
// that was opened for it, the search for a pooler, the limits, the lock and the
// row.
func sessionAcquire(search ...string) []string {
	head := []string{"SELECT epoch", "SELECT EXISTS (SELECT FROM pg_locks", "SELECT count(*) FROM pg_locks"}
	return slices.Concat(head, search, []string{"SELECT count(set_config(", "SELECT pg_try_advisory_lock(", "INSERT INTO stackrescue_lease"})
}

// sessionSearch is three attempts to make a pooler show itself, once per store.
func sessionSearch() []string {
	said := []string{"SELECT pg_backend_pid()"}
	for range 3 {
		said = append(said, "begin", "SELECT pg_backend_pid()", "SELECT pg_backend_pid()", "rollback")
	}
	return said
}

// said checks the beginnings of what was sent.
func said(t *testing.T, want []string, got counts) {
	t.Helper()
	require.Len(t, got.said, len(want), "%s", strings.Join(got.said, "\n"))
	for i, s := range got.said {
		require.True(t, strings.HasPrefix(s, want[i]), "%d: %s\nwant %s", i, s, want[i])
	}
}

func acquires(t *testing.T, s scene, open opener, release, first, again []string) {
	var c counter
	lock := holder(open)(t, s, &c)
	if again == nil {
		again = first
	}
	for _, acquire := range [][]string{first, again} {
		unlock, err := lock(t.Context())
		require.NoError(t, err)
		said(t, acquire, c.take())
		require.NoError(t, unlock(t.Context()))
		said(t, release, c.take())
	}
}

// follows lets a follower look thirty times: after the refused attempt at its
// start it writes nothing.
func follows(t *testing.T, s scene, open opener, refused []string) {
	unlock, err := holder(open)(t, s, &counter{})(t.Context())
	require.NoError(t, err)
	var c counter
	store, end, err := open(s, &c)
	require.NoError(t, err)
	defer func() { require.NoError(t, end()) }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	probes := 0
	probe := func(context.Context) (migrate.State, error) {
		if probes++; probes == 7 { // the first look, and every fifth
			cancel()
		}
		return migrate.State{}, nil
	}
	r, err := migrate.New(store, s.key, probe, migrate.Func(func(context.Context, migrate.Fence) error { return errors.New("led") }), func(o *migrate.RunOptions) {
		o.Lease, o.Interval = time.Hour, 5*time.Millisecond
	})
	require.NoError(t, err)
	_, err = r.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	got := c.take()
	head, rest := got.said[:len(refused)], got.said[len(refused):]
	said(t, refused, counts{said: head})
	require.GreaterOrEqual(t, len(rest), 29)
	require.Empty(t, counts{said: rest}.writes())
	require.NoError(t, unlock(t.Context()))
}

// hasNothingToDo starts on a database that is migrated: one read, and the store
// is not asked.
func hasNothingToDo(t *testing.T, s scene, open opener) {
	require.NoError(t, ours(open, waits)(t.Context(), &replica{scene: s}, migration{}))
	for i := range 2 {
		r := &replica{scene: s}
		require.NoError(t, ours(open, waits)(t.Context(), r, migration{}))
		said(t, []string{"SELECT count(*) > 0 FROM done"}, r.work.take())
		store := r.store.take()
		require.Empty(t, store.said, fmt.Sprint("start ", i))
		require.Zero(t, store.connected)
	}
}
