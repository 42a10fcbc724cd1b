package bench

import (
	"testing"

	"github.com/stackrescue/stackrescue/internal/servers"
)

// BenchmarkNoOpStart starts a process, with connections of its own, on a
// database that is migrated already.
func BenchmarkNoOpStart(b *testing.B) {
	dsn, aws := servers.StartPostgreSQL(b).DSN(), servers.StartDynalite(b)
	createLeases(b, aws)
	for _, p := range peers() {
		b.Run(p.name, func(b *testing.B) {
			s := newScene(b, dsn, aws)
			check(b, p.up(b.Context(), &replica{scene: s}, migration{}))
			r := &replica{scene: s}
			for b.Loop() {
				check(b, p.up(b.Context(), r, migration{}))
			}
			work, store := r.work.take(), r.store.take()
			per := func(n int, unit string) { b.ReportMetric(float64(n)/float64(b.N), unit) }
			per(len(work.said)+len(store.said), "sent/op")
			per(work.locks()+store.locks(), "locks/op")
			per(len(work.writes())+len(store.writes()), "writes/op")
			per(work.connected+store.connected, "connections/op")
		})
	}
}
