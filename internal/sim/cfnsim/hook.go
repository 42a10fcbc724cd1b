package cfnsim

import (
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// hookName is the hook of the simulated account, which fails when a script asks
// for it and has nothing to say otherwise.
const hookName = "Simulated::Account::Hook"

// A hookFailure is a hook that did not let a resource or an operation pass. Its
// own words are in the event of the invocation, the resource's event has only
// its name (docs/aws/cfn.md 8.9).
type hookFailure struct{}

func (hookFailure) Error() string { return "The following hook(s) failed: [" + hookName + "]" }

// hooked asks the account's hook whether a resource may be provisioned; nothing
// was sent to the resource's handler yet. A stack's own hook is asked with r nil.
func (s *stack) hooked(r *resource) error {
	id := s.name
	if r != nil {
		id = r.id
	}
	reason, due := s.svc.scripted(s, id, simtype.OnHook, BeforeHandler)
	if !due {
		return nil
	}
	s.emitHook(r, types.HookStatusHookInProgress, "")
	s.emitHook(r, types.HookStatusHookCompleteFailed, "Hook failed with message: "+reason)
	return hookFailure{}
}

// emitHook writes the event of a hook's invocation, which repeats the status
// that the resource or the stack is in.
func (s *stack) emitHook(r *resource, status types.HookStatus, reason string) {
	id, typ, physical, at := s.name, stackType, s.id, types.ResourceStatus(s.status)
	if r != nil {
		id, typ, physical, at = r.id, r.typ, r.physical, r.status
	}
	e := s.event(id+"-"+s.svc.world.UUID(), at, "")
	e.LogicalResourceId, e.PhysicalResourceId, e.ResourceType = ptr(id), ptr(physical), ptr(typ)
	e.HookType, e.HookStatus, e.HookStatusReason = ptr(hookName), status, optional(reason)
	e.HookFailureMode, e.HookInvocationPoint, e.HookInvocationId = types.HookFailureModeFail, types.HookInvocationPointPreProvision, ptr(s.svc.world.UUID())
	s.events = append(s.events, e)
}
