package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// pass prints what an inspection or a stamp in the task has handed back, also
// of one that ended with an exit code of its own.
func pass(w io.Writer, lines []string, kind string, err error) error {
	v, rerr := migrate.ReadHandback[json.RawMessage](lines, kind)
	if rerr != nil {
		return cmp.Or(err, rerr)
	}
	return errors.Join(print(w, v), err)
}

// handsBack is the kind of what the command hands back, "" for nothing.
func handsBack(command []string) string {
	if i := slices.Index(command, "--"); i >= 0 {
		command = command[:i]
	}
	if !slices.Contains(command, "-handback") && !slices.Contains(command, "--handback") {
		return ""
	}
	for _, word := range command {
		switch word {
		case "run":
			return migrate.KindResult
		case "inspect":
			return revision.KindInspection
		case "stamp":
			return revision.KindStamped
		}
	}
	return ""
}
