package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/rescue"
)

// Folder is a folder of evidence, with everything that was written to it: the
// captures and the journal of package rescue, plans and reports.
type Folder struct {
	Path string
}

// SavePlan adds a plan; one that is there already is not written again.
func (f *Folder) SavePlan(p *rescue.Plan) error {
	if p == nil {
		return errors.New("plan: there is none to save")
	}
	return f.save("plan-"+p.Hash[:min(12, len(p.Hash))]+".json", p)
}

// SaveReport adds the report of a run that ended at a time that it knows.
func (f *Folder) SaveReport(r *rescue.Report) error {
	if r == nil || len(r.Steps) == 0 {
		return nil
	}
	last := r.Steps[len(r.Steps)-1]
	return f.save("report-"+last.Began.Add(last.Took).UTC().Format("20060102T150405.000Z")+".json", r)
}

// save writes a file that is not there yet: nothing is replaced.
func (f *Folder) save(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.Path, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(f.Path, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}

// Read reads everything in the folder, as [Tell] takes it. The diagnosis is of
// the newest capture that is older than the first step. A file that cannot be
// read is an error, as an incident shown without it might be another one.
func (f *Folder) Read() (Input, error) {
	in := Input{Evidence: f.Path}
	entries, err := os.ReadDir(f.Path)
	if err != nil {
		return in, fmt.Errorf("evidence: %w", err)
	}
	var plans, reports []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, "capture-") && strings.HasSuffix(name, ".json"), name == "bundle.json":
			data, err := os.ReadFile(filepath.Join(f.Path, name))
			if err != nil {
				return in, fmt.Errorf("evidence: %w", err)
			}
			b := new(rescue.Bundle)
			if err := json.Unmarshal(data, b); err != nil {
				return in, fmt.Errorf("%s: %w", name, err)
			}
			in.Captures = append(in.Captures, b)
		case strings.HasPrefix(name, "plan-"):
			plans = append(plans, name)
		case strings.HasPrefix(name, "report-") && strings.HasSuffix(name, ".json"):
			reports = append(reports, name)
		case name == "journal.jsonl":
			if in.Steps, err = f.Journal(); err != nil {
				return in, err
			}
		}
	}
	if len(in.Captures) == 0 { // one that was ended before its end may have left something
		b, err := rescue.OpenBundle(f.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return in, err
		}
		if err == nil {
			in.Captures = append(in.Captures, b)
		}
	}
	if len(in.Captures) == 0 {
		return in, fmt.Errorf("evidence: folder %s has no capture: %w", f.Path, fs.ErrNotExist)
	}
	slices.SortStableFunc(in.Captures, func(a, b *rescue.Bundle) int { return a.At.Compare(b.At) })
	if len(reports) > 0 {
		in.Report = new(rescue.Report)
		if err := f.read(reports[len(reports)-1], in.Report); err != nil {
			return in, err
		}
	}
	// The plan is the one whose steps ran.
	ran := ""
	if n := len(in.Steps); n > 0 {
		ran = in.Steps[n-1].Plan
	}
	for _, name := range plans {
		p := new(rescue.Plan)
		if err := f.read(name, p); err != nil {
			return in, err
		}
		if in.Plan == nil || p.Hash == ran {
			in.Plan = p
		}
	}
	if ran == "" {
		in.Report = nil
	}
	before := in.Captures[0]
	for _, b := range in.Captures {
		if len(in.Steps) == 0 || !b.At.After(in.Steps[0].Began) {
			before = b
		}
	}
	in.Diagnosis = before.Explain()
	in.At = cmp.Or(in.Captures[len(in.Captures)-1].At, in.At)
	return in, nil
}

func (f *Folder) read(name string, v any) error {
	data, err := os.ReadFile(filepath.Join(f.Path, name))
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("evidence: %s: %w", name, err)
	}
	return nil
}

// Journal reads the results of steps, the oldest first, and nothing else of the folder.
// A last line that was not written to its end, as by a process that was killed, is left
// out. The error wraps fs.ErrNotExist if the folder has no journal.
func (f *Folder) Journal() ([]rescue.StepResult, error) {
	file, err := os.Open(filepath.Join(f.Path, "journal.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var out []rescue.StepResult
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	var broken error
	for lines.Scan() {
		if broken != nil { // and it is not the last line
			return nil, errors.Join(fmt.Errorf("journal: line %d: %w", len(out)+1, broken), file.Close())
		}
		var r rescue.StepResult
		if broken = json.Unmarshal(lines.Bytes(), &r); broken == nil {
			out = append(out, r)
		}
	}
	return out, errors.Join(lines.Err(), file.Close())
}
