package cfnsim

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// changeSet is one change set of a stack.
type changeSet struct {
	id, name, description string
	st                    *stack
	created               time.Time
	status                types.ChangeSetStatus
	execution             types.ExecutionStatus
	reason                string
	d                     *definition
	nested                bool
	changes               []difference
	children              map[string]*changeSet // by the logical id of the nested stack
	parent                *changeSet
	newStack              bool
	onFailure             types.OnStackFailure
	input                 *cloudformation.CreateChangeSetInput
	token                 string
	deleted               bool
}

const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

var changeSetNames = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]*$`)

// CreateChangeSet starts the computation of a change set. For a new stack it
// makes the stack, in REVIEW_IN_PROGRESS.
func (s *Service) CreateChangeSet(ctx context.Context, in *cloudformation.CreateChangeSetInput) (*cloudformation.CreateChangeSetOutput, error) {
	name, set := str(in.StackName), str(in.ChangeSetName)
	if err := checkName(name); err != nil {
		return nil, err
	}
	if !changeSetNames.MatchString(set) || len(set) > 128 {
		return nil, invalidf("1 validation error detected: Value '%s' at 'changeSetName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", set)
	}
	st := s.find(name)
	if st != nil && in.ClientToken != nil {
		for _, cs := range st.changeSets {
			if cs.token == *in.ClientToken && cs.name == set {
				return &cloudformation.CreateChangeSetOutput{Id: ptr(cs.id), StackId: ptr(st.id)}, nil
			}
		}
	}
	if err := s.changeSetTarget(in, st); err != nil {
		return nil, err
	}
	body, url, err := s.body(ctx, in.TemplateBody, in.TemplateURL, in.UsePreviousTemplate, st)
	if err != nil {
		return nil, err
	}
	var previous []argument
	if st != nil && st.now != nil {
		previous = st.now.arguments
	}
	d, err := s.definition(ctx, body, url, in.Parameters, previous)
	if err != nil {
		return nil, err
	}
	if err := d.check(in.Capabilities, in.ResourceTypes, false); err != nil {
		return nil, err
	}
	if err := checkMonitoring(in.RollbackConfiguration); err != nil {
		return nil, err
	}
	if err := s.assumable(in.RoleARN, st); err != nil {
		return nil, err
	}
	if err := checkImport(in, st, d); err != nil {
		return nil, err
	}
	if len(d.t.transforms) > 0 && slices.ContainsFunc(d.t.resources, func(r declaration) bool { return r.typ == stackType }) {
		// Such templates can only be created and updated directly (docs/aws/cfn.md
		// 1.8); nobody has published the text.
		return nil, invalid("Change sets do not support templates with both macros and nested stacks.")
	}
	if st == nil {
		st = s.newStack(name, &definition{})
		st.set(types.StackStatusReviewInProgress, "User Initiated")
	}
	if len(st.changeSets) >= 1000 { // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
		return nil, &types.LimitExceededException{Message: ptr("ChangeSet limit exceeded for stack " + st.id)}
	}
	st.inherit(d, in.Tags, in.NotificationARNs, in.RoleARN, in.RollbackConfiguration)
	d.capabilities = in.Capabilities
	cs := st.newChangeSet(set, d)
	cs.input, cs.token, cs.description = in, str(in.ClientToken), str(in.Description)
	cs.nested, cs.newStack, cs.onFailure = isTrue(in.IncludeNestedStacks), in.ChangeSetType == types.ChangeSetTypeCreate, in.OnStackFailure
	s.world.After(s.Latency, func() {
		if !cs.deleted && cs.status == types.ChangeSetStatusCreatePending {
			cs.status = types.ChangeSetStatusCreateInProgress
		}
	})
	s.world.After(3*s.Latency, cs.compute)
	return &cloudformation.CreateChangeSetOutput{Id: ptr(cs.id), StackId: ptr(st.id)}, nil
}

func (s *stack) newChangeSet(name string, d *definition) *changeSet {
	cs := &changeSet{
		id:   s.svc.world.ARN("cloudformation", "changeSet/"+name+"/"+s.svc.world.UUID()),
		name: name, st: s, created: s.svc.world.Now(), d: d, children: map[string]*changeSet{},
		status: types.ChangeSetStatusCreatePending, execution: types.ExecutionStatusUnavailable,
	}
	s.changeSets = append(s.changeSets, cs)
	return cs
}

// changeSetTarget refuses stacks that the type of change set does not suit
// (docs/aws/recordings.md cloudformation/api/test_changesets).
func (s *Service) changeSetTarget(in *cloudformation.CreateChangeSetInput, st *stack) error {
	name, set := str(in.StackName), str(in.ChangeSetName)
	if in.ChangeSetType == types.ChangeSetTypeCreate {
		if strings.HasPrefix(name, "arn:") || st != nil && st.status != types.StackStatusReviewInProgress {
			return invalidf("Stack [%s] already exists and cannot be created again with the changeSet [%s].", name, set)
		}
	} else {
		switch {
		case st == nil:
			return noStackBrackets(name)
		case st.status == types.StackStatusReviewInProgress, !st.updatable(true):
			return cannotUpdate(st)
		case st.parent != nil && isTrue(in.IncludeNestedStacks):
			return invalid("ChangeSets with nested stacks can only be created on root stacks")
		}
	}
	if st == nil {
		return nil
	}
	if slices.ContainsFunc(st.changeSets, func(cs *changeSet) bool {
		return cs.name == set && !cs.executed()
	}) {
		return &types.AlreadyExistsException{Message: ptr("ChangeSet " + set + " already exists")}
	}
	return nil
}

// compute finds the changes, of nested stacks too where asked for.
func (cs *changeSet) compute() {
	if cs.deleted || cs.status != types.ChangeSetStatusCreateInProgress && cs.parent == nil {
		return
	}
	fail := func(reason string) {
		cs.status, cs.execution, cs.reason = types.ChangeSetStatusFailed, types.ExecutionStatusUnavailable, reason
	}
	diff, err := cs.st.differences(cs.d)
	if err != nil {
		fail(message(err))
		return
	}
	cs.changes = diff
	if cs.input != nil && cs.input.ChangeSetType == types.ChangeSetTypeImport {
		why, ok := cs.imports()
		if !ok {
			fail(why)
			return
		}
	}
	if cs.nested {
		if err := cs.descend(); err != nil {
			fail(err.Error())
			return
		}
	}
	cs.status, cs.execution = types.ChangeSetStatusCreateComplete, types.ExecutionStatusAvailable
	if cs.parent != nil {
		cs.execution, cs.reason = types.ExecutionStatusUnavailable, "Executable from root change set"
	}
	if len(cs.changes) == 0 && !cs.newStack && !cs.st.otherwise(cs.d) {
		fail(noChanges)
	}
}

// descend makes change sets of the nested stacks that would change.
func (cs *changeSet) descend() error {
	var kept []difference
	for _, f := range cs.changes {
		if f.typ != stackType || f.action == types.ChangeActionRemove {
			kept = append(kept, f)
			continue
		}
		child := f.child
		stub := &stack{svc: cs.st.svc, now: cs.d}
		var previous *definition
		if child != nil {
			previous = child.now
		}
		d, err := stub.childDefinition(f.after, previous)
		if err != nil {
			return errors.New(message(err))
		}
		if child == nil {
			child = cs.st.svc.newStack(childName(cs.st.name, f.id)+"-"+cs.st.svc.world.Name(13), &definition{})
			child.parent, child.parentResource = cs.st, f.id
			child.set(types.StackStatusReviewInProgress, "User Initiated")
		}
		made := child.newChangeSet(cs.name+"-"+f.id+"-"+cs.st.svc.world.Name(13), d)
		made.parent, made.nested, made.newStack, made.input = cs, true, f.child == nil, cs.input
		made.compute()
		switch {
		case made.reason == noChanges && (f.automatic || len(f.names) > 0 && f.action == types.ChangeActionModify && onlyUnknown(f)):
			child.forget(made) // nothing to show of this nested stack
		case made.status == types.ChangeSetStatusFailed && made.reason != noChanges:
			return errors.New("Nested change set " + made.id + " was not successfully created: Currently in FAILED.")
		default:
			cs.children[f.id] = made
			kept = append(kept, f)
		}
	}
	cs.changes = kept
	return nil
}

// onlyUnknown reports whether nothing but values that are not known yet differ.
func onlyUnknown(f difference) bool {
	for _, n := range f.names {
		if !mentionsUnknown(f.after[n]) {
			return false
		}
	}
	return true
}

func mentionsUnknown(v any) bool {
	switch v := v.(type) {
	case unknown:
		return true
	case object:
		for _, e := range v {
			if mentionsUnknown(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, mentionsUnknown)
	}
	return false
}

// forget deletes a change set with its nested ones, and the stacks in
// REVIEW_IN_PROGRESS that only these needed.
func (s *stack) forget(cs *changeSet) {
	cs.deleted = true
	s.changeSets = slices.DeleteFunc(s.changeSets, func(o *changeSet) bool { return o == cs })
	if s.parent != nil {
		s.withdraw()
	}
	for _, c := range cs.children {
		c.st.forget(c)
	}
}

// withdraw deletes a stack that only ever had change sets.
func (s *stack) withdraw() {
	if s.status == types.StackStatusReviewInProgress {
		s.deleted = s.svc.world.Now()
		s.set(types.StackStatusDeleteInProgress, "")
		s.set(types.StackStatusDeleteComplete, "")
	}
}

// forgetOthers deletes the change sets that an execution or the stack's
// deletion overtakes; executed ones stay
// (docs/aws/cfn.md 8.2, docs/aws/recordings.md cloudformation/api/test_changesets).
func (s *stack) forgetOthers(but *changeSet) {
	for _, cs := range slices.Clone(s.changeSets) {
		if cs != but && !cs.executed() && cs.execution != types.ExecutionStatusExecuteInProgress && cs.execution != types.ExecutionStatusObsolete {
			s.forget(cs)
		}
	}
}

// executed reports whether the change set's execution has ended.
func (cs *changeSet) executed() bool {
	return cs.execution == types.ExecutionStatusExecuteComplete || cs.execution == types.ExecutionStatusExecuteFailed
}

// changeSet finds a change set by id, or by name in its stack; the latest of a
// name. The errors are recorded in docs/aws/recordings.md cloudformation/api/test_changesets.
func (s *Service) changeSet(stackName, name *string) (*changeSet, error) {
	set := str(name)
	if strings.HasPrefix(set, "arn:") {
		for _, st := range s.stacks {
			for _, cs := range st.changeSets {
				if cs.id == set && (!cs.executed() || s.world.Switches.ExecutedChangeSet != "gone") {
					return cs, nil
				}
			}
		}
		return nil, noChangeSet(set)
	}
	if stackName == nil {
		return nil, invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}
	st := s.find(*stackName)
	if st == nil {
		return nil, noStackBrackets(*stackName)
	}
	for _, cs := range slices.Backward(st.changeSets) {
		if cs.name == set && (!cs.executed() || s.world.Switches.ExecutedChangeSet == "by-name") {
			return cs, nil
		}
	}
	return nil, noChangeSet(set)
}

// DeleteChangeSet deletes a change set. One that is not there is deleted
// already.
func (s *Service) DeleteChangeSet(_ context.Context, in *cloudformation.DeleteChangeSetInput) (*cloudformation.DeleteChangeSetOutput, error) {
	out := &cloudformation.DeleteChangeSetOutput{}
	cs, err := s.changeSet(in.StackName, in.ChangeSetName)
	if _, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	if cs.execution == types.ExecutionStatusExecuteInProgress {
		return nil, &types.InvalidChangeSetStatusException{Message: ptr("An operation on this ChangeSet is currently in progress.")}
	}
	cs.st.forget(cs)
	return out, nil
}

// ListChangeSets lists the change sets that were not executed.
func (s *Service) ListChangeSets(_ context.Context, in *cloudformation.ListChangeSetsInput) (*cloudformation.ListChangeSetsOutput, error) {
	st := s.find(str(in.StackName))
	if st == nil {
		return nil, noStackBrackets(str(in.StackName))
	}
	var all []types.ChangeSetSummary
	for _, cs := range st.changeSets {
		if cs.executed() && s.world.Switches.ExecutedChangeSet != "by-name" {
			continue
		}
		sum := types.ChangeSetSummary{
			ChangeSetId: ptr(cs.id), ChangeSetName: ptr(cs.name), StackId: ptr(st.id), StackName: ptr(st.name), CreationTime: ptr(cs.created.UTC()),
			Status: cs.status, StatusReason: optional(cs.reason), ExecutionStatus: cs.execution, IncludeNestedStacks: ptr(cs.nested), Description: optional(cs.description),
		}
		if cs.parent != nil {
			sum.ParentChangeSetId, sum.RootChangeSetId = ptr(cs.parent.id), ptr(cs.root().id)
		}
		all = append(all, sum)
	}
	page, next, err := cut(all, in.NextToken, 100)
	return &cloudformation.ListChangeSetsOutput{Summaries: page, NextToken: next}, err
}

func (cs *changeSet) root() *changeSet {
	for cs.parent != nil {
		cs = cs.parent
	}
	return cs
}
