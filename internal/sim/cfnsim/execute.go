package cfnsim

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// ExecuteChangeSet starts the creation or update that a change set describes
// and deletes the stack's other change sets (docs/aws/cfn.md 1.1). Its answer
// is empty.
func (s *Service) ExecuteChangeSet(_ context.Context, in *cloudformation.ExecuteChangeSetInput) (*cloudformation.ExecuteChangeSetOutput, error) {
	cs, err := s.changeSet(in.StackName, in.ChangeSetName)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.ExecuteChangeSetOutput{}
	st := cs.st
	noRollback := isTrue(in.DisableRollback)
	switch {
	case in.ClientRequestToken != nil && st.tokens[*in.ClientRequestToken]:
		return out, nil
	case cs.execution != types.ExecutionStatusAvailable:
		state := string(cs.status)
		if cs.status == types.ChangeSetStatusCreateComplete {
			state = string(cs.execution)
		}
		return nil, &types.InvalidChangeSetStatusException{Message: ptr("ChangeSet [" + cs.id + "] cannot be executed in its current status of [" + state + "]")}
	case !cs.newStack || st.status != types.StackStatusReviewInProgress:
		if err := st.refusal(noRollback); err != nil {
			return nil, err
		}
	}
	st.mutated()
	st.remember(in.ClientRequestToken)
	st.changeSets = slices.DeleteFunc(st.changeSets, func(o *changeSet) bool {
		o.deleted = o != cs
		return o != cs
	})
	cs.execution = types.ExecutionStatusExecuteInProgress
	st.changeSetID = cs.id
	st.noRollback = noRollback
	ended := func(err error) {
		cs.execution = types.ExecutionStatusExecuteComplete
		if err != nil {
			cs.execution = types.ExecutionStatusExecuteFailed
		}
	}
	for _, child := range cs.children {
		child.adopt()
	}
	if st.status == types.StackStatusReviewInProgress {
		st.now = cs.d
		st.updated = s.world.Now()
		if cs.onFailure != "" {
			st.onFailure = types.OnFailure(cs.onFailure)
		}
		st.begin(types.OperationTypeCreateStack, in.ClientRequestToken)
		st.create(ended)
		return out, nil
	}
	st.begin(types.OperationTypeUpdateStack, in.ClientRequestToken)
	st.update(cs.d, false, ended)
	return out, nil
}

// adopt takes away the stack that only a nested change set needed: the parent
// makes its own.
func (cs *changeSet) adopt() {
	for _, c := range cs.children {
		c.adopt()
	}
	cs.execution = types.ExecutionStatusExecuteComplete
	if cs.st.status == types.StackStatusReviewInProgress {
		cs.st.svc.stacks = slices.DeleteFunc(cs.st.svc.stacks, func(o *stack) bool { return o == cs.st })
	}
}
