package rescuetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Call is one attempt of one API call that reached the cloud.
type Call struct {
	// At is the cloud's time.
	At time.Time
	// Action is the IAM action, such as "ecs:UpdateService".
	Action string
	// Region is where the call went.
	Region string
	// Input is a copy of the operation's input, a pointer.
	Input any
	// Err is what the caller saw, nil for an answer.
	Err error
	// Done is whether the call was carried out; with an Err, its response was
	// lost.
	Done bool
}

// Mutates reports whether the call changes something in the account.
func (c Call) Mutates() bool { return mutates(c.Action) }

func mutates(action string) bool {
	_, name, _ := strings.Cut(action, ":")
	for _, prefix := range []string{"Describe", "List", "Get", "BatchGet", "Filter", "Head", "Validate", "Detect", "Lookup", "Assume"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

// Calls lists the attempts so far, in order; each retry counts.
func (c *Cloud) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// ForgetCalls empties the log and the record, after an incident was built.
func (c *Cloud) ForgetCalls() {
	c.clock.Do(c.home.ForgetRecord)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = nil
}

// CallCounts is the number of calls per action as text, one line each in
// alphabetical order: what golden files pin.
func CallCounts(calls []Call) string {
	n := map[string]int{}
	for _, c := range calls {
		n[c.Action]++
	}
	keys := make([]string, 0, len(n))
	for k := range n {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare)
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%4d %s\n", n[k], k)
	}
	return b.String()
}
