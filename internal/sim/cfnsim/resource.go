package cfnsim

import (
	"encoding/json"
	"maps"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// resource is one logical resource of a stack.
type resource struct {
	id string
	st *stack
	incarnation
	status types.ResourceStatus
	reason string
	at     time.Time

	// touched says that the running update has begun to change the resource;
	// past is what it was before, nil when the update made it.
	touched bool
	past    *incarnation
	// back says that the running rollback is done with the resource.
	back bool
	// rollbackFailed says that it is in UPDATE_FAILED because a rollback failed,
	// the only kind that may be skipped (docs/aws/cfn.md 1.2).
	rollbackFailed bool
	// skipped says that the last rollback left it as it was.
	skipped bool

	drift    types.StackResourceDriftStatus
	driftAt  time.Time
	drifted  object // properties changed outside, by name
	vanished bool   // deleted outside
	token    string // of the handler's request
	// reached says that the running update got as far as the handler.
	reached bool
	// generation is that of the events that may still touch the resource.
	generation int
}

// incarnation is one physical resource and what the stack knows about it.
type incarnation struct {
	typ, physical string
	// record is what the stack's template says; sent is what the resource was
	// last given. They differ after a skip.
	record, sent object
	given        object // sent with its dynamic references resolved
	attributes   object
	decl         declaration
	child        *stack
}

func (r *resource) exists() bool { return r.record != nil }

// set moves the resource to a status and writes the event.
func (r *resource) set(status types.ResourceStatus, reason string, properties object) {
	r.status, r.reason, r.at = status, reason, r.st.svc.world.Now()
	r.st.emit(r, status, reason, r.physical, properties, "")
}

// same reports whether properties are equal, however numbers were written
// (CloudFormation converts to the type the property has).
func same(a, b any) bool { return reflect.DeepEqual(plain(a), plain(b)) }

// plain writes scalars as text.
func plain(v any) any {
	switch v := v.(type) {
	case object:
		m := make(object, len(v))
		for k, e := range v {
			m[k] = plain(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = plain(e)
		}
		return l
	case string, bool, json.Number:
		return text(v)
	}
	return v
}

// changed are the names of the properties that differ.
func changed(a, b object) []string {
	all := maps.Clone(mapOf(a))
	maps.Copy(all, b)
	var names []string
	for _, k := range sorted(all) {
		va, in := a[k]
		vb, in2 := b[k]
		if in != in2 || !same(va, vb) {
			names = append(names, k)
		}
	}
	return names
}

// base is what an update compares with (simtype.Switches.NoDifferenceAfterSkip).
func (r *resource) base() object {
	if r.skipped && r.st.svc.world.Switches.NoDifferenceAfterSkip != "to-record" {
		return r.sent
	}
	return r.record
}
