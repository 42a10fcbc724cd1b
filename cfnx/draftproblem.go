package cfnx

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/template"
)

// Problem is one change that a draft cannot make, with the places where it
// would have to be made instead.
type Problem struct {
	StackID string `json:"stackId"`
	Stack   string `json:"stack"`
	// Resource is a logical id; "" for the template as a whole.
	Resource string `json:"resource,omitempty"`
	// Container is the name of a container, "" where the problem is not of one.
	Container string `json:"container,omitempty"`
	// Property is "Image", "DesiredCount" or "Template".
	Property string `json:"property"`
	// From and To are the values before and after; To is "" where it is not
	// known, as for an image that does not exist and has no substitute.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Sources are where the value comes from: where to change it.
	Sources []template.Source `json:"places,omitempty"`
	// Why is the reason in one line.
	Why string `json:"why"`
	// Err is one of the package's errors, such as [ErrElsewhere].
	Err error `json:"-"`
}

// String is one line: stack, resource, container, reason and places.
func (p Problem) String() string {
	s := "stack " + p.Stack + ": "
	if p.Resource != "" {
		s += p.Resource + ": "
	}
	if p.Container != "" && p.Container != p.Resource {
		s += "container " + p.Container + ": "
	}
	s += p.Property
	if p.From != "" {
		s += " " + p.From
	}
	if p.To != "" {
		s += " -> " + p.To
	}
	s += ": " + p.Why
	for i, source := range p.Sources {
		if i == 0 {
			s += ": change "
		} else {
			s += ", "
		}
		s += source.String()
	}
	return s
}

// DraftError is returned by the methods of [Draft] if changes that were asked for
// cannot be made in the templates and parameters of the tree. It lists all of them
// and wraps the errors of the problems.
type DraftError struct {
	Problems []Problem
}

// Error lists the problems.
func (e *DraftError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "; ")
}

// Unwrap returns the errors of the problems.
func (e *DraftError) Unwrap() []error {
	var errs []error
	for _, p := range e.Problems {
		if p.Err != nil {
			errs = append(errs, p.Err)
		}
	}
	return errs
}

// draftError is nil where there are no problems.
func draftError(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &DraftError{problems}
}
