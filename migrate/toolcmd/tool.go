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
	Current []string `json:"current"`
	Heads   []string `json:"heads"`
	// Stamp is the command that writes a revision into the table without
	// running anything; the revision is appended.
	Stamp []string `json:"stamp"`
}

// revision is how a tool prints a revision on a line of its own.
var revision = regexp.MustCompile(`^([0-9a-zA-Z_.-]+)(?: \((?:head|mergepoint|effective head)\))*$`)

// Alembic is the tool of SQLAlchemy. prefix is put before each command, such
// as "poetry", "run".
//
// Source: https://alembic.sqlalchemy.org/en/latest/cookbook.html#stamping-the-database-with-a-revision
func Alembic(prefix ...string) Tool {
	with := func(args ...string) []string { return append(append([]string{}, prefix...), args...) }
	return Tool{
		Name:    "alembic",
		Current: with("alembic", "current"),
		Heads:   with("alembic", "heads"),
		Stamp:   with("alembic", "stamp"),
	}
}

// parse reads revisions off a command's output; lines of the tool's log are
// passed over.
func (t Tool) parse(lines []string) []string {
	var out []string
	for _, l := range lines {
		if m := revision.FindStringSubmatch(strings.TrimSpace(l)); m != nil {
			out = append(out, m[1])
		}
	}
	return out
}

func (t Tool) one(what string, lines []string) (string, error) {
	revs := t.parse(lines)
	if len(revs) != 1 {
		return "", fmt.Errorf("%s %s: %d revisions: %w", t.Name, what, len(revs), migrate.ErrOutput)
	}
	return revs[0], nil
}
