package toolcmd

import (
	"context"
	"errors"
	"fmt"
)

// Table is what a migration tool's table holds, beside what the image brings.
type Table struct {
	Tool string `json:"tool"`
	// Revision is what the tool's table holds, "" for an empty table; Head is
	// what the image brings.
	Revision string `json:"revision"`
	Head     string `json:"head"`
}

// Current reports whether the table holds what the image brings.
func (s Table) Current() bool { return s.Revision == s.Head }

// Inspect asks the tool which revision its table holds. It changes nothing. It
// returns [migrate.ErrOutput] if the output cannot be read.
//
// Runs two commands. Safe to repeat.
func Inspect(ctx context.Context, run Command, tool Tool) (Table, error) {
	s := Table{Tool: tool.Name}
	if run == nil || len(tool.Heads) == 0 || len(tool.Current) == 0 {
		return s, fmt.Errorf("inspect: %w: a command and a tool with Current and Heads are needed", errors.ErrUnsupported)
	}
	lines, err := run(ctx, tool.Heads)
	if err != nil {
		return s, fmt.Errorf("inspect: %w", err)
	}
	if s.Head, err = tool.one("heads", lines); err != nil {
		return s, fmt.Errorf("inspect: %w", err)
	}
	if lines, err = run(ctx, tool.Current); err != nil {
		return s, fmt.Errorf("inspect: %w", err)
	}
	revs, err := tool.parse(lines)
	if err != nil {
		return s, fmt.Errorf("inspect: %w", err)
	}
	if len(revs) > 0 {
		if s.Revision, err = tool.one("current", lines); err != nil {
			return s, fmt.Errorf("inspect: %w", err)
		}
	}
	return s, nil
}
