package cfnsim

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// mutated keeps what the next reads still show, where reads are stale
// (simtype.Switches.StaleReads).
func (s *stack) mutated() {
	if n := s.svc.world.Switches.StaleReads; n > 0 {
		d := s.describe()
		s.stale, s.staleLeft = &d, n
	}
}

// DescribeStacks describes one stack or, in pages, all that are not deleted. A
// deleted one is found by its id only.
func (s *Service) DescribeStacks(_ context.Context, in *cloudformation.DescribeStacksInput) (*cloudformation.DescribeStacksOutput, error) {
	var found []*stack
	if name := str(in.StackName); name != "" {
		if err := checkName(name); err != nil {
			return nil, err
		}
		st := s.find(name)
		if st == nil {
			return nil, noStackWithID(name)
		}
		found = append(found, st)
	} else {
		for _, st := range slices.Backward(s.stacks) {
			if st.live() {
				found = append(found, st)
			}
		}
	}
	page, next, err := cut(found, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.DescribeStacksOutput{NextToken: next}
	for _, st := range page {
		d := st.describe()
		if st.staleLeft > 0 {
			st.staleLeft--
			d = *st.stale
		}
		out.Stacks = append(out.Stacks, d)
	}
	return out, nil
}

// describe is the stack as DescribeStacks shows it; which fields are present is
// recorded in docs/aws/recordings.md cloudformation/api/test_stacks.
func (s *stack) describe() types.Stack {
	d := types.Stack{
		StackId: ptr(s.id), StackName: ptr(s.name), StackStatus: s.status, CreationTime: ptr(s.created.UTC()),
		DisableRollback: ptr(s.noRollback), NotificationARNs: []string{}, Tags: []types.Tag{},
		DriftInformation:      &types.StackDriftInformation{StackDriftStatus: types.StackDriftStatusNotChecked},
		RollbackConfiguration: &types.RollbackConfiguration{},
		TimeoutInMinutes:      s.timeout,
	}
	if s.detection != nil && s.detection.done {
		d.DriftInformation = &types.StackDriftInformation{StackDriftStatus: s.detection.status, LastCheckTimestamp: ptr(s.detection.at.UTC())}
	}
	if s.status != types.StackStatusDeleteComplete {
		d.EnableTerminationProtection = ptr(s.top().protected)
	}
	d.LastUpdatedTime, d.DeletionTime = moment(s.updated), moment(s.deleted)
	if s.reason != "" {
		d.StackStatusReason = ptr(s.reason)
	}
	if s.changeSetID != "" {
		d.ChangeSetId = ptr(s.changeSetID)
	}
	if s.parent != nil {
		d.ParentId, d.RootId = ptr(s.parent.id), ptr(s.top().id)
	}
	def, outputs := s.shown()
	if def != nil && s.status != types.StackStatusReviewInProgress {
		d.Parameters, d.Capabilities, d.RoleARN = shown(def.arguments), sortedCapabilities(def.capabilities), def.role
		if def.t != nil && def.t.description != "" {
			d.Description = ptr(def.t.description)
		}
		d.Tags = append(d.Tags, def.tags...)
		d.NotificationARNs = append(d.NotificationARNs, def.notices...)
		if def.monitoring != nil {
			d.RollbackConfiguration = def.monitoring
		}
	}
	d.Outputs = append(d.Outputs, outputs...)
	d.LastOperations = s.lastOperations()
	return d
}

func sortedCapabilities(c []types.Capability) []types.Capability {
	c = slices.Clone(c)
	slices.Sort(c)
	return c
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return ptr(t.UTC())
}

// lastOperations are the most recent operation and, where that is an automatic
// rollback, the one it rolls back, newest first
// (docs/aws/recordings.md cloudformation/test_change_set_mappings; docs/aws/cfn.md 1.6).
func (s *stack) lastOperations() []types.OperationEntry {
	var out []types.OperationEntry
	for _, o := range slices.Backward(s.operations) {
		out = append(out, types.OperationEntry{OperationId: ptr(o.id), OperationType: o.typ})
		if o.typ != types.OperationTypeRollback {
			break
		}
	}
	return out
}

// ListStacks lists all stacks, deleted ones of the last 90 days too.
func (s *Service) ListStacks(_ context.Context, in *cloudformation.ListStacksInput) (*cloudformation.ListStacksOutput, error) {
	var all []types.StackSummary
	for _, st := range slices.Backward(s.stacks) {
		if len(in.StackStatusFilter) > 0 && !slices.Contains(in.StackStatusFilter, st.status) {
			continue
		}
		if !st.live() && s.world.Now().Sub(st.deleted) > 90*24*time.Hour {
			continue
		}
		d := st.describe()
		sum := types.StackSummary{
			StackId: d.StackId, StackName: d.StackName, StackStatus: d.StackStatus, StackStatusReason: d.StackStatusReason,
			CreationTime: d.CreationTime, LastUpdatedTime: d.LastUpdatedTime, DeletionTime: d.DeletionTime,
			ParentId: d.ParentId, RootId: d.RootId, TemplateDescription: d.Description, LastOperations: d.LastOperations,
			DriftInformation: &types.StackDriftInformationSummary{StackDriftStatus: d.DriftInformation.StackDriftStatus, LastCheckTimestamp: d.DriftInformation.LastCheckTimestamp},
		}
		all = append(all, sum)
	}
	page, next, err := cut(all, in.NextToken, 100)
	return &cloudformation.ListStacksOutput{StackSummaries: page, NextToken: next}, err
}

// DescribeAccountLimits tells the documented defaults.
func (s *Service) DescribeAccountLimits(context.Context, *cloudformation.DescribeAccountLimitsInput) (*cloudformation.DescribeAccountLimitsOutput, error) {
	return &cloudformation.DescribeAccountLimitsOutput{AccountLimits: []types.AccountLimit{
		{Name: ptr("StackLimit"), Value: ptr(int32(2000))},
		{Name: ptr("StackOutputsLimit"), Value: ptr(int32(200))},
		{Name: ptr("ConcurrentResourcesLimit"), Value: ptr(int32(2500))},
	}}, nil
}
