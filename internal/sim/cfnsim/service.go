package cfnsim

import (
	"context"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Service is CloudFormation in one region of one account. Its handlers are
// called inside the clock's Do.
type Service struct {
	// Latency is how long a step takes that waits for nothing, such as the
	// start of a resource's operation. Defaults to 1 s.
	Latency time.Duration
	// Poll is how often a handler looks whether an ECS service has settled, and
	// Stabilization how long it does so: three hours (docs/aws/cfn.md 1.5).
	Poll, Stabilization time.Duration
	// EventsPerPage is the length of a page of events. AWS cuts pages at 1 MB
	// (docs/aws/cfn.md 1.5), which this many events stay below.
	EventsPerPage int

	world     *world.World
	deps      Deps
	kinds     map[string]*kind
	inert     *kind
	stacks    []*stack // in the order of creation, deleted ones too
	script    []scriptedFailure
	durations map[string]map[simtype.Phase]time.Duration
	drifts    []*detection
	faults    []string        // contradictions, see Check
	taken     map[string]bool // physical ids of types that no service holds
	// left are resources that left their stacks without being deleted, by type and
	// physical id; protected are those whose deletion protection was set or taken
	// off by their own service's API, by physical id.
	left      map[string]incarnation
	protected map[string]bool
	lostRoles map[string]bool // roles that CloudFormation cannot assume
}

// New returns CloudFormation of one region. Its resource types call deps.
func New(w *world.World, deps Deps) *Service {
	s := &Service{
		Latency: time.Second, Poll: 15 * time.Second, Stabilization: 3 * time.Hour, EventsPerPage: 100,
		world: w, deps: deps, durations: map[string]map[simtype.Phase]time.Duration{}, taken: map[string]bool{}, left: map[string]incarnation{}, protected: map[string]bool{},
	}
	s.kinds, s.inert = s.table(), inertKind()
	return s
}

// A Moment is when a scripted failure of a resource's operation happens.
type Moment int

const (
	// BeforeHandler fails the operation before the resource's service was
	// called: nothing has changed.
	BeforeHandler Moment = iota
	// AfterHandler fails the operation when the service has done everything.
	AfterHandler
	// Never lets the service act, and the operation hang until its patience ends.
	Never
)

type scriptedFailure struct {
	stack, id string
	phase     simtype.Phase
	reason    string
	when      Moment
}

// FailNext makes the next operation of the phase on a resource fail with the
// reason, once; it may be called several times for several failures. The stack
// is given by name or id; a resource of a nested stack by that stack's name,
// by its id, or by the logical id of the nested stack's resource. It must be
// called inside the clock's Do.
func (s *Service) FailNext(stackNameOrID, logicalID string, phase simtype.Phase, when Moment, reason string) {
	s.script = append(s.script, scriptedFailure{stackNameOrID, logicalID, phase, reason, when})
}

// scripted takes the failure that is due at this moment of the resource's
// operation off the script.
func (s *Service) scripted(st *stack, id string, phase simtype.Phase, when Moment) (reason string, due bool) {
	for i, f := range s.script {
		if f.id == id && f.phase == phase && (f.stack == st.name || f.stack == st.id || f.stack == st.parentResource) {
			if f.when != when {
				return "", false // the next failure of the phase comes at another moment
			}
			s.script = slices.Delete(s.script, i, i+1)
			return f.reason, true
		}
	}
	return "", false
}

// hangs reports whether the operation is scripted never to settle.
func (s *Service) hangs(st *stack, id string, phase simtype.Phase) bool {
	_, due := s.scripted(st, id, phase, Never)
	return due
}

// Takes sets how long a resource type's phase takes. It must be called inside
// the clock's Do.
func (s *Service) Takes(resourceType string, phase simtype.Phase, d time.Duration) {
	if s.durations[resourceType] == nil {
		s.durations[resourceType] = map[simtype.Phase]time.Duration{}
	}
	s.durations[resourceType][phase] = d
}

func (s *Service) duration(typ string, phase simtype.Phase, d time.Duration) time.Duration {
	if own, ok := s.durations[typ][phase]; ok {
		return own
	}
	return d
}

// Drift changes a resource outside CloudFormation: drift detection finds the
// properties changed, or the resource gone when properties is nil. It reports
// whether there is such a resource, and must be called inside the clock's Do.
func (s *Service) Drift(stackNameOrID, logicalID string, properties map[string]any) bool {
	st := s.find(stackNameOrID)
	if st == nil || st.resources[logicalID] == nil {
		return false
	}
	r := st.resources[logicalID]
	r.drifted, r.vanished = properties, properties == nil
	return true
}

// Register makes all operations known.
func (s *Service) Register(t *op.Table) {
	on(t, s.CreateStack)
	on(t, s.UpdateStack)
	on(t, s.DeleteStack)
	on(t, s.CancelUpdateStack)
	on(t, s.ContinueUpdateRollback)
	on(t, s.RollbackStack)
	on(t, s.DescribeStacks)
	on(t, s.ListStacks)
	on(t, s.DescribeStackEvents)
	on(t, s.DescribeEvents)
	on(t, s.DescribeStackResource)
	on(t, s.DescribeStackResources)
	on(t, s.ListStackResources)
	on(t, s.CreateChangeSet)
	on(t, s.DescribeChangeSet)
	on(t, s.ExecuteChangeSet)
	on(t, s.DeleteChangeSet)
	on(t, s.ListChangeSets)
	on(t, s.GetTemplate)
	on(t, s.GetTemplateSummary)
	on(t, s.ValidateTemplate)
	on(t, s.ListExports)
	on(t, s.ListImports)
	on(t, s.GetStackPolicy)
	on(t, s.SetStackPolicy)
	on(t, s.UpdateTerminationProtection)
	on(t, s.DetectStackDrift)
	on(t, s.DetectStackResourceDrift)
	on(t, s.DescribeStackDriftDetectionStatus)
	on(t, s.DescribeStackResourceDrifts)
	on(t, s.DescribeAccountLimits)
}

// on makes fn answer its operation, unless the request's StackName is empty.
func on[I, O any](t *op.Table, fn func(context.Context, *I) (*O, error)) {
	op.On(t, func(ctx context.Context, in *I) (*O, error) {
		if f := reflect.ValueOf(in).Elem().FieldByName("StackName"); f.IsValid() && !f.IsNil() && f.Elem().Len() == 0 {
			return nil, invalid("1 validation error detected: Value '' at 'stackName' failed to satisfy constraint: Member must have length greater than or equal to 1")
		}
		out, err := fn(ctx, in)
		if err == nil {
			listed(out)
		}
		return out, err
	})
}

// listed makes the list of an answer that is one list empty rather than absent:
// that is how AWS answers where there is nothing.
func listed(out any) {
	var only reflect.Value
	for f, x := range reflect.ValueOf(out).Elem().Fields() {
		if f.IsExported() && x.Kind() == reflect.Slice {
			if only.IsValid() {
				return // a description, whose lists are absent where there is nothing
			}
			only = x
		}
	}
	if only.IsValid() && only.IsNil() {
		only.Set(reflect.MakeSlice(only.Type(), 0, 0))
	}
}

// find is the stack by id, or the live one by name.
func (s *Service) find(nameOrID string) *stack {
	for _, st := range slices.Backward(s.stacks) {
		if st.id == nameOrID || st.name == nameOrID && st.live() {
			return st
		}
	}
	return nil
}

var stackNames = regexp.MustCompile(`^([a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*)$`)

// checkName refuses what cannot be a stack's name
// (docs/aws/recordings.md cloudformation/api/test_stacks).
func checkName(name string) error {
	if !stackNames.MatchString(name) {
		return invalidf("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*", name)
	}
	if !strings.HasPrefix(name, "arn:") && len(name) > 128 {
		return invalidf("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must have length less than or equal to 128", name)
	}
	return nil
}

func (s *Service) newStack(name string, d *definition) *stack {
	st := &stack{
		svc: s, name: name, now: d, created: s.world.Now(),
		id:        s.world.ARN("cloudformation", "stack/"+name+"/"+s.world.UUID()),
		resources: map[string]*resource{}, tokens: map[string]bool{}, onFailure: types.OnFailureRollback,
	}
	s.stacks = append(s.stacks, st)
	return st
}
