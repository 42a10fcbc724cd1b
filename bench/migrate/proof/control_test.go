package proof

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestControls lets the harness find out what others do wrong.
func TestControls(t *testing.T) {
	w := newWorld(t)
	var long []job // than goose's lease by much
	for i := range 6 {
		long = append(long, job{[]kind{inTx, checked}[i%2], 700 * time.Millisecond})
	}
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
