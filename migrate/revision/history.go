package revision

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Migration is one migration that an image brings.
type Migration struct {
	Version string `json:"version"`
	// Parents are those that it follows upon. Tools whose migrations form a
	// line have one, the migration before.
	Parents []string `json:"parents,omitempty"`
	// File is where it is.
	File string `json:"file,omitempty"`
}

// History is what an image brings, oldest first: parents come before those that
// follow upon them.
type History []Migration

// ErrUnknown is returned by [Stamp] if the version is not one of the image's.
var ErrUnknown = errors.New("the image does not know this version")

// find returns the migration of that version.
func (h History) find(version string) (Migration, bool) {
	i := slices.IndexFunc(h, func(m Migration) bool { return m.Version == version })
	if i < 0 {
		return Migration{}, false
	}
	return h[i], true
}

// upTo is the set of a version and all that it follows upon.
func (h History) upTo(version string) (map[string]bool, error) {
	if _, ok := h.find(version); !ok {
		newest := "it brings none"
		if n := len(h); n > 0 {
			newest = "its newest is " + h[n-1].Version
		}
		return nil, fmt.Errorf("%s: %w (%s)", version, ErrUnknown, newest)
	}
	set := map[string]bool{}
	for todo := []string{version}; len(todo) > 0; {
		v := todo[0]
		todo = todo[1:]
		if set[v] {
			continue
		}
		set[v] = true
		m, _ := h.find(v)
		todo = append(todo, m.Parents...)
	}
	return set, nil
}

// sorted puts parents first, and keeps the given order otherwise. It is an
// error when a migration follows upon itself.
func sorted(in []Migration) (History, error) {
	var out History
	state := map[string]int{} // 1 on the way, 2 placed
	var place func(m Migration) error
	place = func(m Migration) error {
		switch state[m.Version] {
		case 1:
			return fmt.Errorf("%s follows upon itself", m.Version)
		case 2:
			return nil
		}
		state[m.Version] = 1
		for _, p := range m.Parents {
			if parent, ok := History(in).find(p); ok {
				if err := place(parent); err != nil {
					return err
				}
			}
		}
		state[m.Version] = 2
		out = append(out, m)
		return nil
	}
	for _, m := range in {
		if err := place(m); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// numeric compares two decimal numbers of any length.
func numeric(a, b string) int {
	negative := func(s string) bool { return strings.HasPrefix(s, "-") }
	switch {
	case negative(a) && negative(b):
		return numeric(b[1:], a[1:])
	case negative(a):
		return -1
	case negative(b):
		return 1
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// number normalises a decimal number, or returns "" for something else.
func number(s string) string {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}
