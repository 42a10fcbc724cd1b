//go:build !linux

package migrate

import (
	"os"
	"os/exec"
	"syscall"
)

func runGroup(cmd *exec.Cmd) error { return cmd.Run() }

func signalGroup(p *os.Process, sig syscall.Signal) error { return p.Signal(sig) }
