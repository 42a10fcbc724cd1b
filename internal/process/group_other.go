//go:build !linux

package process

import "os/exec"

func start(cmd *exec.Cmd) error { return cmd.Start() }

func forget(int) {}

func reapGroup(int) {}

// Reap does nothing on this system.
func Reap() {}
