package cfnx

import (
	"cmp"
	"fmt"
	"strings"
)

// Progress is one thing that happened while a rollback was continued or an update
// was made.
type Progress struct {
	// Kind is "round" for a round of a continued rollback that was started,
	// "change-set" for a change set that was accepted, "event" for an event of the
	// root stack.
	Kind string `json:"kind"`
	// Stack is the root's name.
	Stack string `json:"stack"`
	// Round is that of a continued rollback, counted from 1, and Skips are its skips.
	Round int    `json:"round,omitempty"`
	Skips []Skip `json:"skips,omitempty"`
	// Role and NewRole are set when the round replaces the stack's role.
	Role    string `json:"role,omitempty"`
	NewRole string `json:"newRole,omitempty"`
	// ChangeSet is the ARN of the change set, Changes the number of its changes.
	ChangeSet string `json:"changeSet,omitempty"`
	Changes   int    `json:"changes,omitempty"`
	Event     *Event `json:"event,omitempty"`
}

// String is one line.
func (p Progress) String() string {
	switch {
	case p.Event != nil:
		return p.Event.String()
	case p.Kind == "change-set":
		return fmt.Sprintf("stack %s: change set with %d changes accepted", p.Stack, p.Changes)
	}
	s := fmt.Sprintf("round %d: rollback continued", p.Round)
	if names := skipNames(p.Skips); len(names) > 0 {
		s += ", skipping " + strings.Join(names, ", ")
	} else {
		s += ", nothing skipped"
	}
	if p.NewRole != "" {
		s += fmt.Sprintf("; from now on the stack uses role %s instead of %s", p.NewRole, cmp.Or(p.Role, "the caller's"))
	}
	return s
}
