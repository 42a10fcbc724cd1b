package rescue

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

var (
	// ErrNoStack means that there is no such stack in this account and region.
	ErrNoStack = errors.New("no such stack")
	// ErrNoAccess means that the credentials may not read what is needed.
	ErrNoAccess = errors.New("no access")
	// ErrHealthy means that there is nothing to rescue.
	ErrHealthy = errors.New("nothing to rescue")
	// ErrBusy means that an operation on the stack is still under way.
	ErrBusy = errors.New("operation in progress")
	// ErrNotRescuable means that the stack is in a status from which this tool
	// knows no way.
	ErrNotRescuable = errors.New("cannot be rescued by this tool")
	// ErrDirection means that the chosen direction cannot be taken.
	ErrDirection = errors.New("direction cannot be taken")
	// ErrUnknown means that something irreversible would rest on a fact that is
	// not known.
	ErrUnknown = errors.New("not known")
	// ErrNoEvidence means that a diagnosis does not hold the evidence that it was
	// made from, such as one read from JSON.
	ErrNoEvidence = errors.New("diagnosis without its evidence")
	// ErrPlan means that a plan is not one that this package can run: of another
	// version, or incomplete.
	ErrPlan = errors.New("unusable plan")
	// ErrChanged means that the account is no longer as it was when the plan
	// was made.
	ErrChanged = errors.New("situation has changed since the plan was made")
	// ErrPartly means that every step ended well and not every check holds.
	ErrPartly = errors.New("rescued in part")
	// ErrDeclined means that the operator did not confirm a step.
	ErrDeclined = errors.New("not confirmed")
)

// Error is why a rescue cannot go on, with what to do instead.
type Error struct {
	// Stack is the stack's name; Where is account and region.
	Stack, Where string
	// Next is the advice.
	Next string
	// Err is one of the sentinels, or wraps one.
	Err error
}

// Error is one line that ends with the advice. Secrets that the causes quote are
// not in it.
func (e *Error) Error() string {
	s := "stack " + e.Stack
	if e.Where != "" {
		s += " (" + e.Where + ")"
	}
	s += ": " + e.Err.Error()
	if e.Next != "" {
		s += ": " + e.Next
	}
	return redact.Text(s)
}

// Unwrap is the sentinel.
func (e *Error) Unwrap() error { return e.Err }

// explain gives an error of a read its sentinel and advice.
func explain(stack, where, region string, err error) error {
	switch {
	case errors.Is(err, cfnx.ErrStackNotFound):
		return &Error{Stack: stack, Where: where, Err: fmt.Errorf("%w: %w", ErrNoStack, err), Next: "check the name, the account and the region (this is " + region + ")"}
	case denied(err):
		return &Error{Stack: stack, Where: where, Err: fmt.Errorf("%w: %w", ErrNoAccess, err), Next: "allow the actions that rescue.ReadActions lists"}
	}
	return err
}

// denied recognises the codes with which AWS refuses for want of permission or
// of valid credentials.
func denied(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	code := e.ErrorCode()
	return strings.HasPrefix(code, "AccessDenied") || strings.HasPrefix(code, "UnauthorizedOperation") || strings.Contains(code, "ExpiredToken") ||
		code == "UnrecognizedClientException" || code == "InvalidClientTokenId" || code == "SignatureDoesNotMatch"
}
