package rescue

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// Names in a folder of evidence: captures are named by their time, so that
// they sort; legacyFile is the one file that version 1 of this package
// replaced with each capture.
const (
	capturePrefix = "capture-"
	captureSuffix = ".json"
	// partialPrefix is of what a capture had read before the calls that may fail:
	// it counts where that capture itself is not there.
	partialPrefix = "partial-"
	legacyFile    = "bundle.json"
)

// Write adds the bundle to the folder, which it makes, as a file of its own:
// nothing that is there is replaced. A bundle that is there already is not
// written again. The logs of its tasks are written beside it as text, to the folder
// logs, one file for each container, for whoever has no program to read the rest.
func (b *Bundle) Write(dir string) error { return b.write(dir, capturePrefix) }

func (b *Bundle) write(dir, prefix string) error {
	if b == nil || b.Tree == nil || b.Tree.Root == nil {
		return errors.New("evidence: there is none to write")
	}
	data, err := hidden(b)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	sum := sha256.Sum256(data)
	name := filepath.Join(dir, prefix+b.At.UTC().Format("20060102T150405.000Z")+"-"+hex.EncodeToString(sum[:4])+captureSuffix)
	f, err := os.CreateTemp(dir, ".capture-*")
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		// A link does not replace what is there, as a rename would.
		if err = os.Link(f.Name(), name); errors.Is(err, fs.ErrExist) {
			err = nil // the same content: its hash is in the name
		} else if err != nil {
			err = exclusive(name, data) // a file system without links
		}
	}
	if err = errors.Join(err, os.Remove(f.Name()), b.writeLogs(filepath.Join(dir, logsFolder))); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	return nil
}

// exclusive writes a file that is not there yet.
func exclusive(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// OpenBundle reads a folder that [Bundle.Write] was given: the newest capture
// of the stack, with the stopped tasks of all captures, each from the capture that
// has most of it, and the events of the captures before for stacks whose events the
// newest could not read. A capture that ended early counts as the newest only where
// there is no whole one. Other facts of captures before are never used for ones that
// the newest lacks: they may no longer be true. A capture that cannot be read, or is
// of another stack, is left out and named in Problems.
//
// It returns an error that wraps fs.ErrNotExist if the folder has no capture,
// and that of the first one if none can be read.
func OpenBundle(dir string) (*Bundle, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	var all []*Bundle
	var problems []string
	var first error
	whole := map[string]bool{} // the times of captures that came to their end
	for _, e := range entries {
		if stamp := stampOf(e.Name(), capturePrefix); stamp != "" {
			whole[stamp] = true
		}
	}
	for _, e := range entries {
		early := stampOf(e.Name(), partialPrefix)
		if e.Name() != legacyFile && stampOf(e.Name(), capturePrefix) == "" && (early == "" || whole[early]) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			err = fmt.Errorf("evidence: %w", err)
		}
		b := new(Bundle)
		if err == nil {
			err = json.Unmarshal(data, b)
		}
		if err != nil {
			problems = append(problems, "capture "+e.Name()+": "+err.Error())
			first = cmp.Or(first, err)
			continue
		}
		all = append(all, b)
	}
	if len(all) == 0 && first != nil {
		return nil, first
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("evidence: folder %s has no capture: %w", dir, fs.ErrNotExist)
	}
	slices.SortStableFunc(all, func(a, b *Bundle) int { return a.At.Compare(b.At) })
	newest := all[len(all)-1]
	if i := lastWhole(all); i >= 0 && newest.Partial && all[i].Tree.Root.ID == newest.Tree.Root.ID {
		// One that ended early is poorer than one that did not: it adds its tasks.
		problems = append(problems, "the capture of "+newest.At.UTC().Format(time.RFC3339)+" ended early: the facts are those of the one before")
		newest = all[i]
		all = append(slices.Delete(all, i, i+1), newest)
	}
	var same []*Bundle
	for _, b := range all {
		if b.Tree.Root.ID == newest.Tree.Root.ID {
			same = append(same, b)
			continue
		}
		problems = append(problems, "capture of "+b.At.UTC().Format(time.RFC3339)+" is of another stack, "+b.Tree.Root.Name+": it is left out")
	}
	newest.Problems = append(newest.Problems, problems...)
	if len(same) > 1 {
		newest.Tasks = mergeTasks(same)
		keepEvents(same)
	}
	return newest, nil
}

// stampOf is the time in the name of a capture; "" for another file.
func stampOf(name, prefix string) string {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || !strings.HasSuffix(rest, captureSuffix) {
		return ""
	}
	stamp, _, _ := strings.Cut(rest, "-")
	return stamp
}

// lastWhole is the newest capture that did not end early; -1 for none.
func lastWhole(all []*Bundle) int {
	for i, b := range slices.Backward(all) {
		if !b.Partial {
			return i
		}
	}
	return -1
}

// keepEvents gives the stacks of the newest capture whose events it could not
// read those that earlier ones read: what has happened stays true. They stay
// marked as unread, because more may have happened since.
func keepEvents(captures []*Bundle) {
	newest := captures[len(captures)-1]
	for s := range newest.Tree.All() {
		if s.Unread["events"] == "" {
			continue
		}
		known := map[string]bool{}
		for _, e := range s.Events {
			known[e.ID] = true
		}
		for _, b := range slices.Backward(captures[:len(captures)-1]) {
			earlier := b.Tree.Stack(s.ID)
			if earlier == nil {
				continue
			}
			for _, e := range earlier.Events {
				if !known[e.ID] {
					known[e.ID] = true
					s.Events = append(s.Events, e)
				}
			}
		}
		slices.SortStableFunc(s.Events, func(a, b cfnx.Event) int { return b.Time.Compare(a.Time) }) // newest first
	}
}

// mergeTasks has each stopped task of the captures once, as the one that knows
// most about it has it, in the order in which they stopped.
func mergeTasks(captures []*Bundle) []ecsx.StoppedTask {
	best := map[string]ecsx.StoppedTask{}
	var order []string
	for _, b := range captures {
		for _, t := range b.Tasks {
			id := short(t.ARN) // of a task that ECS has forgotten nothing else is known
			old, known := best[id]
			if !known {
				order = append(order, id)
			}
			if !known || knowledge(t) >= knowledge(old) {
				best[id] = t
			}
		}
	}
	out := make([]ecsx.StoppedTask, len(order))
	for i, id := range order {
		out[i] = best[id]
	}
	slices.SortStableFunc(out, func(a, b ecsx.StoppedTask) int { return stopped(a).Compare(stopped(b)) })
	return out
}

func stopped(t ecsx.StoppedTask) time.Time {
	if t.StoppingAt.IsZero() {
		return t.StoppedAt
	}
	return t.StoppingAt
}

// knowledge compares two captures of the same task: one that ECS still knew is
// worth more than one that it had forgotten, then the lines of its logs count.
func knowledge(t ecsx.StoppedTask) int {
	n := 0
	if !t.Expired {
		n = 1 << 20
	}
	for _, c := range t.Containers {
		n += len(c.Log.Lines)
	}
	return n
}
