package bench

import (
	"context"
	"database/sql"
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/stackrescue/stackrescue/internal/servers"
)

const replicas = 21

// takes is how long the migration of BenchmarkFollowers takes.
var takes = flag.Duration("takes", 8*time.Second, "how long the migration of BenchmarkFollowers takes")

// BenchmarkFollowers starts a leader and twenty followers that share one
// migration, and reports how long after its end the last one was ready, and how
// many gave up or were not ready a minute later. It takes two minutes.
func BenchmarkFollowers(b *testing.B) {
	dsn, aws := servers.StartPostgreSQL(b).DSN(), servers.StartDynalite(b)
	createLeases(b, aws)
	for _, p := range peers() {
		b.Run(p.name, func(b *testing.B) {
			var late time.Duration
			failed := 0
			for range b.N {
				l, f := fleet(b, newScene(b, dsn, aws), p)
				late, failed = max(late, l), failed+f
			}
			b.ReportMetric(late.Seconds(), "s-last-ready")
			b.ReportMetric(float64(failed)/float64(b.N), "failed")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// fleet returns how late the last of those was that did not fail.
func fleet(b *testing.B, s scene, p peer) (late time.Duration, failed int) {
	ctx, cancel := context.WithTimeout(b.Context(), *takes+time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	ends, errs := make([]time.Time, replicas), make([]error, replicas)
	for i := range replicas {
		wg.Go(func() {
			errs[i] = p.up(ctx, &replica{scene: s}, migration{sleep: *takes})
			ends[i] = time.Now()
		})
	}
	wg.Wait()
	var times int
	var done sql.NullTime
	check(b, handle(b, s.dsn, &counter{}).QueryRow(`SELECT count(*), max(at) FROM done`).Scan(&times, &done))
	if times != 1 {
		b.Errorf("migrated %d times", times)
	}
	for i, err := range errs {
		if err != nil {
			b.Logf("replica %d: %v", i, err)
			failed++
			continue
		}
		late = max(late, ends[i].Sub(done.Time))
	}
	return late, failed
}
