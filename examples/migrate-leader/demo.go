package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

// demo starts five replicas on one lock file, kills the leader in the middle of
// the migration, and shows that another one takes over and all get ready.
func demo(ctx context.Context, _ []string, stdout, _ io.Writer) error {
	dir, err := os.MkdirTemp("", "migrate-leader-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	d := &stage{begin: time.Now(), out: stdout}
	ledger, marker := filepath.Join(dir, "ledger"), filepath.Join(dir, "migrated")
	work := fmt.Sprintf(`echo "begin $MIGRATE_FENCE" >>%[1]s; sleep 2; echo "end $MIGRATE_FENCE" >>%[1]s; touch %[2]s`, ledger, marker)
	procs := map[string]*exec.Cmd{}
	var wg sync.WaitGroup
	ready, names := 0, []string{"ann", "bob", "cat", "dan", "eve"}
	for _, name := range names {
		cmd := exec.CommandContext(ctx, self, "run", "-store", "file:"+dir, "-key", "demo", "-owner", name, "-interval", "200ms",
			"-probe", "test -e "+marker, "--", "/bin/sh", "-c", work, "-then", "/bin/echo", "ready to serve")
		pipe, w := io.Pipe()
		cmd.Stdout, cmd.Stderr = w, w
		if err := cmd.Start(); err != nil {
			return err
		}
		procs[name] = cmd
		wg.Go(func() { d.tell(name, pipe) })
		wg.Go(func() {
			if cmd.Wait() == nil {
				d.count(&ready)
			}
			_ = w.Close()
		})
	}
	killed, err := kill(ctx, migrate.FileStore(dir), ledger, procs)
	if err == nil {
		d.say("demo", "kill -9 "+killed+" in the middle of the migration")
	}
	wg.Wait()
	lines, rerr := os.ReadFile(ledger)
	if err = errors.Join(err, rerr); err != nil {
		return err
	}
	got := strings.Join(strings.Fields(string(lines)), " ")
	d.say("demo", fmt.Sprintf("%d of %d replicas are ready, 1 was killed; the migration's own ledger: %s", ready, len(names), got))
	if got != "begin 1 begin 2 end 2" || ready != len(names)-1 {
		return fmt.Errorf("that is not what should have happened")
	}
	return nil
}

// kill waits until somebody has begun to migrate, and ends it as if its host had vanished.
func kill(ctx context.Context, store migrate.Store, ledger string, procs map[string]*exec.Cmd) (string, error) {
	for {
		rec, err := store.Read(ctx, "demo")
		if err != nil {
			return "", err
		}
		owner, _, _ := strings.Cut(rec.Owner, "#")
		if _, err := os.Stat(ledger); err == nil && procs[owner] != nil {
			time.Sleep(500 * time.Millisecond)
			return owner, procs[owner].Process.Kill()
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stage prints what all say, one line at a time.
type stage struct {
	mu    sync.Mutex
	begin time.Time
	out   io.Writer
}

func (d *stage) say(who, line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.out, "%5.1fs %-4s %s\n", time.Since(d.begin).Seconds(), who, strings.TrimPrefix(line, "migrate-leader: "))
}

func (d *stage) count(n *int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*n++
}

func (d *stage) tell(who string, r io.Reader) {
	for s := bufio.NewScanner(r); s.Scan(); {
		d.say(who, s.Text())
	}
}
