package main

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// TestProof lets five processes migrate one database, does to them at random
// what happens to processes, and checks what is left in the database.
// MIGRATE_SEEDS is how many times, 6 by default: the library's own proof is
// bench/migrate/proof.
func TestProof(t *testing.T) {
	server := servers.StartPostgreSQL(t)
	aws := servers.StartDynalite(t)
	admin := open(t, server.DSN())
	require.NoError(t, pglease.Create(t.Context(), admin))
	_, err := admin.Exec(ledger)
	require.NoError(t, err)
	client := dynamodb.New(dynamodb.Options{BaseEndpoint: &aws, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	_, err = client.CreateTable(t.Context(), dynamolease.TableInput("leases"))
	require.NoError(t, err)
	seeds, _ := strconv.Atoi(cmp.Or(os.Getenv("MIGRATE_SEEDS"), "6"))
	stores := []string{"postgres:" + server.DSN(), "postgres-session:" + server.DSN(), "dynamodb:leases"}
	slots := make(chan struct{}, 3)
	t.Run("seeds", func(t *testing.T) {
		for seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				p := proof{t: t, admin: admin, server: server, aws: aws, key: fmt.Sprint("proof", seed), rng: rand.New(rand.NewPCG(1, uint64(seed)))}
				p.run(func(int) string { return stores[seed%len(stores)] })
				if v := p.violations(); len(v) > 0 {
					t.Errorf("%s: %s\n%s", p.did.String(), strings.Join(v, "\n"), p.log.String())
				}
			})
		}
	})
	t.Run("control", func(t *testing.T) {
		// Locks that exclude nobody, and no fence: it must be found out.
		p := proof{t: t, admin: admin, server: server, aws: aws, key: "control", rng: rand.New(rand.NewPCG(1, 1)), naive: true}
		dir := t.TempDir()
		p.run(func(i int) string { return fmt.Sprintf("file:%s/%d", dir, i) })
		v := strings.Join(p.violations(), "\n")
		require.Contains(t, v, "overlap")
		require.Contains(t, v, "times")
	})
}

// proof is one run.
type proof struct {
	t      *testing.T
	admin  *sql.DB
	server *servers.PostgreSQL
	aws    string
	key    string
	rng    *rand.Rand
	naive  bool

	log, did lines
	bad      []string
}

// replica is one process and what was done to it.
type replica struct {
	cmd   *exec.Cmd
	ended chan struct{}
	// doomed was told or made to end.
	doomed bool
}

func (p *proof) start(i int, store string) *replica {
	work, probe := asMain+"=work "+os.Args[0], asMain+"=probe "+os.Args[0]
	cmd := command(context.WithoutCancel(p.t.Context()), "run", "-store", store, "-key", p.key, "-owner", fmt.Sprint("r", i), "-lease", "1200ms", "-interval", "100ms",
		"-drain", "150ms", "-attempts", "1000", "-max-wait", "60s", "-probe", probe, "--", "/bin/sh", "-c", work)
	cmd.Env = append(cmd.Env, toolDSN+"="+p.server.DSN(), toolKey+"="+p.key, "AWS_ENDPOINT_URL_DYNAMODB="+p.aws, "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_REGION=us-east-1")
	if p.naive {
		cmd.Env = append(cmd.Env, toolNaive+"=1")
	}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	require.NoError(p.t, cmd.Start())
	r := &replica{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		_ = cmd.Wait()
	}()
	return r
}

func (p *proof) run(store func(int) string) {
	var rs []*replica
	for i := range 5 {
		rs = append(rs, p.start(i, store(i)))
	}
	var wg sync.WaitGroup
	for range 4 {
		if p.naive {
			break
		}
		wait(p.t.Context(), time.Duration(100+p.rng.IntN(500))*time.Millisecond)
		p.fault(rs, &wg)
	}
	wg.Wait()
	for i, r := range rs {
		select {
		case <-r.ended:
		case <-time.After(70 * time.Second):
			p.bad = append(p.bad, fmt.Sprintf("I6: r%d did not end", i))
			_ = r.cmd.Process.Kill()
			<-r.ended
		}
		if code := r.cmd.ProcessState.ExitCode(); !r.doomed && code != 0 && (p.naive || code != 4) {
			p.bad = append(p.bad, fmt.Sprintf("I5: r%d exited with %d", i, code))
		}
	}
}

// fault does something to a process, mostly to one that leads.
func (p *proof) fault(rs []*replica, wg *sync.WaitGroup) {
	i := p.rng.IntN(len(rs))
	if rec, _, err := leaderOf(p, rs); err == nil && p.rng.IntN(3) > 0 {
		i = rec
	}
	r := rs[i]
	alive := 0
	for _, x := range rs {
		if !x.doomed {
			alive++
		}
	}
	what := p.rng.IntN(4)
	if what < 2 && (r.doomed || alive < 3) {
		what = 2
	}
	switch what {
	case 0:
		r.doomed = true
		fmt.Fprintf(&p.did, "kill r%d; ", i)
		_ = r.cmd.Process.Kill()
	case 1:
		r.doomed = true
		fmt.Fprintf(&p.did, "stop r%d; ", i)
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
	case 2:
		fmt.Fprintf(&p.did, "pause r%d; ", i)
		_ = r.cmd.Process.Signal(syscall.SIGSTOP)
		wg.Go(func() {
			wait(p.t.Context(), 2500*time.Millisecond) // two leases
			_ = r.cmd.Process.Signal(syscall.SIGCONT)
		})
	case 3:
		fmt.Fprint(&p.did, "end the lock's connection; ")
		_, _ = p.admin.Exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted`)
	}
}

// leaderOf finds the replica that is said to lead last.
func leaderOf(p *proof, rs []*replica) (int, string, error) {
	text := p.log.String()
	at := strings.LastIndex(text, "leading epoch ")
	if at < 0 {
		return 0, "", os.ErrNotExist
	}
	var epoch, i int
	_, err := fmt.Sscanf(text[at:], "leading epoch %d r%d#", &epoch, &i)
	if err == nil && i >= len(rs) {
		err = os.ErrNotExist
	}
	return i, "", err
}

// violations reads the ledger: I1 no overlap, I2 epochs grow, I3 every step
// once.
func (p *proof) violations() []string {
	bad := p.bad
	rows, err := p.admin.Query(`SELECT step, epoch, pid, t0, t1 FROM ledger WHERE key = $1 ORDER BY t0`, p.key)
	require.NoError(p.t, err)
	defer rows.Close()
	times := map[int]int{}
	var lastEpoch int64
	var lastPid int
	var lastEnd time.Time
	for rows.Next() {
		var step, pid int
		var epoch int64
		var t0, t1 time.Time
		require.NoError(p.t, rows.Scan(&step, &epoch, &pid, &t0, &t1))
		times[step]++
		if t0.Before(lastEnd) && pid != lastPid {
			bad = append(bad, fmt.Sprintf("I1: step %d of epoch %d overlaps with epoch %d", step, epoch, lastEpoch))
		}
		if epoch < lastEpoch {
			bad = append(bad, fmt.Sprintf("I2: epoch %d after %d", epoch, lastEpoch))
		}
		lastEpoch, lastPid = max(lastEpoch, epoch), pid
		if t1.After(lastEnd) {
			lastEnd = t1
		}
	}
	require.NoError(p.t, rows.Err())
	for step := range toolSteps {
		if n := times[step]; n != 1 {
			bad = append(bad, fmt.Sprintf("I3: step %d was done %d times", step, n))
		}
	}
	return bad
}
