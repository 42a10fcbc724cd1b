package cfnsim

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// stack is one stack, nested or not, kept after its deletion.
type stack struct {
	svc            *Service
	id, name       string
	parent         *stack
	parentResource string

	status  types.StackStatus
	reason  string
	created time.Time
	updated time.Time // zero until the first update or executed change set
	deleted time.Time

	// now is what the stack is, or is on its way to; stable is what a rollback
	// goes back to, nil before the first creation ended.
	now, stable *definition
	// invalid says that the running operation failed its validation; validations
	// are what DescribeEvents tells of those that did.
	invalid     bool
	validations []types.OperationEvent

	attempted        *definition    // what the running or last update was to make
	attemptedOutputs []types.Output // those of an update that went well before its parent rolled back
	outputs, before  []types.Output // before are those of before the running update
	resources        map[string]*resource
	order            []string
	events           []types.StackEvent // oldest first
	operations       []operation
	changeSets       []*changeSet
	changeSetID      string
	reserved         map[string]*stack // nested stacks that an executed change set made, by logical id
	policy           string
	duringUpdate     string // the policy that stands in for policy in this update
	protected        bool
	noRollback       bool
	dropNew          bool // RetainExceptOnCreate: a rollback deletes new resources that their policy retains
	onFailure        types.OnFailure
	timeout          *int32
	detection        *detection
	tokens           map[string]bool

	plan    *plan
	garbage []discarded
	rolling *rollback
	// hold says that the running update ends before its clean-up, which the
	// parent starts for all its children at once.
	hold bool
	// orphan says that the stack left its parent without being deleted.
	orphan bool
	// cleaningUp says that the clean-up runs.
	cleaningUp bool
	// token is the running operation's ClientRequestToken.
	token   string
	waiters []func()

	stale     *types.Stack
	staleLeft int
}

// definition is everything that a caller gave for a stack.
type definition struct {
	t            *template
	url          string
	arguments    []argument
	tags         []types.Tag
	capabilities []types.Capability
	notices      []string
	role         *string
	monitoring   *types.RollbackConfiguration
}

func (s *stack) top() *stack {
	for s.parent != nil {
		s = s.parent
	}
	return s
}

// set moves the stack to a status and writes the event.
func (s *stack) set(status types.StackStatus, reason string) {
	if !slices.Contains(stackEdges[s.status], status) {
		s.svc.fault("stack %s: %s -> %s", s.name, s.status, status)
	}
	s.status, s.reason = status, reason
	s.emitOwn(status, reason)
	if settled(status) {
		s.settle()
	}
}

// settle tells those who wait for the stack to come to rest.
func (s *stack) settle() {
	w := s.waiters
	s.waiters = nil
	for _, fn := range w {
		fn()
	}
}

// settled reports whether a status is one in which a child waits for its
// parent or for its owner.
func settled(status types.StackStatus) bool {
	return !strings.HasSuffix(string(status), "_IN_PROGRESS") || cleaning(status)
}

func cleaning(status types.StackStatus) bool {
	return status == types.StackStatusUpdateCompleteCleanupInProgress || status == types.StackStatusUpdateRollbackCompleteCleanupInProgress
}

func (s *stack) live() bool { return s.status != types.StackStatusDeleteComplete }

// each visits the resources in the order they came to be.
func (s *stack) each(fn func(*resource)) {
	for _, id := range slices.Clone(s.order) {
		if r := s.resources[id]; r != nil {
			fn(r)
		}
	}
}

func (s *stack) resource(d declaration) *resource {
	r := s.resources[d.id]
	if r == nil {
		r = &resource{id: d.id, incarnation: incarnation{typ: d.typ}, st: s}
		s.resources[d.id] = r
		if !slices.Contains(s.order, d.id) {
			s.order = append(s.order, d.id)
		}
	}
	return r
}

func (s *stack) drop(r *resource) {
	delete(s.resources, r.id)
	s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == r.id })
}

// operation is one entry of DescribeEvents' and LastOperations' history
// (docs/aws/cfn.md 1.6).
type operation struct {
	id     string
	typ    types.OperationType
	start  time.Time
	end    time.Time
	failed bool
	parent string // the id of the parent's operation that it is part of
}

func (s *stack) begin(typ types.OperationType, token *string) string {
	id := s.svc.world.UUID()
	o := operation{id: id, typ: typ, start: s.svc.world.Now()}
	if s.parent != nil && !settled(s.parent.status) {
		o.parent = s.parent.operationID()
	}
	s.operations = append(s.operations, o)
	s.token = str(token)
	return id
}

// ended closes the running operation.
func (s *stack) ended(failed bool) {
	if n := len(s.operations); n > 0 && s.operations[n-1].end.IsZero() {
		s.operations[n-1].end, s.operations[n-1].failed = s.svc.world.Now(), failed
	}
}

func (s *stack) operationID() string {
	if n := len(s.operations); n > 0 {
		return s.operations[n-1].id
	}
	return ""
}
