package cfnsim

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// updatable reports whether the stack's status accepts an update
// (docs/aws/cfn.md 1.1).
func (s *stack) updatable(noRollback bool) bool {
	switch s.status {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
		types.StackStatusImportComplete, types.StackStatusImportRollbackComplete:
		return true
	case types.StackStatusCreateFailed, types.StackStatusUpdateFailed:
		return noRollback
	}
	return false
}

// refusal is why the stack cannot be updated now.
func (s *stack) refusal(noRollback bool) error {
	switch {
	case s.updatable(noRollback):
		return nil
	case s.status == types.StackStatusUpdateFailed || s.status == types.StackStatusCreateFailed:
		// https://github.com/aws/aws-cli/issues/6368
		return invalidf("This stack is currently in a non-terminal [%s] state. To update the stack from this state, please use the disable-rollback parameter with update-stack API. To rollback to the last known good state, use the rollback-stack API", s.status)
	}
	return cannotUpdate(s)
}

// UpdateStack starts an update.
func (s *Service) UpdateStack(ctx context.Context, in *cloudformation.UpdateStackInput) (*cloudformation.UpdateStackOutput, error) {
	name := str(in.StackName)
	if err := checkName(name); err != nil {
		return nil, err
	}
	st := s.find(name)
	if st == nil {
		return nil, noStackBrackets(name)
	}
	if in.ClientRequestToken != nil && st.tokens[*in.ClientRequestToken] {
		return &cloudformation.UpdateStackOutput{StackId: ptr(st.id), OperationId: ptr(st.operationID())}, nil
	}
	if !st.live() {
		return nil, cannotUpdate(st)
	}
	body, url, err := s.body(ctx, in.TemplateBody, in.TemplateURL, in.UsePreviousTemplate, st)
	if err != nil {
		return nil, err
	}
	if err := st.refusal(isTrue(in.DisableRollback)); err != nil {
		return nil, err
	}
	if err := s.assumable(in.RoleARN, st); err != nil {
		return nil, err
	}
	d, err := s.definition(ctx, body, url, in.Parameters, st.now.arguments)
	if err != nil {
		return nil, err
	}
	st.inherit(d, in.Tags, in.NotificationARNs, in.RoleARN, in.RollbackConfiguration)
	d.capabilities = in.Capabilities
	if err := d.check(in.Capabilities, in.ResourceTypes, true); err != nil {
		return nil, err
	}
	if err := checkMonitoring(in.RollbackConfiguration); err != nil {
		return nil, err
	}
	policy, setPolicy, err := s.givenPolicy(ctx, in.StackPolicyBody, in.StackPolicyURL)
	if err != nil {
		return nil, err
	}
	during, _, err := s.givenPolicy(ctx, in.StackPolicyDuringUpdateBody, in.StackPolicyDuringUpdateURL)
	if err != nil {
		return nil, err
	}
	same, err := st.sameAs(d)
	if err != nil {
		return nil, err
	}
	if same && st.status != types.StackStatusUpdateFailed && st.status != types.StackStatusCreateFailed {
		return nil, errNoUpdates
	}
	st.mutated()
	if setPolicy {
		st.policy = policy
	}
	st.duringUpdate = during
	st.noRollback, st.dropNew = isTrue(in.DisableRollback), isTrue(in.RetainExceptOnCreate)
	id := st.begin(types.OperationTypeUpdateStack, in.ClientRequestToken)
	st.remember(in.ClientRequestToken)
	st.changeSetID = ""
	st.update(d, false, nil)
	return &cloudformation.UpdateStackOutput{StackId: ptr(st.id), OperationId: ptr(id)}, nil
}

// inherit keeps what an update does not mention: nil tags keep the old ones,
// an empty list removes them (docs/aws/cfn.md 1.8).
func (s *stack) inherit(d *definition, tags []types.Tag, notices []string, role *string, m *types.RollbackConfiguration) {
	d.tags, d.notices, d.role, d.monitoring = tags, notices, role, m
	if s.now == nil {
		return
	}
	if tags == nil {
		d.tags = s.now.tags
	}
	if notices == nil {
		d.notices = s.now.notices
	}
	if role == nil {
		d.role = s.now.role
	}
	if m == nil {
		d.monitoring = s.now.monitoring
	}
}

// checkMonitoring: docs/aws/recordings.md cloudformation/api/test_update_stack.
func checkMonitoring(m *types.RollbackConfiguration) error {
	if m == nil {
		return nil
	}
	for _, t := range m.RollbackTriggers {
		if typ := str(t.Type); typ != "AWS::CloudWatch::Alarm" && typ != "AWS::CloudWatch::CompositeAlarm" {
			return invalid("Rollback Trigger Type not supported")
		}
		if parts := strings.Split(str(t.Arn), ":"); len(parts) < 7 || parts[5] != "alarm" {
			return invalid("RelativeId of a Rollback Trigger's ARN is incorrect")
		}
	}
	return nil
}

// CancelUpdateStack cancels a running update and rolls it back.
func (s *Service) CancelUpdateStack(_ context.Context, in *cloudformation.CancelUpdateStackInput) (*cloudformation.CancelUpdateStackOutput, error) {
	st := s.find(str(in.StackName))
	if st == nil {
		return nil, noStackColon(str(in.StackName))
	}
	out := &cloudformation.CancelUpdateStackOutput{}
	if in.ClientRequestToken != nil && st.tokens[*in.ClientRequestToken] {
		return out, nil
	}
	if st.status != types.StackStatusUpdateInProgress || st.plan == nil {
		return nil, invalid("CancelUpdateStack cannot be called from current stack status")
	}
	st.mutated()
	st.remember(in.ClientRequestToken)
	st.token = str(in.ClientRequestToken)
	st.plan.halt()
	return out, nil
}

// DeleteStack starts a deletion. A stack that does not exist is deleted
// already (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html).
func (s *Service) DeleteStack(_ context.Context, in *cloudformation.DeleteStackInput) (*cloudformation.DeleteStackOutput, error) {
	name := str(in.StackName)
	if err := checkName(name); err != nil {
		return nil, err
	}
	out := &cloudformation.DeleteStackOutput{}
	st := s.find(name)
	switch {
	case st == nil || !st.live() || st.status == types.StackStatusDeleteInProgress:
		return out, nil
	case st.top().protected: // docs/aws/cfn.md 1.3
		return nil, invalidf("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.name)
	case len(in.RetainResources) > 0 && st.status != types.StackStatusDeleteFailed:
		return nil, invalid("RetainResources can only be specified when the stack is in DELETE_FAILED state") // recordings: none; the rule is DeleteStack's documentation
	case (!settled(st.status) || cleaning(st.status)) && st.status != types.StackStatusReviewInProgress:
		return nil, invalidf("Stack [%s] cannot be deleted while in status %s", st.id, st.status)
	}
	if err := s.assumable(in.RoleARN, st); err != nil {
		return nil, err
	}
	st.mutated()
	st.remember(in.ClientRequestToken)
	st.begin(types.OperationTypeDeleteStack, in.ClientRequestToken)
	st.deleted = s.world.Now()
	if st.status == types.StackStatusReviewInProgress {
		st.now = &definition{t: &template{}}
	}
	st.changeSetID = ""
	st.tearDown(types.StackStatusDeleteInProgress, "User Initiated", types.StackStatusDeleteComplete, types.StackStatusDeleteFailed, in.RetainResources, nil)
	return out, nil
}
