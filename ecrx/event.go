package ecrx

import "fmt"

// Event is progress of an [Audit], a [Check] or a [Repository.Unarchive].
type Event struct {
	Repository Repository
	// What is read, "policy", "images" or "indexes", or "archive" for what is
	// restored from there.
	What string
	// Done of Of are done: calls, or series of calls, of this kind in an audit;
	// repositories in a check; images that are active in a restore, where the
	// children of an index join once it can be read.
	Done, Of int
	// Asked are the digests whose restore was just asked for.
	Asked []string
	// Err is why it could not be read; in a restore, a passing failure that is
	// retried.
	Err error
}

// String is one line.
func (e Event) String() string {
	s := fmt.Sprintf("repository %s: %s: %d of %d", e.Repository, e.What, e.Done, e.Of)
	if n := len(e.Asked); n > 0 {
		s += fmt.Sprintf(", restore of %d asked for", n)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}
