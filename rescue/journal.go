package rescue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// journalFile is the name of the journal in a folder of evidence: one
// [StepResult] a line, the oldest first.
const journalFile = "journal.jsonl"

// journal keeps a result in the folder of evidence, where there is one, and
// hands it to Options.Journal. When it returns nil the line is on disk.
func (o *Options) journal(r StepResult) error {
	if o.Evidence != "" {
		if err := appendJournal(o.Evidence, r); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	if o.Journal != nil {
		if err := o.Journal(r); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	return nil
}

func appendJournal(dir string, r StepResult) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, journalFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// readJournal reads the lines of a folder's journal. A last line that is not
// whole, as after a crash, is left out.
func readJournal(dir string) ([]StepResult, error) {
	data, err := os.ReadFile(filepath.Join(dir, journalFile))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var out []StepResult
	lines := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	for i, line := range lines {
		var r StepResult
		if err := json.Unmarshal(line, &r); err != nil {
			if i == len(lines)-1 {
				break
			}
			return nil, fmt.Errorf("journal: line %d: %w", i+1, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
