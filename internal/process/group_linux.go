package process

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// isolate gives cmd a process group of its own, and the kernel's order to kill
// it when this process dies.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// waited are the processes that somebody waits for: [Reap] leaves them alone.
var waited = struct {
	sync.Mutex
	pids map[int]bool
}{pids: map[int]bool{}}

func start(cmd *exec.Cmd) error {
	waited.Lock()
	defer waited.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	waited.pids[cmd.Process.Pid] = true
	return nil
}

func forget(pid int) {
	waited.Lock()
	defer waited.Unlock()
	delete(waited.pids, pid)
}

// reapGroup waits for the processes of a group that were left to this one, as
// process 1 of a container. Elsewhere there are none.
func reapGroup(pgid int) {
	for deadline := time.Now().Add(200 * time.Millisecond); time.Now().Before(deadline); {
		pid, err := syscall.Wait4(-pgid, nil, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return
		case pid == 0:
			time.Sleep(time.Millisecond)
		}
	}
}

// Reap waits for processes that have ended and that nobody else waits for:
// those whose parents died, and that the kernel gave to process 1 of the
// container. It does nothing in any other process.
func Reap() {
	if os.Getpid() != 1 {
		return
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	waited.Lock()
	defer waited.Unlock()
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || waited.pids[pid] {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		// After the name, which may hold anything: state and parent.
		// Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
		f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(f) > 1 && string(f[0]) == "Z" && string(f[1]) == "1" {
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
	}
}
