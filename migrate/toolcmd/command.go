package toolcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/internal/process"
	"github.com/stackrescue/stackrescue/internal/redact"
	"github.com/stackrescue/stackrescue/migrate"
)

// Command runs a command beside the database and returns what it printed, line
// by line. A command that exits with another code than 0 is an error, best a
// *[CommandError].
type Command func(ctx context.Context, args []string) (lines []string, err error)

// CommandError is a command that ran and failed.
type CommandError struct {
	Args []string
	// Code is the exit code, -1 for a command that was ended by a signal.
	Code  int
	Lines []string
}

// Error names the command, its code and its last line, without what has the
// shape of a secret.
func (e *CommandError) Error() string {
	s := fmt.Sprintf("%s: exit code %d", strings.Join(e.Args, " "), e.Code)
	if e.Code < 0 {
		s = strings.Join(e.Args, " ") + ": ended by a signal"
	}
	if n := len(e.Lines); n > 0 {
		s += ": " + e.Lines[n-1]
	}
	return redact.Text(s)
}

// Local is a [Command] on this machine: args[0] is the program. It runs in a
// process group of its own, and the group is killed when the program exits or
// ctx is done: nothing it started outlasts it. Lines are of its standard output;
// those of a [CommandError] of its standard error, at most the last 4 KiB.
func Local(ctx context.Context, args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: no program", exec.ErrNotFound)
	}
	cmd := exec.Command(args[0], args[1:]...)
	out, errs := process.Tail{Size: 1 << 20}, process.Tail{}
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := process.Run(ctx, cmd, 0)
	if ctx.Err() != nil && err != nil {
		last := fmt.Errorf("%s: %w", redact.Text(strings.Join(args, " ")), err)
		if said := append(out.Lines(1), errs.Lines(1)...); len(said) > 0 {
			last = fmt.Errorf("%w: it last printed %q", last, redact.Text(said[len(said)-1]))
		}
		return nil, poll.Ended(ctx, last)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		said := errs.Lines(100)
		if len(said) == 0 {
			said = out.Lines(100)
		}
		return out.Lines(maxLines), &CommandError{Args: args, Code: exit.ExitCode(), Lines: said}
	}
	return out.Lines(maxLines), err
}

const maxLines = 1000

// ProbeCommand is a probe by a command: exit code 0 means that it is done, 1
// that it is not; any other code is an error. The last line that it printed is
// the version.
//
// A command that cannot be run at all returns [migrate.ErrProbe]: its program is
// not there or not executable, which shells report as 127 and 126, or a signal
// has ended it three times in a row.
func ProbeCommand(run Command, args []string) migrate.Probe {
	var signals atomic.Int32
	return func(ctx context.Context) (migrate.State, error) {
		lines, err := run(ctx, args)
		var s migrate.State
		if n := len(lines); n > 0 {
			s.Version = strings.TrimSpace(lines[n-1])
		}
		e, failed := errors.AsType[*CommandError](err)
		if !failed || e.Code >= 0 {
			signals.Store(0)
		} else if signals.Add(1) >= 3 {
			return s, fmt.Errorf("%w: %w", migrate.ErrProbe, err)
		}
		switch {
		case err == nil:
			s.Done = true
			return s, nil
		case failed && e.Code == 1:
			return s, nil
		case failed && (e.Code == 126 || e.Code == 127), ctx.Err() == nil && !failed && unrunnable(err):
			return migrate.State{}, fmt.Errorf("%w: %w", migrate.ErrProbe, err)
		}
		return migrate.State{}, err
	}
}

// unrunnable reports whether a program cannot be started, now or later.
func unrunnable(err error) bool {
	return errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOEXEC)
}
