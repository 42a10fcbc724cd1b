package migrate

import (
	"fmt"
	"time"
)

// FailedError is returned by [Runner.Run] if the same build has been tried often
// enough on the same state of the database: nothing was run this time. Every
// replica returns the same one.
type FailedError struct {
	Key string
	// Last is how the last attempt ended.
	Last Progress
	// Until is when it may be tried again without a change, on the clock of the
	// last leader.
	Until time.Time
}

// Error names the recorded error and how to go on.
func (e *FailedError) Error() string {
	why := e.Last.Error
	if e.Last.Outcome == outcomeRunning {
		why = "the leader was killed at " + e.Last.String()
	}
	return fmt.Sprintf("migration %s failed in %d attempts, last on %s at %s: %s; not tried again before %s, unless the build or the database's state changes, or the failure is cleared",
		e.Key, e.Last.Attempt, e.Last.Leader, e.Last.State, why, e.Until.UTC().Format(time.RFC3339))
}

// failures is the memory of what went wrong before, for one run.
type failures struct {
	key      string
	build    string
	attempts int
	remember time.Duration
}

// before is how many attempts count against a new one, given the note that was
// found and the state that was probed.
func (f failures) before(p Progress, s State) int {
	switch {
	case p.Outcome != outcomeFailed && p.Outcome != outcomeRunning,
		p.Build != f.build,
		p.Outcome == outcomeFailed && p.State != s,
		time.Since(p.At).Abs() > f.remember: // a leader's clock may have been ahead
		return 0
	}
	return p.Attempt
}

// spent is a [*FailedError] when there is no attempt left.
func (f failures) spent(p Progress, s State) error {
	if f.before(p, s) < f.attempts {
		return nil
	}
	return &FailedError{Key: f.key, Last: p, Until: p.At.Add(f.remember)}
}
