package ecsx

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/internal/neutral"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// tasksFile is the file of a folder that has all tasks, one JSON object a line.
const tasksFile = "stopped-tasks.jsonl"

// Folder returns a sink for [WaitStoppedTaskLogs] that keeps tasks in dir, which
// it makes if it does not exist: each as a line of stopped-tasks.jsonl, and the log
// of each container as text in TASK-CONTAINER.log. Files can be read by their owner
// only. Nothing is overwritten: lines are appended, and the log of a task that is
// handed over again, such as one that was still stopping, gets a number where it
// differs. Secrets that can be recognised by their shape are left out, and nothing
// in the files can be taken for a command of a terminal.
func Folder(dir string) func(StoppedTask) error {
	return func(t StoppedTask) error {
		if dir == "" {
			return errors.New("folder of stopped tasks has no name")
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		t = t.Redacted()
		for _, c := range t.Containers {
			if len(c.Log.Lines) == 0 {
				continue
			}
			if err := keep(filepath.Join(dir, safeName(afterSlash(t.ARN)+"-"+c.Name)), c.Log.text()); err != nil {
				return fmt.Errorf("log of task %s: %w", afterSlash(t.ARN), err)
			}
		}
		f, err := os.OpenFile(filepath.Join(dir, tasksFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(JSONLines(f)(t), f.Close())
	}
}

// JSONLines returns a sink for [WaitStoppedTaskLogs] that writes each task to w as
// a JSON object on a line of its own, with a "version". Secrets are left out as
// [Folder] leaves them out.
func JSONLines(w io.Writer) func(StoppedTask) error {
	return func(t StoppedTask) error {
		if w == nil {
			return errors.New("writer of stopped tasks is nil")
		}
		b, err := json.Marshal(struct {
			Version int `json:"version"`
			StoppedTask
		}{1, t.Redacted()})
		if err != nil {
			return err
		}
		_, err = w.Write(append(neutral.JSON(b), '\n'))
		return err
	}
}

// Redacted is the task without the secrets that can be recognised by their shape,
// in reasons, logs and the cause.
func (t StoppedTask) Redacted() StoppedTask {
	t.Reason, t.Problem = redact.Text(t.Reason), redact.Text(t.Problem)
	t.Cause.Summary, t.Cause.Excerpt, t.Cause.Next, t.Cause.Reference = redact.Text(t.Cause.Summary), redact.Text(t.Cause.Excerpt), redact.Text(t.Cause.Next), redact.Text(t.Cause.Reference)
	t.Containers = slices.Clone(t.Containers)
	for i := range t.Containers {
		c := &t.Containers[i]
		c.Reason, c.Log.Problem = redact.Text(c.Reason), redact.Text(c.Log.Problem)
		c.Log.Lines = slices.Clone(c.Log.Lines)
		var stream redact.Stream // keys whose lines are events of their own
		for j := range c.Log.Lines {
			c.Log.Lines[j].Message = stream.Event(c.Log.Lines[j].Message)
		}
	}
	return t
}

// String is the log as a person reads it: its lines with their times, without
// control characters.
func (l Log) String() string { return string(l.text()) }

// text is one line for each line of an event.
func (l Log) text() []byte {
	var b bytes.Buffer
	for _, x := range l.Lines {
		for line := range strings.SplitSeq(strings.TrimRight(x.Message, "\r\n"), "\n") {
			fmt.Fprintf(&b, "%s %s\n", x.Time.UTC().Format(time.RFC3339Nano), neutral.Line(strings.TrimRight(line, "\r")))
		}
	}
	return b.Bytes()
}

// keep writes a file that does not exist, name.log or name-2.log and so on; one
// that has the same content is enough.
func keep(name string, content []byte) error {
	for n := 1; ; n++ {
		path := name + ".log"
		if n > 1 {
			path = fmt.Sprintf("%s-%d.log", name, n)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			if old, rerr := os.ReadFile(path); rerr == nil && bytes.Equal(old, content) {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return errors.Join(err, f.Close())
	}
}

// safeName is a file name that names no other folder, on any system: what is not
// a letter, a digit, "-" or "_" is replaced, and names that were changed or are
// long end in a hash of the original.
func safeName(s string) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, s)
	if out == s && len(out) <= maxName {
		return out
	}
	sum := sha256.Sum256([]byte(s))
	return out[:min(len(out), maxName)] + "-" + hex.EncodeToString(sum[:4])
}

// maxName leaves room for suffixes in the 255 bytes that file systems take.
const maxName = 120
