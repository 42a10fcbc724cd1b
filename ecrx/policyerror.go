package ecrx

import "fmt"

// PolicyError is returned by [ParsePolicy] if the text is no lifecycle policy that
// ECR accepts: the first reason for which ECR would reject it.
type PolicyError struct {
	// Rule is the priority of the rule it is about, 0 where it is about the
	// whole policy or the rule has no priority; Index is its place in the text,
	// counted from 0, or -1.
	Rule, Index int
	// Field is such as "selection.countNumber", "" for the whole rule.
	Field string
	// Reason is ECR's own text where that is known (docs/aws/ecr.md 1.1).
	Reason string
}

// Error names rule and field.
func (e *PolicyError) Error() string {
	s := "lifecycle policy: "
	switch {
	case e.Rule > 0:
		s += fmt.Sprintf("rule %d: ", e.Rule)
	case e.Index >= 0:
		s += fmt.Sprintf("rules[%d]: ", e.Index)
	}
	if e.Field != "" {
		s += e.Field + ": "
	}
	return s + e.Reason
}

// at is the error for a part of the rule.
func (e *PolicyError) at(field string) *PolicyError {
	if e == nil {
		return nil
	}
	switch {
	case e.Field == "":
		e.Field = field
	case field != "":
		e.Field = field + "." + e.Field
	}
	return e
}

func refuse(format string, a ...any) *PolicyError {
	return &PolicyError{Index: -1, Reason: fmt.Sprintf(format, a...)}
}
