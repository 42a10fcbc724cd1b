//go:build unix

package servers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// unprivileged is who servers run as that refuse to be root, and owns dir. It
// is nil for the present user.
func unprivileged(t testing.TB, dir string) *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	check(t, err)
	uid, err := strconv.Atoi(u.Uid)
	check(t, err)
	gid, err := strconv.Atoi(u.Gid)
	check(t, err)
	check(t, os.Chown(dir, uid, gid))
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// directory is one that another user can reach, with a name short enough for
// Unix sockets.
func directory(t testing.TB) string {
	dir, err := os.MkdirTemp("", "sr")
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// command runs as cred, in dir, with an environment of its own.
func command(cred *syscall.Credential, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Setpgid: true}
	return cmd
}

// once runs a program to its end.
func once(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Path, err, out)
	}
}

// serve runs a server until the test ends, and shows its log if it failed.
func serve(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	log := new(tail)
	cmd.Stdout, cmd.Stderr = log, log
	check(t, cmd.Start())
	t.Cleanup(func() {
		stop(cmd, nil)
		show(t, cmd, log)
	})
}

// supervise is serve for a server that is started again when it ends by itself, as
// systemd does it. again makes the command anew.
func supervise(t testing.TB, again func() *exec.Cmd) {
	t.Helper()
	log := new(tail)
	start := func() *exec.Cmd {
		cmd := again()
		cmd.Stdout, cmd.Stderr = log, log
		return cmd
	}
	cmd := start()
	check(t, cmd.Start())
	ended, quit := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	go func() {
		defer close(ended)
		for {
			_ = cmd.Wait()
			select {
			case <-quit:
				return
			case <-time.After(100 * time.Millisecond):
			}
			mu.Lock()
			select {
			case <-quit:
				mu.Unlock()
				return
			default:
			}
			_, _ = fmt.Fprintf(log, "-- started again after %s\n", cmd.ProcessState)
			next := start()
			if err := next.Start(); err != nil {
				_, _ = fmt.Fprintln(log, err)
				mu.Unlock()
				return
			}
			cmd = next
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		mu.Lock()
		close(quit)
		last := cmd
		mu.Unlock()
		stop(last, ended)
		show(t, last, log)
	})
}

// stop ends a server, and waits for it or for ended.
func stop(cmd *exec.Cmd, ended <-chan struct{}) {
	_ = cmd.Process.Signal(syscall.SIGCONT)
	_ = cmd.Process.Signal(syscall.SIGINT)
	timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if ended != nil {
		<-ended
		return
	}
	_ = cmd.Wait()
}

func show(t testing.TB, cmd *exec.Cmd, log *tail) {
	if t.Failed() {
		t.Logf("%s:\n%s", cmd.Path, log)
	}
}

// tail keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex
	all []byte
}

// Write adds text.
func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, p...)
	w.all = w.all[max(0, len(w.all)-4000):]
	return len(p), nil
}

// String is what is kept.
func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.all)
}

// FreePort is a port that nobody listened on a moment ago.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually waits until ready, for a minute.
func eventually(t testing.TB, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if ready() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", what)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
