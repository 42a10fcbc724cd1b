package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// heard is a line and when it arrived, on the clock of this process.
type heard struct {
	line
	by *replica
	at time.Time
}

// replica is one process, as its parent sees it.
type replica struct {
	order
	cmd         *exec.Cmd
	store, data *proxy
	began       time.Time
	ended       chan struct{}
	endedAt     time.Time
	killed      bool // by a fault
	stopped     bool // told to stop by a fault
	overdue     bool // it had to be killed
}

// doomed are those of whom nothing is expected any longer.
func (r *replica) doomed() bool { return r.killed || r.stopped }

func (r *replica) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// start runs a replica, whose lines go to hear and log.
func start(t testing.TB, o order, storeTarget, dataTarget string, log *journal) *replica {
	r := &replica{order: o, store: newProxy(t, storeTarget), data: newProxy(t, dataTarget), began: time.Now(), ended: make(chan struct{})}
	t.Cleanup(func() { r.store.close(); r.data.close() })
	r.StoreAddr, r.DataAddr = r.store.addr(), r.data.addr()
	text, err := json.Marshal(r.order)
	require.NoError(t, err)
	r.cmd = exec.Command(os.Args[0])
	r.cmd.Env = []string{orderEnv + "=" + string(text), "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	stdin, err := r.cmd.StdinPipe()
	require.NoError(t, err)
	out := &lines{each: func(text []byte) { log.hear(r, text) }}
	r.cmd.Stdout, r.cmd.Stderr = out, out
	require.NoError(t, r.cmd.Start())
	go func() {
		defer close(r.ended)
		defer func() { _ = stdin.Close() }()
		_ = r.cmd.Wait() // the exit code is looked at later
		r.endedAt = time.Now()
	}()
	t.Cleanup(func() { r.signal(syscall.SIGKILL); <-r.ended })
	return r
}

// await waits for the end, and makes it where it does not come in time.
func (r *replica) await() {
	timer := time.NewTimer(time.Until(r.began.Add(r.MaxWait + grace)))
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
		r.overdue = true
		r.signal(syscall.SIGKILL)
		<-r.ended
	}
}

// signal does nothing to a process that has ended.
func (r *replica) signal(s os.Signal) {
	if err := r.cmd.Process.Signal(s); err != nil {
		return
	}
}

// lines cuts what is written into lines.
type lines struct {
	each func([]byte)
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		l.each(l.rest[:i])
		l.rest = l.rest[i+1:]
	}
}

// journal is all that happened in a run, in the order in which it was seen.
type journal struct {
	begin time.Time
	mu    sync.Mutex
	all   []heard
	text  bytes.Buffer
}

func (j *journal) hear(r *replica, text []byte) {
	at := time.Now()
	var l line
	err := json.Unmarshal(text, &l)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		j.all = append(j.all, heard{l, r, at})
	}
	fmt.Fprintf(&j.text, "%7.3fs %s %s\n", at.Sub(j.begin).Seconds(), r.Name, text)
}

// note adds what the harness did.
func (j *journal) note(format string, a ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(&j.text, "%7.3fs -- %s\n", time.Since(j.begin).Seconds(), fmt.Sprintf(format, a...))
}

func (j *journal) events() []heard {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]heard(nil), j.all...)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// leader is who said last that it leads, of the newest epoch. Nil for nobody.
func (j *journal) leader() (*replica, int64) {
	var r *replica
	var epoch int64
	for _, h := range j.events() {
		if h.Kind == leading && h.Fence > epoch {
			r, epoch = h.by, h.Fence
		}
	}
	return r, epoch
}
