package rescue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Printer writes what happens, as text or as one JSON object per line. It is
// for one goroutine.
type Printer struct {
	// Summary is a file to which the report is appended as Markdown; "" writes
	// none.
	Summary string

	w    io.Writer
	json bool
	err  error
}

// Format is how a [Printer] writes.
type Format int

const (
	// Text is for people.
	Text Format = iota
	// JSONLines is one object per event and, last, the report.
	JSONLines
)

// NewPrinter returns a printer that writes to w.
func NewPrinter(w io.Writer, f Format) *Printer { return &Printer{w: w, json: f == JSONLines} }

// Event prints one line of progress; use it as Options.Observe. An error of
// the writer is returned by the next method that can.
func (p *Printer) Event(e Event) {
	if p.json {
		p.object(e)
		return
	}
	p.printf("%s  %s\n", e.At.UTC().Format("15:04:05"), e)
}

// Diagnosis prints the diagnosis; nothing as JSON, where the report has it.
func (p *Printer) Diagnosis(d *Diagnosis) error {
	if p.json {
		p.object(struct {
			Diagnosis *Diagnosis `json:"diagnosis"`
		}{d})
	} else {
		p.printf("\n%s\n", d)
	}
	return p.err
}

// Plan prints the plan.
func (p *Printer) Plan(plan *Plan) error {
	if p.json {
		p.object(struct {
			Plan *Plan `json:"plan"`
		}{plan})
	} else {
		p.printf("%s\n", plan)
	}
	return p.err
}

// Report prints the report.
func (p *Printer) Report(r *Report) error {
	if p.json {
		p.object(r)
	} else {
		p.printf("\n%s", r)
	}
	if p.Summary == "" {
		return p.err
	}
	f, err := os.OpenFile(p.Summary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return errors.Join(p.err, err)
	}
	_, err = f.WriteString(r.Markdown())
	return errors.Join(p.err, err, f.Close())
}

func (p *Printer) object(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		p.err = err
		return
	}
	p.printf("%s\n", b)
}

func (p *Printer) printf(format string, a ...any) {
	if _, err := fmt.Fprintf(p.w, format, a...); err != nil && p.err == nil {
		p.err = err
	}
}
