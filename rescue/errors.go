package rescue

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

var (
	// ErrNoStack is returned by [Diagnose], [Finish] and [Guard] if there is no such
	// stack in this account and region.
	ErrNoStack = errors.New("no such stack")
	// ErrNoAccess is returned by every function that makes calls if the credentials
	// do not allow one that is required; the error names the action.
	ErrNoAccess = errors.New("no access")
	// ErrHealthy is returned by [MakePlan] if there is nothing to rescue.
	ErrHealthy = errors.New("nothing to rescue")
	// ErrBusy is returned by [MakePlan] if an operation on the stack is still under
	// way and the direction is not [Serve].
	ErrBusy = errors.New("operation in progress")
	// ErrNotRescuable is returned by [MakePlan] if no step of this package leads out
	// of the stack's status.
	ErrNotRescuable = errors.New("cannot be rescued by this tool")
	// ErrDirection is returned by [MakePlan] if the chosen direction cannot be taken.
	ErrDirection = errors.New("direction cannot be taken")
	// ErrUnknown is returned by [MakePlan] and [Run] if something irreversible would
	// rest on a fact that is not known.
	ErrUnknown = errors.New("not known")
	// ErrNoEvidence is returned by [MakePlan] if the diagnosis does not hold the
	// evidence that it was made from, such as one read from JSON, and by [Run] if a
	// template that the plan was made with is not given again.
	ErrNoEvidence = errors.New("diagnosis without its evidence")
	// ErrPlan is returned by [Run] if the plan is not one that this package can run:
	// of another version, incomplete, or edited.
	ErrPlan = errors.New("unusable plan")
	// ErrChanged is returned by [Run] if the account is no longer as it was when the
	// plan was made.
	ErrChanged = errors.New("situation has changed since the plan was made")
	// ErrPartly is returned by [Run] if every step ended well and some check does not
	// hold.
	ErrPartly = errors.New("rescued in part")
	// ErrDeclined is returned by [Run] if the operator did not confirm a step.
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
		return noAccess(stack, where, err, "the actions that rescue.ReadActions lists")
	}
	return err
}

// stepError gives an error of a step its sentinel and advice, where it has none.
func (p *Plan) stepError(err error) error {
	if _, has := errors.AsType[*Error](err); has || err == nil {
		return err
	}
	switch {
	case denied(err):
		return noAccess(p.Stack, "", err, "the actions of the plan (Plan.Policy) and run it again")
	case strings.Contains(err.Error(), "is invalid or cannot be assumed"):
		// https://repost.aws/knowledge-center/cloudformation-role-arn-error
		return &Error{Stack: p.Stack, Err: err, Next: "create the role again and run again, or plan again with another one (Choices.RoleARN)"}
	}
	return err
}

var unauthorized = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:\w+)`)

// noAccess names the action that was denied, which need not be the one that was
// called: iam:PassRole comes with others. Credentials that are no longer valid are
// no matter of actions.
func noAccess(stack, where string, err error, allow string) error {
	e := &Error{Stack: stack, Where: where, Err: fmt.Errorf("%w: %w", ErrNoAccess, err), Next: "allow " + allow}
	if m := unauthorized.FindStringSubmatch(err.Error()); m != nil {
		e.Next = "allow " + m[1] + "; all of it is " + allow
	} else if invalidCredentials(err) {
		e.Next = "get new credentials and run again"
	} else if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		e.Next = "allow " + iamAction(op.ServiceID, op.OperationName) + "; all of it is " + allow
	}
	return e
}

// denied recognises the codes with which AWS refuses for want of permission or
// of valid credentials.
func denied(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	return strings.HasPrefix(e.ErrorCode(), "AccessDenied") || strings.HasPrefix(e.ErrorCode(), "UnauthorizedOperation") || invalidCredentials(err)
}

func invalidCredentials(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && (strings.Contains(e.ErrorCode(), "ExpiredToken") ||
		slices.Contains([]string{"UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch"}, e.ErrorCode()))
}
