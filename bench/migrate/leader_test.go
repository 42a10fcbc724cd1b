package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// asLeader makes the test binary be a process that migrates; its value is the
// name of the peer.
const asLeader = "BENCH_MIGRATE_LEADER"

// The scene of a leader, and how long its statement takes, "" for one that is
// idle in the database.
const (
	leaderDSN, leaderKey, leaderAWS, leaderDir = "BENCH_MIGRATE_DSN", "BENCH_MIGRATE_KEY", "BENCH_MIGRATE_AWS", "BENCH_MIGRATE_DIR"
	leaderSleep                                = "BENCH_MIGRATE_SLEEP"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(asLeader); name != "" {
		if err := lead(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func lead(name string) error {
	m := migration{}
	if sleep, err := time.ParseDuration(os.Getenv(leaderSleep)); err == nil {
		m.sleep = sleep
	} else {
		m.idle = func(ctx context.Context) error {
			fmt.Println("working")
			<-ctx.Done()
			return context.Cause(ctx)
		}
	}
	all := append(peers(), enders()...)
	p := all[slices.IndexFunc(all, func(p peer) bool { return p.name == name })]
	s := scene{dsn: os.Getenv(leaderDSN), key: os.Getenv(leaderKey), aws: os.Getenv(leaderAWS), dir: os.Getenv(leaderDir)}
	return p.up(context.Background(), &replica{scene: s}, m)
}

// startLeader returns when the process is at work. sleep is 0 for one that is
// idle in the database.
func startLeader(b *testing.B, s scene, p peer, sleep time.Duration, on *host) *exec.Cmd {
	args := []string{os.Args[0]}
	from := s
	if on != nil {
		args = append([]string{"ip", "netns", "exec", on.name}, args...)
		from.dsn = strings.Replace(s.dsn, "127.0.0.1", on.outside, 1)
		from.aws = strings.Replace(s.aws, "127.0.0.1", on.outside, 1)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), asLeader+"="+p.name, leaderDSN+"="+from.dsn, leaderKey+"="+s.key, leaderAWS+"="+from.aws, leaderDir+"="+s.dir)
	if sleep > 0 {
		cmd.Env = append(cmd.Env, leaderSleep+"="+sleep.String())
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	check(b, err)
	check(b, cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if b.Failed() {
			b.Logf("the leader: %s", log.Bytes())
		}
	})
	if sleep > 0 {
		awaitRunning(b, s)
		return cmd
	}
	line := make([]byte, len("working"))
	_, err = io.ReadFull(out, line) // or the end of a process that failed
	check(b, err)
	return cmd
}
