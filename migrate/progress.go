package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// The outcomes.
const (
	outcomeRunning     = "running"
	outcomeDone        = "done"
	outcomeFailed      = "failed"
	outcomeInterrupted = "interrupted"
	outcomeOutage      = "outage"
)

// Progress is what a leader leaves in the store's note: how far it is, and how
// it ended.
type Progress struct {
	// Version is that of the format, 2.
	Version int `json:"version"`
	// Outcome is how far the run has got: "running", "done", "failed",
	// "interrupted", or "outage" where the database, or the way to it, was away,
	// which counts for no attempt. A run that is recorded as running and whose
	// record does not change for a lease was killed.
	Outcome string `json:"outcome"`
	// Build is [RunOptions.Build] of the leader.
	Build string `json:"build,omitempty"`
	// Builds are those that were verified with this key, oldest first, at most
	// 50: a process of an older one finds its own among them.
	Builds []string `json:"builds,omitempty"`
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
	// Text is what the step last said with [ReportProgress].
	Text string `json:"text,omitempty"`
	// Error is how the run failed, with the last lines of its program.
	Error string `json:"error,omitempty"`
	// At is when the run began or, if it has, ended, on the leader's clock.
	At time.Time `json:"at"`
	// RetryAt, after a failure, is when the next attempt is made at the
	// earliest, on the leader's clock. [Forget] clears it.
	RetryAt time.Time `json:"retryAt,omitzero"`
}

// Verified reports whether a build was verified with this key, now or before a
// newer one.
func (p Progress) Verified(build string) bool {
	return build != "" && slices.Contains(p.Builds, build)
}

// maxBuilds bounds the note.
const maxBuilds = 50

// with is the builds and one more, the newest last.
func with(builds []string, build string) []string {
	if build == "" {
		return builds
	}
	out := slices.DeleteFunc(slices.Clone(builds), func(b string) bool { return b == build })
	out = append(out, build)
	return out[max(0, len(out)-maxBuilds):]
}

// String is such as "running step 2/5 add-index: 40 %".
func (p Progress) String() string {
	s := p.Outcome
	if p.Step != "" {
		s += fmt.Sprintf(" step %d/%d %s", p.Index, p.Steps, p.Step)
	}
	if p.Text != "" {
		s += ": " + p.Text
	}
	if p.Error != "" {
		s += ": " + p.Error
	}
	if !p.RetryAt.IsZero() {
		s += "; next attempt not before " + p.RetryAt.UTC().Format(time.RFC3339)
	}
	return s
}

// noteVersion is [Progress.Version].
const noteVersion = 2

// encode is the note. It stays small: stores limit a record's size.
func (p Progress) encode() []byte {
	p.Version = noteVersion
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
		return strings.ToValidUTF8(s[:4000], "") + "…"
	}
	return s
}

// parseNote reads a note that a [Runner] left. An empty note, and one that is
// not of a runner, is the zero Progress.
func parseNote(note []byte) Progress {
	var p Progress
	if json.Unmarshal(note, &p) != nil || p.Version != noteVersion {
		return Progress{}
	}
	return p
}

// Status reads who holds the key and how far the run is, without taking
// anything. Safe to repeat.
func Status(ctx context.Context, store Store, key string) (Record, Progress, error) {
	if store == nil {
		return Record{}, Progress{}, fmt.Errorf("status of %s: %w: no store", key, ErrStore)
	}
	rec, err := store.Read(ctx, key)
	if err != nil {
		return rec, Progress{}, fmt.Errorf("status of %s: %w", key, err)
	}
	return rec, parseNote(rec.Note), nil
}

// Forget clears what is remembered of failures of the key, so that the next run
// tries at once, and returns what it found. With builds it also clears which
// builds were verified, for a database that was restored to an earlier state.
// It takes the key for a moment, and waits for a leader until ctx is done: give
// it a deadline. Safe to repeat.
func Forget(ctx context.Context, store Store, key string, builds bool) (Progress, error) {
	lease, err := LeadOptions{Owner: "forget"}.settled()
	if err == nil && store == nil {
		err = fmt.Errorf("%w: no store", ErrStore)
	}
	if err != nil {
		return Progress{}, fmt.Errorf("forget failures of %s: %w", key, err)
	}
	c := candidate{store: store, key: key, opts: lease, onRetry: func(error) {}}
	for _, err := range poll.Every(ctx, lease.Interval, c.poll, c.retries) {
		switch {
		case err != nil && c.last.Owner != "":
			return Progress{}, fmt.Errorf("forget failures: %w: %w", &HeldError{Key: key, Record: c.last}, err)
		case err != nil && c.lastErr != nil:
			return Progress{}, fmt.Errorf("forget failures of %s: %w (the store: %w)", key, err, c.lastErr)
		case err != nil:
			return Progress{}, fmt.Errorf("forget failures of %s: %w", key, err)
		}
		if c.term != nil {
			break
		}
	}
	p := parseNote(c.term.hold.Note())
	next := Progress{Builds: p.Builds, Leader: p.Leader, At: p.At, State: p.State}
	if p.Outcome == outcomeDone {
		next = p
	}
	if builds {
		next.Outcome, next.Build, next.Builds = "", "", nil
	}
	if err := c.term.end(ctx, next.encode()); err != nil {
		return p, fmt.Errorf("forget failures of %s: %w", key, err)
	}
	return p, nil
}
