package migrate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Tool is a migration tool as far as a rescue talks to it.
type Tool struct {
	// Name is such as "alembic".
	Name string
	// Current prints the revision that the tool's table holds, Heads the
	// revision that the image brings.
	Current, Heads []string
	// Stamp is the command that writes a revision into the table without
	// running anything; the revision is appended.
	Stamp []string

	revision *regexp.Regexp
}

// ErrOutput means that a tool printed something else than expected.
var ErrOutput = errors.New("unexpected output")

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
		revision: regexp.MustCompile(`^([0-9a-zA-Z_.-]+)(?: \((?:head|mergepoint|effective head)\))*$`),
	}
}

// parse reads revisions off a command's output; lines of the tool's log are
// passed over.
func (t Tool) parse(lines []string) []string {
	var out []string
	for _, l := range lines {
		if m := t.revision.FindStringSubmatch(strings.TrimSpace(l)); m != nil {
			out = append(out, m[1])
		}
	}
	return out
}

func (t Tool) one(what string, lines []string) (string, error) {
	revs := t.parse(lines)
	if len(revs) != 1 {
		return "", fmt.Errorf("%s %s: %d revisions: %w", t.Name, what, len(revs), ErrOutput)
	}
	return revs[0], nil
}
