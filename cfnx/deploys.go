package cfnx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

const (
	serviceType        = "AWS::ECS::Service"
	taskDefinitionType = "AWS::ECS::TaskDefinition"
)

// Deploy is an ECS service to which a continued rollback sends the revision
// that the stack has recorded.
type Deploy struct {
	StackID   string `json:"stackId"`
	Stack     string `json:"stack"`
	LogicalID string `json:"logicalId"`
	// PhysicalID is the service's ARN.
	PhysicalID string `json:"physicalId,omitempty"`
	// From is the revision of the update that failed, To the one that the stack
	// has recorded and sends; "" where it cannot be followed.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// State says what the continue does to the service: "deployed", the recorded
	// revision will be deployed; "back", it is sent and ECS serves it already, no
	// task is replaced for it; "skipped", nothing is sent.
	State string `json:"state"`
	// Skippable is whether the service may be skipped: its own rollback failed.
	Skippable bool `json:"skippable,omitempty"`
	// Name is how ContinueUpdateRollback wants it, for a service that may be
	// skipped.
	Name string `json:"name,omitempty"`
}

// States of a Deploy.
const (
	deployBack    = "back"
	deploySkipped = "skipped"
	deploySent    = "deployed"
)

// String is one line.
func (d Deploy) String() string {
	to := "the recorded revision"
	if d.To != "" {
		to = d.To[strings.LastIndexByte(d.To, '/')+1:]
	}
	s := fmt.Sprintf("%s.%s: ", d.Stack, d.LogicalID)
	switch d.State {
	case deployBack:
		return s + "is on " + to + " already"
	case deploySkipped:
		return s + "is skipped"
	}
	s += to + " is deployed"
	if !d.Skippable {
		s += ", and the service cannot be skipped"
	}
	return s
}

// Deploys lists the ECS services of the tree that the failed update changed and
// that CloudFormation has not rolled back yet: to these, but for the skipped
// ones, a continued rollback sends the revision that their stack has recorded.
// A service that a rollback has reached already is not sent anything again. For
// an update that is still under way it is what its rollback would do; there is
// nothing to list once the root is *_COMPLETE.
//
// back reports whether ECS itself has already taken a service back to To, as
// its circuit breaker does: then nothing is deployed. A nil back says so of
// none. It is pure.
func (t *Tree) Deploys(skips []Skip, back func(Deploy) bool) []Deploy {
	if t == nil || t.Root == nil || !t.Root.unsettled() {
		return nil
	}
	draft := draftOfTree(t)
	var out []Deploy
	for s := range t.All() {
		forward, backs := s.attempt()
		if s.parent != nil && createsStack(s) {
			continue // it is deleted as a whole
		}
		for _, r := range s.Resources {
			if r.Type != serviceType || !touched(forward, r.LogicalID) || rolledBack(backs, r.LogicalID) || created(forward, s, r.LogicalID) {
				continue
			}
			d := Deploy{StackID: s.ID, Stack: s.Name, LogicalID: r.LogicalID, PhysicalID: r.PhysicalID, State: deploySent}
			if st, id, ok := draft.TaskDefinitionOf(s, r.LogicalID); ok {
				d.To, d.From = st.Recorded(id), st.attempted(id)
			} else {
				d.To = draft.literalTaskDefinition(s, r.LogicalID)
			}
			if _, failed := failure(lastWith(backs), r.LogicalID); failed && r.Status == types.ResourceStatusUpdateFailed {
				d.Skippable, d.Name = true, skipName(t, s, r.LogicalID)
			}
			switch {
			case slices.ContainsFunc(skips, func(k Skip) bool { return k.StackID == s.ID && k.LogicalID == r.LogicalID }):
				d.State = deploySkipped
			case back != nil && back(d):
				d.State = deployBack
			}
			out = append(out, d)
		}
	}
	return out
}

// skipName is how ContinueUpdateRollback names a resource.
func skipName(t *Tree, s *Stack, logicalID string) string {
	if s == t.Root {
		return logicalID
	}
	return s.Name + "." + logicalID
}

// draftOfTree is a draft of the templates that CloudFormation has.
func draftOfTree(t *Tree) *Draft {
	d := &Draft{
		Tree: t, Parameters: map[string]string{}, originals: map[string][]byte{}, current: map[string][]byte{}, urls: map[string]string{}, authored: map[string]bool{}, fetched: map[string]bool{},
		placed: map[string][]byte{}, unplaced: map[string]string{}, given: map[string]string{}, pinned: map[string]bool{}, parsed: map[*byte]*tree.Doc{},
	}
	for s := range t.All() {
		d.originals[s.ID], d.current[s.ID], d.placed[s.ID] = s.Template, s.Template, s.Template
	}
	return d
}

// literalTaskDefinition is the ARN that a service names as a text.
func (d *Draft) literalTaskDefinition(s *Stack, service string) string {
	r, doc, err := d.renderer(s, 0)
	if err != nil {
		return ""
	}
	n, _, err := doc.At(r.Root, propertyPath(service, "TaskDefinition"))
	if err != nil {
		return ""
	}
	text, _ := r.Value(n).(string)
	return text
}

// attempted is the physical id that the latest update gave a resource: the last
// one of the forward operation, else what it is.
func (s *Stack) attempted(logicalID string) string {
	forward, _ := s.attempt()
	for _, e := range slices.Backward(forward) {
		if e.LogicalID == logicalID && !e.own() && e.PhysicalID != "" {
			return e.PhysicalID
		}
	}
	r, _ := s.Resource(logicalID)
	return r.PhysicalID
}

// touched reports whether events tell of a resource.
func touched(events []Event, logicalID string) bool {
	return slices.ContainsFunc(events, func(e Event) bool { return e.LogicalID == logicalID && !e.own() })
}

// rolledBack reports whether a resource has been taken back, or was skipped, in
// one of the attempts to roll back.
func rolledBack(backs [][]Event, logicalID string) bool {
	for _, w := range backs {
		for _, e := range w {
			if e.LogicalID == logicalID && !e.own() && e.Status == types.ResourceStatusUpdateComplete {
				return true
			}
		}
	}
	return false
}

// created reports whether the update made the resource, which is not there
// after the rollback.
func created(forward []Event, s *Stack, logicalID string) bool {
	for _, e := range forward {
		if e.LogicalID == logicalID && !e.own() {
			return e.Status == types.ResourceStatusCreateInProgress && !createsStack(s)
		}
	}
	return false
}
