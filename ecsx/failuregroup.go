package ecsx

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// FailureGroup is tasks that failed in the same way: a crash loop as one record.
type FailureGroup struct {
	// Cause is that of the task with the clearest evidence.
	Cause Cause `json:"cause"`
	// Count is how many tasks failed so.
	Count int `json:"count"`
	// First and Last are when the first and the last of them began to stop, by
	// AWS's clock; zero where that is not known.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// FirstTask and LastTask are their ARNs.
	FirstTask string `json:"firstTask"`
	LastTask  string `json:"lastTask"`
	// Fingerprint is the same for tasks of one revision that failed with the same
	// class, container, exit code and line of the log, numbers and ids apart.
	Fingerprint string `json:"fingerprint"`
}

// String is one line.
func (g FailureGroup) String() string {
	if g.Count == 1 {
		return g.Cause.Summary
	}
	return fmt.Sprintf("%s (%d times)", g.Cause.Summary, g.Count)
}

// GroupFailures sums the failed tasks up, what explains most first. It is pure.
func GroupFailures(tasks []StoppedTask) []FailureGroup {
	var out []FailureGroup
	for _, t := range tasks {
		if t.Failed() && !t.Stopping {
			out = addFailure(out, t)
		}
	}
	sortGroups(out)
	return out
}

// addFailure adds a failed task to its group. One whose logs were not read, because
// another was read instead, joins the group of that one.
func addFailure(groups []FailureGroup, t StoppedTask) []FailureGroup {
	key := fingerprint(t)
	at := t.StoppingAt
	if at.IsZero() {
		at = t.last
	}
	for i := range groups {
		g := &groups[i]
		if g.Fingerprint != key && (t.Like == "" || g.FirstTask != t.Like && g.LastTask != t.Like) {
			continue
		}
		g.Count++
		if g.First.IsZero() || !at.IsZero() && at.Before(g.First) {
			g.First, g.FirstTask = at, t.ARN
		}
		if !at.Before(g.Last) {
			g.Last, g.LastTask = at, t.ARN
		}
		if g.Cause.Excerpt == "" && t.Cause.Excerpt != "" {
			g.Cause = t.Cause
		}
		return groups
	}
	return append(groups, FailureGroup{Cause: t.Cause, Count: 1, First: at, Last: at, FirstTask: t.ARN, LastTask: t.ARN, Fingerprint: key})
}

func fingerprint(t StoppedTask) string {
	code := "-"
	if t.Cause.ExitCode != nil {
		code = itoa(*t.Cause.ExitCode)
	}
	said := t.Cause.Excerpt
	if said == "" {
		said = t.Cause.Summary
	}
	sum := sha256.Sum256([]byte(t.TaskDefinition + "|" + string(t.Cause.Class) + "|" + t.Cause.Container + "|" + code + "|" + digits.ReplaceAllString(said, "0")))
	return hex.EncodeToString(sum[:8])
}

func sortGroups(groups []FailureGroup) {
	slices.SortStableFunc(groups, func(a, b FailureGroup) int {
		return cmp.Or(cmp.Compare(b.Cause.Class.rank(), a.Cause.Class.rank()), cmp.Compare(b.Count, a.Count), a.First.Compare(b.First))
	})
}

func total(groups []FailureGroup) (n int) {
	for _, g := range groups {
		n += g.Count
	}
	return n
}
