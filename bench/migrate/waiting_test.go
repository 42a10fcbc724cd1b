package bench

import (
	"context"
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/stackrescue/stackrescue/internal/servers"
)

var watched = flag.Duration("watched", 30*time.Second, "how long BenchmarkWaiting watches a follower")

// BenchmarkWaiting watches a follower behind a leader that is at work, from two
// seconds after its start, and reports what it sends per minute. It takes four
// minutes.
func BenchmarkWaiting(b *testing.B) {
	dsn, aws := servers.StartPostgreSQL(b).DSN(), servers.StartDynalite(b)
	createLeases(b, aws)
	for _, p := range peers() {
		b.Run(p.name, func(b *testing.B) {
			var sent, writes int
			for range b.N {
				s, w := waiting(b, newScene(b, dsn, aws), p)
				sent, writes = sent+s, writes+w
			}
			minutes := float64(b.N) * watched.Minutes()
			b.ReportMetric(float64(sent)/minutes, "sent/min")
			b.ReportMetric(float64(writes)/minutes, "writes/min")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func waiting(b *testing.B, s scene, p peer) (sent, writes int) {
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = p.up(ctx, &replica{scene: s}, migration{sleep: *watched + time.Minute}) }) // cancelled
	awaitRunning(b, s)
	r := &replica{scene: s}
	wg.Go(func() { _ = p.up(ctx, r, migration{}) })
	pause(b, 2*time.Second)
	r.work.take()
	r.store.take()
	pause(b, *watched)
	work, store := r.work.take(), r.store.take()
	return len(work.said) + len(store.said), len(work.writes()) + len(store.writes())
}

// awaitRunning waits until a migration sleeps in the database.
func awaitRunning(tb testing.TB, s scene) {
	tb.Helper()
	db := handle(tb, s.dsn, &counter{})
	await(tb, "the leader's statement", func() bool {
		var there bool
		check(tb, db.QueryRow(running).Scan(&there))
		return there
	})
}
