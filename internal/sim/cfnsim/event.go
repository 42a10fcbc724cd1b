package cfnsim

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// emitOwn writes an event of the stack itself: the id is a bare UUID and the
// physical id is the stack's (docs/aws/cfn.md 1.5).
func (s *stack) emitOwn(status types.StackStatus, reason string) {
	e := s.event(s.svc.world.UUID(), types.ResourceStatus(status), reason)
	e.LogicalResourceId, e.PhysicalResourceId, e.ResourceType = ptr(s.name), ptr(s.id), ptr(stackType)
	if s.invalid {
		e.DetailedStatus = types.DetailedStatusValidationFailed
	}
	s.events = append(s.events, e)
}

// emit writes an event of a resource. Its id tells the status and time, but for
// clean-up, whose ids are UUIDs and which show no properties
// (docs/aws/recordings.md cloudformation/test_change_set_ref).
func (s *stack) emit(r *resource, status types.ResourceStatus, reason, physical string, properties object, cleanUp string) {
	id := ""
	for at := s.svc.world.Now().UTC(); id == "" || s.hasEvent(id); at = at.Add(time.Millisecond) {
		id = r.id + "-" + string(status) + "-" + at.Format("2006-01-02T15:04:05.000Z")
	}
	if cleanUp != "" {
		id = r.id + "-" + s.svc.world.UUID()
	}
	e := s.event(id, status, reason)
	e.LogicalResourceId, e.PhysicalResourceId, e.ResourceType = ptr(r.id), ptr(physical), ptr(r.typ)
	// Events of nested stacks never show properties (docs/aws/cfn.md 8.5).
	if properties != nil && r.typ != stackType {
		if b, err := json.Marshal(stringify(properties)); err == nil {
			e.ResourceProperties = ptr(string(b))
		}
	}
	s.events = append(s.events, e)
}

// hasEvent looks among the latest events, those that can be of one moment.
func (s *stack) hasEvent(id string) bool {
	for _, e := range s.events[max(0, len(s.events)-600):] {
		if *e.EventId == id {
			return true
		}
	}
	return false
}

func (s *stack) event(id string, status types.ResourceStatus, reason string) types.StackEvent {
	e := types.StackEvent{EventId: ptr(id), StackId: ptr(s.id), StackName: ptr(s.name), Timestamp: ptr(s.svc.world.Now().UTC()), ResourceStatus: status}
	if reason != "" {
		e.ResourceStatusReason = ptr(reason)
	}
	if s.token != "" {
		e.ClientRequestToken = ptr(s.token)
	}
	if id := s.operationID(); id != "" {
		e.OperationId = ptr(id)
	}
	return e
}

// stringify writes scalars as strings, as ResourceProperties has them.
func stringify(v any) any {
	switch v := v.(type) {
	case object:
		m := make(object, len(v))
		for k, e := range v {
			m[k] = stringify(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = stringify(e)
		}
		return l
	}
	return text(v)
}

func ptr[T any](v T) *T { return &v }

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func isTrue(p *bool) bool { return p != nil && *p }
