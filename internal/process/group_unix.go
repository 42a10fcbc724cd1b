//go:build unix

package process

import (
	"os"
	"syscall"
)

// signalGroup signals a process and its children.
func signalGroup(p *os.Process, sig syscall.Signal) error { return syscall.Kill(-p.Pid, sig) }
