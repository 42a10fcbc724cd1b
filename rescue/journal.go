package rescue

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
