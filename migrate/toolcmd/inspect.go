package toolcmd

import (
	"context"
	"fmt"
)

// Table is where a database's migrations stand.
type Table struct {
	Tool string `json:"tool"`
	// Revision is what the tool's table holds, "" for an empty table; Head is
	// what the image brings.
	Revision string `json:"revision"`
	Head     string `json:"head"`
}

// Current reports whether the table holds what the image brings.
func (s Table) Current() bool { return s.Revision == s.Head }

// Inspect asks the tool where the table stands. It changes nothing. An output
// that cannot be read is [migrate.ErrOutput].
//
// Runs two commands. Safe to repeat.
func Inspect(ctx context.Context, run Command, tool Tool) (Table, error) {
	s := Table{Tool: tool.Name}
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
