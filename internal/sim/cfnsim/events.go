package cfnsim

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// DescribeStackEvents pages through the events, newest first. A token stands
// for the last event that was given, so that events which come meanwhile move
// nothing.
func (s *Service) DescribeStackEvents(_ context.Context, in *cloudformation.DescribeStackEventsInput) (*cloudformation.DescribeStackEventsOutput, error) {
	name := str(in.StackName)
	if name == "" {
		return nil, invalid("1 validation error detected: Value null at 'stackName' failed to satisfy constraint: Member must not be null")
	}
	st := s.find(name)
	if st == nil {
		return nil, noStackBrackets(name)
	}
	to := len(st.events)
	if in.NextToken != nil {
		b, err := base64.RawURLEncoding.DecodeString(*in.NextToken)
		to = slices.IndexFunc(st.events, func(e types.StackEvent) bool { return *e.EventId == string(b) })
		if err != nil || to < 0 {
			return nil, invalid("Invalid NextToken")
		}
	}
	from := max(0, to-max(s.EventsPerPage, 1))
	out := &cloudformation.DescribeStackEventsOutput{StackEvents: slices.Clone(st.events[from:to])}
	slices.Reverse(out.StackEvents)
	if from > 0 {
		out.NextToken = ptr(base64.RawURLEncoding.EncodeToString([]byte(*st.events[from].EventId)))
	}
	return out, nil
}

// DescribeEvents tells the events by operation (docs/aws/cfn.md 1.6). Events
// of nested stacks are not among those of their parent's operation, unless
// simtype.Switches.EventsOfChildren says so.
func (s *Service) DescribeEvents(_ context.Context, in *cloudformation.DescribeEventsInput) (*cloudformation.DescribeEventsOutput, error) {
	var list []*stack
	switch {
	case in.StackName != nil:
		st := s.find(*in.StackName)
		if st == nil {
			return nil, noStackBrackets(*in.StackName)
		}
		list = append(list, st)
	case in.OperationId != nil:
		list = s.stacks
	case in.ChangeSetName != nil:
		cs, err := s.changeSet(nil, in.ChangeSetName)
		if err != nil {
			return nil, err
		}
		// What a change set's creation has to tell are its validation errors, and
		// nothing here fails to validate (docs/aws/cfn.md 8.4).
		page, next, err := cut(cs.operationEvents(), in.NextToken, s.EventsPerPage)
		return &cloudformation.DescribeEventsOutput{OperationEvents: page, NextToken: next}, err
	default:
		return nil, invalid("Either StackName, ChangeSetName or OperationId must be specified.")
	}
	var all []types.OperationEvent
	for _, st := range list {
		for _, e := range slices.Backward(st.events) {
			if in.OperationId != nil && !st.partOf(str(e.OperationId), *in.OperationId) {
				continue
			}
			if in.Filters != nil && isTrue(in.Filters.FailedEvents) && !isFailure(e.ResourceStatus) && e.HookStatus != types.HookStatusHookCompleteFailed {
				continue
			}
			all = append(all, st.operationEvent(e))
		}
		for _, e := range st.validations {
			if in.OperationId == nil || st.partOf(str(e.OperationId), *in.OperationId) {
				all = append(all, st.operationOf(e))
			}
		}
	}
	if in.OperationId != nil || len(list) == 1 && len(list[0].validations) > 0 {
		slices.SortStableFunc(all, func(a, b types.OperationEvent) int { return b.Timestamp.Compare(*a.Timestamp) })
	}
	page, next, err := cut(all, in.NextToken, s.EventsPerPage)
	return &cloudformation.DescribeEventsOutput{OperationEvents: page, NextToken: next}, err
}

// partOf reports whether the stack's operation id is the one that is asked for,
// or was begun by it in a stack above.
func (s *stack) partOf(id, asked string) bool {
	if id == asked {
		return true
	}
	if s.parent == nil || s.svc.world.Switches.EventsOfChildren != "listed" {
		return false
	}
	i := slices.IndexFunc(s.operations, func(o operation) bool { return o.id == id })
	return i >= 0 && s.operations[i].parent != "" && s.parent.partOf(s.operations[i].parent, asked)
}

// operationEvents are the events of the change set's creation.
func (cs *changeSet) operationEvents() []types.OperationEvent {
	e := types.OperationEvent{
		EventId: ptr(cs.id[len(cs.id)-36:]), EventType: types.EventTypeStackEvent, StackId: ptr(cs.st.id), OperationType: types.OperationTypeCreateChangeset,
		OperationId: ptr(cs.id[len(cs.id)-36:]), OperationStatus: types.BeaconStackOperationStatusInProgress, StartTime: moment(cs.created), Timestamp: moment(cs.created),
	}
	switch cs.status {
	case types.ChangeSetStatusCreateComplete:
		e.OperationStatus = types.BeaconStackOperationStatusSucceeded
	case types.ChangeSetStatusFailed:
		e.OperationStatus, e.ResourceStatusReason = types.BeaconStackOperationStatusFailed, optional(cs.reason)
	}
	return []types.OperationEvent{e}
}

func isFailure(s types.ResourceStatus) bool {
	return len(s) > 7 && s[len(s)-7:] == "_FAILED"
}

func (s *stack) operationEvent(e types.StackEvent) types.OperationEvent {
	o := types.OperationEvent{
		EventId: e.EventId, EventType: types.EventTypeStackEvent, StackId: e.StackId, LogicalResourceId: e.LogicalResourceId,
		PhysicalResourceId: e.PhysicalResourceId, ResourceProperties: e.ResourceProperties, ResourceStatus: e.ResourceStatus,
		ResourceStatusReason: e.ResourceStatusReason, ResourceType: e.ResourceType, Timestamp: e.Timestamp,
		OperationId: e.OperationId, ClientRequestToken: e.ClientRequestToken, DetailedStatus: e.DetailedStatus,
		HookType: e.HookType, HookStatus: e.HookStatus, HookStatusReason: e.HookStatusReason, HookFailureMode: e.HookFailureMode, HookInvocationPoint: e.HookInvocationPoint,
	}
	if e.HookStatus == types.HookStatusHookCompleteFailed {
		o.EventType = types.EventTypeHookInvocationError
	} else if isFailure(e.ResourceStatus) && str(e.PhysicalResourceId) != s.id {
		o.EventType = types.EventTypeProvisioningError
	}
	return s.operationOf(o)
}

// operationOf fills in what is known of the event's operation.
func (s *stack) operationOf(o types.OperationEvent) types.OperationEvent {
	i := slices.IndexFunc(s.operations, func(p operation) bool { return o.OperationId != nil && p.id == *o.OperationId })
	if i < 0 {
		return o
	}
	p := s.operations[i]
	o.OperationType, o.StartTime, o.EndTime = p.typ, moment(p.start), moment(p.end)
	switch {
	case p.end.IsZero():
		o.OperationStatus = types.BeaconStackOperationStatusInProgress
	case p.failed:
		o.OperationStatus = types.BeaconStackOperationStatusFailed
	default:
		o.OperationStatus = types.BeaconStackOperationStatusSucceeded
	}
	return o
}
