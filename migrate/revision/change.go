package revision

import (
	"errors"
	"fmt"
	"slices"
)

// ErrBackwards is returned by [Stamp] if it would take versions out of the table, or that
// nobody can say that it would not.
var ErrBackwards = errors.New("it would go backwards")

// Change is what a stamp is to write.
type Change struct {
	// Tool and Table say which of several tables is meant, such as "goose" and
	// "public.goose_db_version". "" where there is one.
	Tool  string `json:"tool,omitempty"`
	Table string `json:"table,omitempty"`
	// To is the version that the schema is at. For Django it is "app.name".
	To string `json:"to"`
	// History is what the image brings. With it, all versions that To follows
	// upon are recorded too, by tools that record each. Without it, only To
	// itself is.
	History History `json:"-"`
	// Backwards allows taking out of the table what lies beyond To: for a
	// migration that is recorded and was not applied, or was undone.
	Backwards bool `json:"backwards,omitempty"`
}

// stamper is how a table is corrected.
type stamper struct {
	// target is what the table should hold, given what it does.
	target func(before []Entry, c Change) ([]Entry, error)
	// insert and remove are for one entry; replace, where it is not nil, is for
	// one that takes the place of another. {} is the table.
	insert  func(e engine, add Entry) Statement
	remove  func(old Entry) Statement
	replace func(old, add Entry) Statement
}

// Statement is one that must change Rows rows, or any number where that is -1.
type Statement struct {
	SQL string `json:"sql"`
	// Args are the values of its placeholders, as text.
	Args []string `json:"args,omitempty"`
	Rows int64    `json:"rows"`

	// args are Args in the driver's types.
	args []any
}

func statement(query string, args []any, rows int64) Statement {
	s := Statement{SQL: query, Rows: rows, args: args}
	for _, a := range args {
		s.Args = append(s.Args, fmt.Sprint(a))
	}
	return s
}

// difference is what has to go and what has to come.
func difference(before, after []Entry) (remove, add []Entry) {
	for _, e := range before {
		if !slices.Contains(after, e) {
			remove = append(remove, e)
		}
	}
	for _, e := range after {
		if !slices.Contains(before, e) {
			add = append(add, e)
		}
	}
	return remove, add
}

// anyRows is for statements that may meet any number of rows.
const anyRows = -1

// statements bring the table from one content to the other.
func (s *stamper) statements(e engine, before, after []Entry) []Statement {
	remove, add := difference(before, after)
	if len(remove) == 1 && len(add) == 1 && s.replace != nil {
		return []Statement{s.replace(remove[0], add[0])}
	}
	var out []Statement
	for _, x := range remove {
		out = append(out, s.remove(x))
	}
	for _, x := range add {
		out = append(out, s.insert(e, x))
	}
	return out
}

// accumulate is the target of tools that record each version. beyond reports
// whether a recorded version lies beyond To.
func accumulate(before []Entry, c Change, beyond func(version string) bool) ([]Entry, error) {
	want := map[string]bool{c.To: true}
	if c.History != nil {
		var err error
		if want, err = c.History.upTo(c.To); err != nil {
			return nil, err
		}
	}
	var after []Entry
	var past []string
	for _, e := range before {
		if !want[e.Version] && beyond(e.Version) {
			past = append(past, e.Version)
			if c.Backwards {
				continue
			}
		}
		after = append(after, e)
	}
	missing := 0
	for _, v := range inOrder(want, c.History) {
		if e := (Entry{Version: v}); !slices.Contains(before, e) {
			after = append(after, e)
			missing++
		}
	}
	if missing == 0 && len(past) > 0 && !c.Backwards {
		return nil, fmt.Errorf("%s is recorded, and so is %s beyond it: %w", c.To, past[len(past)-1], ErrBackwards)
	}
	return after, nil
}

// inOrder lists a set as the history does, or in the order of the numbers.
func inOrder(set map[string]bool, h History) []string {
	var out []string
	for _, m := range h {
		if set[m.Version] {
			out = append(out, m.Version)
		}
	}
	if h == nil {
		for v := range set {
			out = append(out, v)
		}
		slices.SortFunc(out, numeric)
	}
	return out
}
