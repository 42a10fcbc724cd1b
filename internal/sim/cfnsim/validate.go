package cfnsim

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// errInvalid is an operation that failed its validation: the stack's own events
// have no reason, only DescribeEvents tells it (docs/aws/cfn.md 8.4).
var errInvalid = errors.New("validation failed")

// validate is the validation before an operation touches its first resource,
// which is on by default
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html).
// Which properties are valid is not simulated: failures are scripted.
func (s *stack) validate(c *scope) error {
	var failed error
	for _, d := range c.resources() {
		reason, due := s.svc.scripted(s, d.id, simtype.OnValidation, BeforeHandler)
		if !due {
			continue
		}
		failed = errInvalid
		s.invalid = true
		s.validations = append(s.validations, types.OperationEvent{
			EventId: ptr(s.svc.world.UUID()), EventType: types.EventTypeValidationError, StackId: ptr(s.id), OperationId: ptr(s.operationID()),
			LogicalResourceId: ptr(d.id), ResourceType: ptr(d.typ), Timestamp: moment(s.svc.world.Now()),
			ValidationName: ptr("PROPERTY_VALIDATION"), ValidationPath: ptr("/Resources/" + d.id + "/Properties"), ValidationStatus: types.ValidationStatusFailed,
			ValidationFailureMode: types.HookFailureModeFail, ValidationStatusReason: &reason,
		})
	}
	return failed
}
