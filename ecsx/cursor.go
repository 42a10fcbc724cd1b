package ecsx

import "time"

// Cursor remembers which tasks were handed over, so that a later call hands
// over only others. The zero value remembers nothing. It is plain data and
// survives as JSON; it is not safe for concurrent use.
type Cursor struct {
	Version int `json:"version"`
	// Seen is when each task stopped, by ARN.
	Seen map[string]time.Time `json:"seen,omitempty"`
}

// forgetAfter is how long before the newest task others are remembered: far
// longer than ECS remembers them.
const forgetAfter = 24 * time.Hour

// ids are the ids of the tasks that were handed over: a query may name a task
// by its id or by its ARN.
func (c *Cursor) ids() map[string]bool {
	if c == nil {
		return nil
	}
	ids := make(map[string]bool, len(c.Seen))
	for arn := range c.Seen {
		ids[afterSlash(arn)] = true
	}
	return ids
}

func (c *Cursor) add(t StoppedTask) {
	if c == nil {
		return
	}
	if c.Seen == nil {
		c.Version, c.Seen = 1, map[string]time.Time{}
	}
	c.Seen[t.ARN] = t.StoppedAt
	if t.LogOnly {
		c.Seen[t.ARN] = t.last
	}
}

// prune forgets tasks that ECS has long forgotten. It compares AWS's times with
// each other.
func (c *Cursor) prune() {
	if c == nil {
		return
	}
	var newest time.Time
	for _, at := range c.Seen {
		if at.After(newest) {
			newest = at
		}
	}
	for arn, at := range c.Seen {
		if !at.IsZero() && newest.Sub(at) > forgetAfter {
			delete(c.Seen, arn)
		}
	}
}
