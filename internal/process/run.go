package process

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// drain is how long output is waited for after everything in the group has
// ended: only a process that left the group can hold it back.
const drain = time.Second

// Run starts cmd, which must not come from [exec.CommandContext], and returns
// when it and its group have ended. When ctx is done the group gets SIGTERM and,
// after grace, SIGKILL; with no grace SIGKILL at once. Processes that cmd left
// behind in its group are killed when it exits. On Linux the kernel kills cmd
// when this process dies.
//
// The error is that of [exec.Cmd.Wait]: output that could not be written, or
// that a process outside the group holds back, is not one.
func Run(ctx context.Context, cmd *exec.Cmd, grace time.Duration) error {
	// The death signal is bound to the thread that starts the process.
	// Source: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := redirect(cmd)
	if err != nil {
		return err
	}
	isolate(cmd)
	if err := start(cmd); err != nil {
		out.started()
		out.close()
		return err
	}
	out.started()
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { interrupt(ctx, cmd.Process, grace, ended) })
	err = cmd.Wait()
	close(ended)
	wg.Wait()
	_ = signalGroup(cmd.Process, syscall.SIGKILL)
	reapGroup(cmd.Process.Pid)
	forget(cmd.Process.Pid)
	Reap()
	out.wait()
	return err
}

// interrupt ends the group when ctx is done before the process has ended.
func interrupt(ctx context.Context, p *os.Process, grace time.Duration, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	if grace > 0 {
		_ = signalGroup(p, syscall.SIGTERM)
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-ended:
			return
		case <-timer.C:
		}
	}
	_ = signalGroup(p, syscall.SIGKILL)
}

// output is the pipes between a process and writers that are not files.
type output struct {
	mu     sync.Mutex
	theirs []*os.File
	ours   []*os.File
	wg     sync.WaitGroup
}

// redirect puts pipes in the place of writers. os/exec would do so too, and
// then wait for everybody who inherited one.
func redirect(cmd *exec.Cmd) (*output, error) {
	o := &output{}
	same := cmd.Stdout != nil && Same(cmd.Stdout, cmd.Stderr)
	var err error
	if cmd.Stdout, err = o.pipe(cmd.Stdout); err != nil {
		return nil, err
	}
	if same {
		cmd.Stderr = cmd.Stdout
		return o, nil
	}
	if cmd.Stderr, err = o.pipe(cmd.Stderr); err != nil {
		o.started()
		o.close()
		return nil, err
	}
	return o, nil
}

// Same compares writers, whose types may not be comparable.
func Same(a, b io.Writer) (same bool) {
	defer func() { _ = recover() }()
	return a == b
}

func (o *output) pipe(w io.Writer) (io.Writer, error) {
	if f, ok := w.(*os.File); ok {
		return f, nil
	}
	if w == nil {
		return nil, nil
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o.ours, o.theirs = append(o.ours, ours), append(o.theirs, theirs)
	o.wg.Go(func() {
		_, _ = io.Copy(w, ours)
		_, _ = io.Copy(io.Discard, ours) // the process must not block on a writer that failed
	})
	return theirs, nil
}

// started closes the ends that the process has now.
func (o *output) started() {
	for _, f := range o.theirs {
		_ = f.Close()
	}
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.ours {
		_ = f.Close()
	}
	o.ours = nil
}

// wait returns when all output was written, or nobody can write any longer.
func (o *output) wait() {
	timer := time.AfterFunc(drain, o.close)
	o.wg.Wait()
	timer.Stop()
	o.close()
}
