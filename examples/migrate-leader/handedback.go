package main

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"github.com/stackrescue/stackrescue/migrate"
)

// pass prints what an inspection or a stamp in the task has handed back, also
// of one that ended with an exit code of its own.
func pass[T any](w io.Writer, lines []string, err error) error {
	v, rerr := migrate.ReadHandback[T](lines)
	if rerr != nil {
		return cmp.Or(err, rerr)
	}
	return errors.Join(print(w, v), err)
}

// handsBack is the verb of the command if it hands something back, "" if not.
func handsBack(command []string) string {
	if i := slices.Index(command, "--"); i >= 0 {
		command = command[:i]
	}
	if !slices.Contains(command, "-handback") && !slices.Contains(command, "--handback") {
		return ""
	}
	for _, word := range command {
		switch word {
		case "run", "inspect", "stamp":
			return word
		}
	}
	return ""
}
