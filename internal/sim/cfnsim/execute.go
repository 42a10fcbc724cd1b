package cfnsim

import (
	"context"

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
	st.forgetOthers(cs)
	cs.execution = types.ExecutionStatusExecuteInProgress
	st.changeSetID = cs.id
	st.noRollback, st.dropNew = noRollback, isTrue(in.RetainExceptOnCreate)
	ended := func(err error) {
		cs.execution = types.ExecutionStatusExecuteComplete
		if err != nil {
			cs.execution = types.ExecutionStatusExecuteFailed
		}
	}
	cs.adopt()
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
	if cs.input.ChangeSetType == types.ChangeSetTypeImport {
		st.takeIn(cs, ended)
		return out, nil
	}
	st.update(cs.d, false, ended)
	return out, nil
}

// adopt keeps the stacks that nested change sets made for the creation of the
// nested stacks.
func (cs *changeSet) adopt() {
	for id, c := range cs.children {
		c.adopt()
		c.execution = types.ExecutionStatusExecuteComplete
		if c.st.status == types.StackStatusReviewInProgress {
			cs.st.reserve(id, c.st)
		}
	}
}

func (s *stack) reserve(id string, child *stack) {
	if s.reserved == nil {
		s.reserved = map[string]*stack{}
	}
	s.reserved[id] = child
}

// reservedOrNew is the nested stack that a resource's creation begins.
func (s *stack) reservedOrNew(r *resource, d *definition) *stack {
	child := s.reserved[r.id]
	if child == nil {
		child = s.svc.newStack(childName(s.name, r.id)+"-"+s.svc.world.Name(13), d)
	}
	delete(s.reserved, r.id)
	child.now, child.parent, child.parentResource = d, s, r.id
	return child
}
