package cfnx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

var (
	// ErrStackNotFound is returned by [Snapshot], [Wait] and the verbs that use
	// them if no stack has the name in this account and region, or if it was
	// deleted.
	ErrStackNotFound = errors.New("stack does not exist here")
	// ErrNotStuck is returned by [ContinueRollbackSkipping] if the root stack is
	// not in UPDATE_ROLLBACK_FAILED, so that there is no rollback to continue.
	ErrNotStuck = errors.New("no rollback to continue")
	// ErrInProgress is returned by [ContinueRollbackSkipping] and [Draft.Apply] if an
	// operation on a stack of the tree is under way, or was started by somebody
	// else meanwhile.
	ErrInProgress = errors.New("operation in progress")
	// ErrChildStuck is returned by [ContinueRollbackSkipping] if a nested stack
	// is stuck and the root is not: neither can be continued, only AWS Support
	// or an update of the root that touches the child helps.
	ErrChildStuck = errors.New("nested stack stuck under a root that is not")
	// ErrNoProgress is returned by [ContinueRollbackSkipping] if a further round
	// would ask for what the last one asked for, or if there may be none.
	ErrNoProgress = errors.New("another round would change nothing")
	// ErrCannotSkip is returned by [ContinueRollbackSkipping], before anything is
	// started, if what is to be skipped is no resource whose rollback failed.
	ErrCannotSkip = errors.New("cannot be skipped")
	// ErrUnread is returned by the verbs that change something, before they do, if
	// a part of the tree that they need could not be read; see Stack.Unread.
	ErrUnread = errors.New("not known: it could not be read")
	// ErrConflict is returned, in a *[DraftError], by the methods of [Draft] if
	// two things that were asked for cannot both be had, because one parameter
	// feeds them.
	ErrConflict = errors.New("two wishes for one value")
	// ErrNothingToChange is returned by [Draft.Apply] and the verbs that use it if
	// what was asked for is already so.
	ErrNothingToChange = errors.New("nothing to change")
	// ErrNoEffect is returned by [Draft.Apply] and the verbs that use it if the draft
	// changes a template or a parameter, and CloudFormation finds nothing in it to
	// change: what was to be had is so already, or the draft was made from an old
	// snapshot.
	ErrNoEffect = errors.New("the draft changes nothing that CloudFormation would update")
)

// StackError says where a stack is that did not get where it was to go.
type StackError struct {
	// Stack is its name.
	Stack  string
	Status types.StackStatus
	// Reason is what CloudFormation gave for the status.
	Reason string
	// Failed are the resources that failed by themselves, in every stack of the
	// tree, oldest first.
	Failed []Failure
	// Err is the sentinel or the error of the wait.
	Err error
}

// Error names the stack, its status and the failed resources.
func (e *StackError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stack %s: %s", e.Stack, e.Status)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if (len(e.Failed) == 0 || errors.Is(e.Err, ErrUnread)) && e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	for i, f := range e.Failed {
		if i == 3 {
			fmt.Fprintf(&b, "; and %d more", len(e.Failed)-i)
			break
		}
		fmt.Fprintf(&b, "; %s", f)
	}
	return b.String()
}

// Unwrap is the sentinel or the error of the wait.
func (e *StackError) Unwrap() error { return e.Err }

// missing recognises the answers for a stack that is not there. All of them
// are plain validation errors that differ in their texts only (docs/aws/cfn.md
// 1.3); both spellings have the two words.
func missing(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && e.ErrorCode() == "ValidationError" && strings.Contains(e.ErrorMessage(), "does not exist")
}

func stackErr(stack string, err error) error {
	if missing(err) {
		return fmt.Errorf("stack %s: %w (%w)", stack, ErrStackNotFound, err)
	}
	return fmt.Errorf("stack %s: %w", stack, err)
}
