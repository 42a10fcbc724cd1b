package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Program is the team's own migration tool.
type Program struct {
	// Args are the program and its arguments, at least one.
	Args []string
	// Env is its environment, such as [os.Environ]. MIGRATE_FENCE, with the
	// fence, is added. Nil for that alone.
	Env []string
	// Dir is where it runs, "" for here.
	Dir string
	// Stdout and Stderr get what it prints. Nil for nowhere. They are written
	// to by one goroutine at a time each.
	Stdout, Stderr io.Writer
	// Grace is how long it may take to end after SIGTERM before it is killed.
	// Defaults to 2 s. It should be shorter than [LeaseOptions.Margin]: a lost
	// lease ends a program the same way.
	Grace time.Duration
}

// ExitError is a program that ended with another code than 0.
type ExitError struct {
	Args []string
	// Code is -1 for a program that was ended by a signal.
	Code int
	Err  error
}

// Error names the program and how it ended.
func (e *ExitError) Error() string { return fmt.Sprintf("%s: %v", strings.Join(e.Args, " "), e.Err) }

// Unwrap is os/exec's own error.
func (e *ExitError) Unwrap() error { return e.Err }

// Exec is a step's Run, or [Func]'s, that runs p, and returns nil when it
// exited with 0. When its context ends the program gets SIGTERM and, after its
// Grace, SIGKILL, it and its children; the error matches the context's cause.
//
// On Linux the kernel kills it when this process dies. Elsewhere it goes on
// then, beside the next leader, with a fence that is out of date.
func Exec(p Program) func(context.Context, Fence) error {
	return func(ctx context.Context, fence Fence) error {
		if len(p.Args) == 0 {
			return fmt.Errorf("%w: no program", exec.ErrNotFound)
		}
		cmd := exec.CommandContext(ctx, p.Args[0], p.Args[1:]...)
		cmd.Env = append(append([]string{}, p.Env...), "MIGRATE_FENCE="+strconv.FormatInt(int64(fence), 10))
		cmd.Dir, cmd.Stdout, cmd.Stderr = p.Dir, p.Stdout, p.Stderr
		cmd.WaitDelay = cmp.Or(p.Grace, 2*time.Second)
		cmd.Cancel = func() error { return signalGroup(cmd.Process, syscall.SIGTERM) }
		err := runGroup(cmd)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w (%w)", strings.Join(p.Args, " "), context.Cause(ctx), err)
		}
		if cmd.ProcessState == nil {
			return err
		}
		return &ExitError{Args: p.Args, Code: cmd.ProcessState.ExitCode(), Err: err}
	}
}

// ProbeCommand is a probe by a command: exit code 0 means that it is done, 1
// that it is not; any other code is an error. The last line that it printed is
// the version.
func ProbeCommand(run Command, args []string) Probe {
	return func(ctx context.Context) (State, error) {
		lines, err := run(ctx, args)
		var s State
		if n := len(lines); n > 0 {
			s.Version = strings.TrimSpace(lines[n-1])
		}
		if err == nil {
			s.Done = true
			return s, nil
		}
		if e, ok := errors.AsType[*CommandError](err); ok && e.Code == 1 {
			return s, nil
		}
		return State{}, err
	}
}
