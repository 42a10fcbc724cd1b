package toolcmd

import (
	"cmp"
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
	heads, err := run(ctx, tool.Heads)
	if err != nil {
		return tool.table(nil, err, nil, nil)
	}
	current, err := run(ctx, tool.Current)
	return tool.table(heads, nil, current, err)
}

// table is what the two commands have printed.
func (t Tool) table(heads []string, headsErr error, current []string, currentErr error) (Table, error) {
	s := Table{Tool: t.Name}
	if err := cmp.Or(headsErr, currentErr); err != nil {
		return s, fmt.Errorf("inspect: %w", err)
	}
	var err error
	if s.Head, err = t.one("heads", heads); err != nil {
		return s, fmt.Errorf("inspect: %w", err)
	}
	if s.Revision, err = t.revision(current); err != nil {
		return s, fmt.Errorf("inspect: %w", err)
	}
	return s, nil
}

// revision is the one that the table holds; "" where it holds none.
func (t Tool) revision(lines []string) (string, error) {
	revs, err := t.parse(lines)
	if err != nil || len(revs) == 0 {
		return "", err
	}
	return t.one("current", lines)
}
