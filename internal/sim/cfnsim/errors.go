package cfnsim

import (
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// invalid is CloudFormation's answer to nearly everything it refuses: code
// ValidationError, status 400 (docs/aws/cfn.md 1.3).
func invalid(text string) error { return op.Error("ValidationError", text) }

func invalidf(format string, a ...any) error { return invalid(fmt.Sprintf(format, a...)) }

// The texts below are AWS's, recorded or quoted in docs/aws/cfn.md 1.3.

func noStackWithID(name string) error   { return invalidf("Stack with id %s does not exist", name) }
func noStackBrackets(name string) error { return invalidf("Stack [%s] does not exist", name) }
func noStackColon(name string) error    { return invalidf("Stack: %s does not exist", name) }

func cannotUpdate(s *stack) error {
	return invalidf("Stack:%s is in %s state and can not be updated.", s.id, s.status)
}

func noChangeSet(name string) error {
	return op.WithStatus(http.StatusNotFound, &types.ChangeSetNotFoundException{Message: ptr(fmt.Sprintf("ChangeSet [%s] does not exist", name))})
}

// reason is an error whose text is a status reason of AWS.
type reason string

func (r reason) Error() string { return string(r) }

var errNoUpdates = invalid("No updates are to be performed.")
