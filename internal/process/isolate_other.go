//go:build !unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

func isolate(*exec.Cmd) {}

// signalGroup can only kill here, and only the process itself.
func signalGroup(p *os.Process, _ syscall.Signal) error { return p.Kill() }
