package migrate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/internal/process"
	"github.com/stackrescue/stackrescue/internal/redact"
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
	// Defaults to 2 s. It should be shorter than [LeadOptions.Margin]: a lost
	// lease ends a program the same way.
	Grace time.Duration
}

// ExitError is a program that ended with another code than 0.
type ExitError struct {
	Args []string
	// Code is -1 for a program that was ended by a signal.
	Code int
	// Lines are the last ones that it printed, on either stream.
	Lines []string
	Err   error
}

// Error names the program, how it ended, and the last lines that it printed,
// without what has the shape of a password, a key or a token: it is kept in the
// store and reported to every process that waits.
func (e *ExitError) Error() string {
	s := fmt.Sprintf("%s: %v", strings.Join(e.Args, " "), e.Err)
	if len(e.Lines) > 0 {
		s += ": " + strings.Join(e.Lines, " | ")
	}
	return redact.Text(s)
}

// Unwrap is os/exec's own error.
func (e *ExitError) Unwrap() error { return e.Err }

// Run runs the program, and returns nil when it exited with 0: it is for a
// [Step]'s Run, or for [Func]. It runs in a process group of its own. When its
// context ends the group gets SIGTERM and, after Grace, SIGKILL; the error
// matches the context's cause, also if the program exits with 0 then. What it
// leaves behind in its group when it exits is killed. A program that exited with
// another code returns an [*ExitError].
//
// On Linux the kernel kills it when this process dies, but not what it has
// started itself; elsewhere all of it goes on, beside the next leader, with a
// fence that is out of date. Packages pglease and mylease let the next leader wait
// for what still runs in its database then.
func (p Program) Run(ctx context.Context, fence Fence) error {
	if len(p.Args) == 0 {
		return fmt.Errorf("%w: no program", exec.ErrNotFound)
	}
	cmd := exec.Command(p.Args[0], p.Args[1:]...)
	cmd.Env = append(append([]string{}, p.Env...), "MIGRATE_FENCE="+strconv.FormatInt(int64(fence), 10))
	cmd.Dir = p.Dir
	var said process.Tail
	cmd.Stdout = both(p.Stdout, &said)
	if cmd.Stderr = cmd.Stdout; !process.Same(p.Stdout, p.Stderr) {
		cmd.Stderr = both(p.Stderr, &said)
	}
	err := process.Run(ctx, cmd, cmp.Or(p.Grace, 2*time.Second))
	switch {
	case ctx.Err() != nil && err == nil:
		// Many programs end like that, wherever they were.
		return fmt.Errorf("%s: %w (it was told to stop, and exited with 0)", redact.Text(strings.Join(p.Args, " ")), context.Cause(ctx))
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w (%w)", redact.Text(strings.Join(p.Args, " ")), context.Cause(ctx), err)
	case err == nil:
		return nil
	}
	if cmd.ProcessState == nil {
		return err
	}
	return &ExitError{Args: p.Args, Code: cmd.ProcessState.ExitCode(), Lines: said.Lines(lastLines), Err: err}
}

// lastLines is how many lines of a program's output are kept for its error.
const lastLines = 5

// both writes to w, where there is one, and to the tail.
func both(w io.Writer, tail *process.Tail) io.Writer {
	if w == nil {
		return tail
	}
	return io.MultiWriter(tail, w)
}
