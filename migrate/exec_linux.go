package migrate

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// runGroup runs cmd in a process group of its own, which ends with it, and with
// this process.
func runGroup(cmd *exec.Cmd) error {
	// The death signal is bound to the thread that starts the process.
	// Source: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	return err
}

// signalGroup signals a process and its children.
func signalGroup(p *os.Process, sig syscall.Signal) error { return syscall.Kill(-p.Pid, sig) }
