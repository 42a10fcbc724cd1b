package bench

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stackrescue/stackrescue/internal/servers"
)

const (
	// patience caps the wait for the next leader.
	patience = 45 * time.Second
	// long is a statement that outlasts it.
	long = 60 * time.Second
)

// enders are ours that do not wait for a dead leader's statement, as they do by
// default.
func enders() []peer {
	return []peer{
		{"migrate/table+terminate", ours(inTable, terminates)}, {"migrate/session+terminate", ours(inSession, terminates)},
		{"migrate/dynamodb+terminate", ours(inDynamoDB, terminates)},
		{"migrate/table+limits", ours(inTable, limited)}, {"migrate/session+limits", ours(inSession, limited)},
	}
}

// BenchmarkTakeover ends a leader that is at work, outside of the database
// (idle) or in a statement (busy), and reports when the migration of one who
// waited ended. "killed" is SIGKILL; "vanished" is a host that went silent.
// capped is 1 where nobody followed within 45 s, failed where who waited gave
// up, and overlap where the dead leader's statement was still running. It takes
// fifteen minutes: use -timeout 30m.
func BenchmarkTakeover(b *testing.B) {
	b.Run("killed/idle", func(b *testing.B) { takeovers(b, peers(), 0, false) })
	b.Run("killed/busy", func(b *testing.B) { takeovers(b, append(peers(), enders()...), long, false) })
	b.Run("vanished/idle", func(b *testing.B) { takeovers(b, across(peers()), 0, true) })
	b.Run("vanished/busy", func(b *testing.B) { takeovers(b, across(append(peers(), enders()...)), long, true) })
}

// across leaves out the lock file: it is for one host.
func across(all []peer) []peer {
	return slices.DeleteFunc(all, func(p peer) bool { return p.name == "migrate/file" })
}

func takeovers(b *testing.B, all []peer, sleep time.Duration, vanish bool) {
	var h *host
	var settings []string
	if vanish {
		h = newHost(b) // before the server, which listens on its address
		settings = []string{"listen_addresses=127.0.0.1," + h.outside, "hba_file=" + trusting(b)}
	}
	dsn, aws := servers.StartPostgreSQL(b, settings...).DSN(), servers.StartDynalite(b)
	createLeases(b, aws)
	for _, p := range all {
		b.Run(p.name, func(b *testing.B) {
			var sum outcome
			for range b.N {
				sum.add(takeover(b, newScene(b, dsn, aws), p, sleep, h))
			}
			sum.report(b)
		})
	}
}

// outcome is what became of the one who waited.
type outcome struct {
	after                   time.Duration
	capped, failed, overlap int
}

func (o *outcome) add(n outcome) {
	o.after, o.capped, o.failed, o.overlap = o.after+n.after, o.capped+n.capped, o.failed+n.failed, o.overlap+n.overlap
}

func (o *outcome) report(b *testing.B) {
	per := func(n float64, unit string) { b.ReportMetric(n/float64(b.N), unit) }
	per(o.after.Seconds(), "s-until-next")
	per(float64(o.capped), "capped")
	per(float64(o.failed), "failed")
	per(float64(o.overlap), "overlap")
	per(0, "ns/op")
}

// takeover is one. h is where the leader runs, nil for here.
func takeover(b *testing.B, s scene, p peer, sleep time.Duration, h *host) outcome {
	if h != nil {
		h.appear(b)
	}
	cmd := startLeader(b, s, p, sleep, h)
	ctx, cancel := context.WithTimeout(b.Context(), patience+10*time.Second)
	defer cancel()
	next := make(chan error, 1)
	go func() { next <- p.up(ctx, &replica{scene: s}, migration{}) }()
	pause(b, 3*time.Second) // it has found the leader, and waits
	select {
	case err := <-next:
		b.Fatalf("did not wait: %v", err)
	default:
	}
	begin := time.Now()
	if h != nil {
		h.vanish(b)
	} else {
		check(b, cmd.Process.Kill())
	}
	cap := time.NewTimer(patience)
	defer cap.Stop()
	select {
	case err := <-next:
		if err != nil {
			b.Logf("gave up: %v", err)
			return outcome{after: time.Since(begin), failed: 1}
		}
	case <-cap.C:
		cancel()
		return outcome{after: patience, capped: 1}
	}
	var at time.Time
	var overlap bool
	check(b, handle(b, s.dsn, &counter{}).QueryRow(`SELECT at, overlap FROM done`).Scan(&at, &overlap))
	o := outcome{after: at.Sub(begin)}
	if overlap {
		o.overlap = 1
	}
	return o
}

// trusting is a pg_hba.conf that lets every address in.
func trusting(b *testing.B) string {
	dir, err := os.MkdirTemp("", "sr")
	check(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	check(b, os.Chmod(dir, 0o755))
	file := filepath.Join(dir, "pg_hba.conf")
	check(b, os.WriteFile(file, []byte("host all all 127.0.0.1/32 trust\nhost all all 198.18.77.0/30 trust\n"), 0o644))
	return file
}
