package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Outcome is how far a run has got.
type Outcome string

// The outcomes. A run that is recorded as running and whose record does not
// change for a lease was killed.
const (
	Running     Outcome = "running"
	Done        Outcome = "done"
	Broken      Outcome = "failed"
	Interrupted Outcome = "interrupted"
)

// Progress is what a leader leaves in the store's note: how far it is, and how
// it ended.
type Progress struct {
	// Format is 1.
	Format  int     `json:"format"`
	Outcome Outcome `json:"outcome"`
	// Build is [RunOptions.Build] of the leader.
	Build string `json:"build,omitempty"`
	// Leader is its name.
	Leader string `json:"leader"`
	// Attempt counts the runs of this build that did not succeed, the present
	// one included.
	Attempt int `json:"attempt"`
	// State is what the leader found before it began, or, when it is done, what
	// it verified.
	State State `json:"state"`
	// Step is number Index, from 1, of Steps.
	Step  string `json:"step,omitempty"`
	Index int    `json:"index,omitempty"`
	Steps int    `json:"steps,omitempty"`
	// Text is what the step last told with [Report].
	Text  string `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
	// At is when the run began or, if it has, ended, on the leader's clock.
	At time.Time `json:"at"`
}

// String is such as "running step 2/5 add-index: 40 %".
func (p Progress) String() string {
	s := string(p.Outcome)
	if p.Step != "" {
		s += fmt.Sprintf(" step %d/%d %s", p.Index, p.Steps, p.Step)
	}
	if p.Text != "" {
		s += ": " + p.Text
	}
	if p.Error != "" {
		s += ": " + p.Error
	}
	return s
}

// encode is the note. It stays small: stores limit a record's size.
func (p Progress) encode() []byte {
	p.Format = 1
	p.Text, p.Error = clip(p.Text), clip(p.Error)
	b, err := json.Marshal(p)
	if err != nil { // no field of it can fail
		return nil
	}
	return b
}

// clip bounds a text in a note to 4,000 bytes.
func clip(s string) string {
	if len(s) > 4000 {
		return s[:4000] + "…"
	}
	return s
}

// ParseNote reads a note that a [Runner] left. An empty note, and one that is
// not of a runner, is the zero Progress.
func ParseNote(note []byte) Progress {
	var p Progress
	if json.Unmarshal(note, &p) != nil || p.Format != 1 {
		return Progress{}
	}
	return p
}

// Status reads who holds the key and how far the run is, without taking
// anything. Safe to repeat.
func Status(ctx context.Context, store Store, key string) (Record, Progress, error) {
	rec, err := store.Read(ctx, key)
	if err != nil {
		return rec, Progress{}, fmt.Errorf("status of %s: %w", key, err)
	}
	return rec, ParseNote(rec.Note), nil
}
