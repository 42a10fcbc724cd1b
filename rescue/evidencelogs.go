package rescue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/neutral"
)

// logsFolder is where the logs of tasks are written as text, in a folder of evidence.
const logsFolder = "logs"

// early writes what has been read before the calls that may fail: the stacks, and the
// tasks that ECS is about to forget. Whatever ends the program from here on, they are
// on disk. What prevents that is a problem, and ends nothing: the answer is needed more.
func (c *capturer) early(ctx context.Context) error {
	if c.o.Evidence == "" {
		return nil
	}
	b := *c.b
	b.Partial = true
	b.Problems = append(slices.Clone(b.Problems), "the capture came no further than the stopped tasks")
	b.Services = slices.Clone(b.Services)
	for i := range b.Services {
		b.Services[i].Unread = "the capture came no further than the stopped tasks"
	}
	if err := b.write(c.o.Evidence, partialPrefix); err != nil {
		return c.problem(ctx, "evidence of the stopped tasks", err)
	}
	return nil
}

// writeLogs writes the logs that the bundle has as text. A log that is there already
// stays; one that has become another, such as one of which more has arrived, is
// written beside it.
func (b *Bundle) writeLogs(dir string) error {
	var errs []error
	for _, t := range b.Tasks {
		for _, c := range t.Containers {
			if len(c.Log.Lines) == 0 {
				continue
			}
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			name := filepath.Join(dir, fileName(short(t.ARN)+"-"+c.Name))
			text := []byte(logText(t, c))
			had, err := os.ReadFile(name + ".log")
			switch {
			case errors.Is(err, fs.ErrNotExist):
				errs = append(errs, exclusive(name+".log", text))
			case err != nil:
				errs = append(errs, err)
			case string(had) != string(text):
				sum := sha256.Sum256(text)
				errs = append(errs, exclusive(name+"-"+hex.EncodeToString(sum[:4])+".log", text))
			}
		}
	}
	return errors.Join(errs...)
}

// logText is one container's log with what the task died of.
func logText(t ecsx.StoppedTask, c ecsx.StoppedContainer) string {
	var s strings.Builder
	head := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&s, "# %s: %s\n", name, neutral.Line(value))
		}
	}
	head("task", t.ARN)
	head("revision", short(t.TaskDefinition))
	if !t.StoppedAt.IsZero() {
		head("stopped", t.StoppedAt.UTC().Format(time.RFC3339))
	}
	head("cause", t.Cause.Summary)
	head("log group", c.Log.Group)
	head("log stream", c.Log.Stream)
	if c.Log.Dropped > 0 {
		head("older lines that are left out", fmt.Sprint(c.Log.Dropped))
	}
	for _, l := range c.Log.Lines {
		fmt.Fprintf(&s, "%s %s\n", l.Time.UTC().Format("2006-01-02T15:04:05.000Z"), neutral.Line(l.Message))
	}
	return s.String()
}

// fileName is a name without what has a meaning in paths.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, s)
}
