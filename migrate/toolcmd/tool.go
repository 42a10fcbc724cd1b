package toolcmd

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/stackrescue/stackrescue/migrate"
)

// Tool is a migration tool's commands. It is plain data, and survives JSON.
type Tool struct {
	// Name is such as "alembic".
	Name string `json:"name"`
	// Current prints the revision that the tool's table holds, Heads the
	// revision that the image brings. Both are needed.
	Current []string `json:"current,omitempty"`
	Heads   []string `json:"heads,omitempty"`
	// Stamp is the command that writes a revision into the table without
	// running anything; the revision is appended.
	Stamp []string `json:"stamp,omitempty"`
	// Revision is the regular expression of a line of output that holds a
	// revision, which is its first group; other lines are the tool's log.
	Revision string `json:"revision,omitempty"`
}

// Alembic is the tool of SQLAlchemy. prefix is put before each command, such
// as "poetry", "run".
//
// Source: https://alembic.sqlalchemy.org/en/latest/cookbook.html#stamping-the-database-with-a-revision
func Alembic(prefix ...string) Tool {
	with := func(args ...string) []string { return append(append([]string{}, prefix...), args...) }
	return Tool{
		Name:     "alembic",
		Current:  with("alembic", "current"),
		Heads:    with("alembic", "heads"),
		Stamp:    with("alembic", "stamp"),
		Revision: `^([0-9a-zA-Z_.-]+)(?: \((?:head|mergepoint|effective head)\))*$`,
	}
}

// parse reads revisions off a command's output; lines of the tool's log are
// passed over.
func (t Tool) parse(lines []string) ([]string, error) {
	revision, err := regexp.Compile(t.Revision)
	if err != nil || revision.NumSubexp() < 1 {
		return nil, fmt.Errorf("%s: Revision %q is not a regular expression with a group", t.Name, t.Revision)
	}
	var out []string
	for _, l := range lines {
		if m := revision.FindStringSubmatch(strings.TrimSpace(l)); m != nil {
			out = append(out, m[1])
		}
	}
	return out, nil
}

func (t Tool) one(what string, lines []string) (string, error) {
	revs, err := t.parse(lines)
	if err != nil {
		return "", err
	}
	if len(revs) != 1 {
		return "", fmt.Errorf("%s %s: %d revisions: %w", t.Name, what, len(revs), migrate.ErrOutput)
	}
	return revs[0], nil
}
