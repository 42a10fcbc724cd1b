package cfnsim

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// ContinueUpdateRollback tries a failed rollback again (docs/aws/cfn.md 1.2).
// Its answer is empty.
//
// Nobody has recorded the texts of its refusals: the code is ValidationError,
// the words here are the simulator's (docs/aws/cfn.md 1.3 and 6.2).
func (s *Service) ContinueUpdateRollback(_ context.Context, in *cloudformation.ContinueUpdateRollbackInput) (*cloudformation.ContinueUpdateRollbackOutput, error) {
	name := str(in.StackName)
	if err := checkName(name); err != nil {
		return nil, err
	}
	out := &cloudformation.ContinueUpdateRollbackOutput{}
	st := s.find(name)
	sw := s.world.Switches
	force := isTrue(in.ForceRollback)
	switch {
	case in.ForceRollback != nil && sw.ForceRollback == "unknown":
		// The query protocol ignores members it does not know; that an endpoint
		// rejects the field is the worse case (docs/aws/cfn.md 0, uncertain).
		return nil, invalid("Unknown parameter: ForceRollback")
	case force && len(in.ResourcesToSkip) > 0:
		return nil, invalid("ForceRollback and ResourcesToSkip are mutually exclusive. Specify only one.")
	case st == nil:
		return nil, noStackBrackets(name)
	case in.ClientRequestToken != nil && st.tokens[*in.ClientRequestToken]:
		if st.token == *in.ClientRequestToken && !settled(st.status) {
			return out, nil // the same request again, after a lost response
		}
		return nil, errToken
	case st.parent != nil && (sw.ChildLockedAlone != "continues" || st.parent.status == types.StackStatusUpdateRollbackFailed):
		return nil, invalidf("RollbackUpdatedStack cannot be invoked on child stacks")
	case st.status != types.StackStatusUpdateRollbackFailed:
		return nil, invalidf("Stack:%s is in %s state and can not be rolled back.", st.id, st.status)
	}
	skip, err := st.skipList(in.ResourcesToSkip)
	if err != nil {
		return nil, err
	}
	if err := s.assumable(in.RoleARN, st); err != nil {
		return nil, err
	}
	if in.RoleARN != nil { // for all future operations too (docs/aws/cfn.md 1.2)
		st.now.role, st.stable.role = in.RoleARN, in.RoleARN
	}
	st.mutated()
	st.remember(in.ClientRequestToken)
	st.token = str(in.ClientRequestToken)
	b := &rollback{skip: skip, force: force, failing: sw.ForceRollback == "failed-and-failing", continued: true}
	st.rollBack(types.OperationTypeContinueRollback, "User Initiated", b, nil)
	return out, nil
}

var skipEntry = regexp.MustCompile(`^([a-zA-Z0-9]+|[a-zA-Z][-a-zA-Z0-9]*\.[a-zA-Z0-9]+)$`)

// skipList reads ResourcesToSkip: a logical id of the root, or
// NestedStackName.LogicalID with the physical name of the stack that directly
// contains the resource, however deep it is (docs/aws/cfn.md 1.2).
func (s *stack) skipList(entries []string) (map[string]map[string]bool, error) {
	skip := map[string]map[string]bool{}
	for _, e := range entries {
		if !skipEntry.MatchString(e) {
			return nil, invalidf("1 validation error detected: Value '[%s]' at 'resourcesToSkip' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z0-9]+|[a-zA-Z][-a-zA-Z0-9]*\\.[a-zA-Z0-9]+]", strings.Join(entries, ", "))
		}
		in, id := s, e
		if name, logical, dotted := strings.Cut(e, "."); dotted {
			id = logical
			if in = s.descendant(name); in == nil {
				return nil, invalidf("Stack [%s] is not a nested stack of [%s]", name, s.name)
			}
		}
		r := in.resources[id]
		if r == nil {
			return nil, invalidf("Resource [%s] does not exist in stack [%s]", id, in.name)
		}
		if err := r.skippable(); err != nil {
			return nil, err
		}
		if skip[in.id] == nil {
			skip[in.id] = map[string]bool{}
		}
		skip[in.id][id] = true
	}
	return skip, nil
}

func (r *resource) skippable() error {
	if r.typ == stackType && r.child != nil {
		if !slices.Contains([]types.StackStatus{types.StackStatusDeleteInProgress, types.StackStatusDeleteComplete, types.StackStatusDeleteFailed}, r.child.status) {
			return invalidf("Nested stack resource [%s] cannot be skipped: its embedded stack is in %s", r.id, r.child.status)
		}
		return nil
	}
	if r.rollbackFailed || r.st.svc.world.Switches.SkipValidation == "relaxed" {
		return nil
	}
	return invalidf("Resource [%s] is not in UPDATE_FAILED because a rollback failed and cannot be skipped", r.id)
}

// descendant is the nested stack of that physical name at any depth.
func (s *stack) descendant(name string) *stack {
	var found *stack
	s.each(func(r *resource) {
		switch {
		case found != nil || r.child == nil:
		case r.child.name == name:
			found = r.child
		default:
			found = r.child.descendant(name)
		}
	})
	return found
}

// RollbackStack goes back from a failure that was not rolled back; a stack
// that never was complete is deleted
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html).
func (s *Service) RollbackStack(_ context.Context, in *cloudformation.RollbackStackInput) (*cloudformation.RollbackStackOutput, error) {
	name := str(in.StackName)
	st := s.find(name)
	if st == nil {
		return nil, noStackBrackets(name)
	}
	done := func() *cloudformation.RollbackStackOutput {
		return &cloudformation.RollbackStackOutput{StackId: ptr(st.id), OperationId: ptr(st.operationID())}
	}
	switch {
	case in.ClientRequestToken != nil && st.tokens[*in.ClientRequestToken]:
		return done(), nil
	case st.parent != nil:
		return nil, invalid("RollbackStack cannot be invoked on child stacks")
	case st.status == types.StackStatusCreateFailed, st.status == types.StackStatusUpdateFailed:
	default:
		return nil, invalid("RollbackStack cannot be called from current stack status")
	}
	if err := s.assumable(in.RoleARN, st); err != nil {
		return nil, err
	}
	st.mutated()
	st.remember(in.ClientRequestToken)
	st.token = str(in.ClientRequestToken)
	st.noRollback = false
	st.dropNew = st.dropNew || isTrue(in.RetainExceptOnCreate)
	if st.stable == nil {
		st.begin(types.OperationTypeRollback, in.ClientRequestToken)
		st.deleted = s.world.Now()
		st.tearDown(types.StackStatusDeleteInProgress, "User Initiated", types.StackStatusDeleteComplete, types.StackStatusDeleteFailed, nil, nil)
		return done(), nil
	}
	st.rollBack(types.OperationTypeRollback, "User Initiated", nil, nil)
	return done(), nil
}
