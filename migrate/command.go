package migrate

import (
	"context"
	"fmt"
	"strings"
)

// Command runs a command beside the database and returns what it printed, line
// by line. A command that exits with another code than 0 is an error, best a
// *[CommandError].
type Command func(ctx context.Context, args []string) (lines []string, err error)

// CommandError is a command that ran and failed.
type CommandError struct {
	Args  []string
	Code  int
	Lines []string
}

// Error names the command, its code and its last line.
func (e *CommandError) Error() string {
	s := fmt.Sprintf("%s: exit code %d", strings.Join(e.Args, " "), e.Code)
	if n := len(e.Lines); n > 0 {
		s += ": " + e.Lines[n-1]
	}
	return s
}
