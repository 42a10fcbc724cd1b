package cfnx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/clock"
)

// SnapshotAPI is DescribeStacks, DescribeStackEvents, ListStackResources and
// GetTemplate of *cloudformation.Client.
type SnapshotAPI interface {
	cfn.DescribeStacksAPIClient
	cfn.DescribeStackEventsAPIClient
	cfn.ListStackResourcesAPIClient
	GetTemplate(context.Context, *cfn.GetTemplateInput, ...func(*cfn.Options)) (*cfn.GetTemplateOutput, error)
}

// Tree is a root stack with everything nested in it.
type Tree struct {
	Root *Stack `json:"root"`
	// Asked is the id of the stack the snapshot was asked for.
	Asked string `json:"asked"`
}

// All yields every stack of the tree, parents before children; none of a nil
// tree.
func (t *Tree) All() iter.Seq[*Stack] {
	return func(yield func(*Stack) bool) {
		if t != nil && t.Root != nil {
			t.Root.walk(yield)
		}
	}
}

func (s *Stack) walk(yield func(*Stack) bool) bool {
	if !yield(s) {
		return false
	}
	for _, c := range s.Children {
		if c.parent == nil {
			c.parent = s // a tree that was put together by hand
		}
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Stack finds a stack of the tree by ARN or name; nil when it is not there.
func (t *Tree) Stack(idOrName string) *Stack {
	for s := range t.All() {
		if s.ID == idOrName || s.Name == idOrName {
			return s
		}
	}
	return nil
}

// UnmarshalJSON reads a tree and sets each stack's way to its parent, which JSON
// does not hold.
func (t *Tree) UnmarshalJSON(data []byte) error {
	type plain Tree
	var p plain
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*t = Tree(p)
	if t.Root != nil {
		t.Root.link(0)
	}
	return nil
}

func (s *Stack) link(depth int) {
	s.Children = slices.DeleteFunc(s.Children, func(c *Stack) bool { return c == nil })
	for _, c := range s.Children {
		if c.parent = s; depth < maxNesting {
			c.link(depth + 1)
		}
	}
}

// Snapshot reads the whole tree that the stack is part of: the root is found
// from any nested stack. It changes nothing.
//
// A nested stack that was deleted outside of its parent is in the tree with
// status DELETE_COMPLETE and nothing else; one that the latest update created
// and that is gone again has its events. A part of a stack that could not be
// read is named, with the reason, in Stack.Unread: it is not known, which is not
// the same as empty.
//
// It returns [ErrStackNotFound] if the stack does not exist, and an error if the
// stack or its root cannot be described.
//
// Calls cloudformation:DescribeStacks, cloudformation:DescribeStackEvents,
// cloudformation:ListStackResources, cloudformation:GetTemplate, for each
// stack of the tree once or, for long lists, a page at a time, up to 24 calls at
// once. Safe to repeat.
func Snapshot(ctx context.Context, api SnapshotAPI, stack string) (*Tree, error) {
	api = pace(api)
	describe := func(name string) (*types.Stack, error) {
		return patiently(ctx, func(ctx context.Context) (*types.Stack, error) { return describeStack(ctx, api, name) })
	}
	s, err := describe(stack)
	if err != nil {
		return nil, err
	}
	t := &Tree{Asked: aws.ToString(s.StackId)}
	if root := aws.ToString(s.RootId); root != "" && root != t.Asked {
		if s, err = describe(root); err != nil {
			return nil, err
		}
	}
	t.Root = newStack(*s)
	for level := []reading{{Stack: t.Root}}; len(level) > 0; {
		if level, err = readLevel(ctx, api, level); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func describeStack(ctx context.Context, api cfn.DescribeStacksAPIClient, stack string) (*types.Stack, error) {
	if stack == "" {
		// DescribeStacks without a name is an answer about all stacks.
		return nil, errors.New("stack name is empty: give a stack's name or ARN")
	}
	out, err := api.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return nil, stackErr(stack, err)
	}
	if len(out.Stacks) == 0 || out.Stacks[0].StackStatus == types.StackStatusDeleteComplete {
		return nil, fmt.Errorf("stack %s: %w", stack, ErrStackNotFound)
	}
	if s := &out.Stacks[0]; aws.ToString(s.StackName) == stack || aws.ToString(s.StackId) == stack {
		return s, nil
	}
	return nil, fmt.Errorf("stack %s: the answer is of stack %s", stack, aws.ToString(out.Stacks[0].StackName))
}

// maxNesting bounds the nesting that is followed; CloudFormation's own limits
// are reached long before.
const maxNesting = 32

// Parts of a stack that are read on their own, and may be denied alone.
const (
	partStack     = "stack" // status, parameters, outputs
	partResources = "resources"
	partEvents    = "events"
	partTemplate  = "template"
)

// atOnce is how many calls of a snapshot are made at the same time.
const atOnce = 24

// patiently repeats a read that is throttled: a tree that is read at once meets
// CloudFormation's limits of about 10 calls a second.
// https://docs.aws.amazon.com/general/latest/gr/cfn.html
func patiently[T any](ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	return awsretry.Read(ctx, time.Second, awsretry.Tries, read)
}

// reading is a stack that is to be read; of one that its parent has deleted, only
// the events.
type reading struct {
	*Stack
	gone bool
}

// readLevel reads the stacks of one level of the tree and returns those of the
// next, of which only the ARN is known. The parts are independent of each other.
func readLevel(ctx context.Context, api SnapshotAPI, level []reading) ([]reading, error) {
	g, ctx := clock.NewGroup(ctx, atOnce)
	errs := make([]map[string]error, len(level))
	var mu sync.Mutex
	part := func(i int, name string, read func() error) {
		g.Go(func() error {
			if err := read(); err != nil {
				mu.Lock()
				errs[i][name] = err
				mu.Unlock()
			}
			return clock.Err(ctx)
		})
	}
	// The longest first, of all stacks: pages come one after the other.
	for i, s := range level {
		errs[i] = map[string]error{}
		part(i, partEvents, func() (err error) { s.Events, err = updateEvents(ctx, api, s.ID, s.gone); return err })
	}
	for i, s := range level {
		name := s.Name // describe writes it
		part(i, partResources, func() (err error) { s.Resources, err = readResources(ctx, api, s.ID, name); return err })
	}
	for i, s := range level {
		if s.Status == "" {
			part(i, partStack, func() error { return s.describe(ctx, api) })
		}
		if !s.gone {
			part(i, partTemplate, func() (err error) { s.Template, err = getTemplate(ctx, api, s.ID); return err })
		}
	}
	if err := g.Wait(); err != nil {
		for _, e := range errs {
			for _, x := range e {
				err = errors.Join(err, x)
			}
		}
		return nil, fmt.Errorf("stack %s: %w", level[0].Name, err)
	}
	var next []reading
	for i, s := range level {
		s.trimShown()
		if errors.Is(errs[i][partStack], ErrStackNotFound) || s.gone {
			*s.Stack = Stack{ID: s.ID, Name: s.Name, LogicalID: s.LogicalID, ParentID: s.ParentID, Status: types.StackStatusDeleteComplete, Events: s.Events, parent: s.parent}
			if !s.gone {
				s.Events = nil
			}
			continue
		}
		for name, err := range errs[i] {
			if s.Unread == nil {
				s.Unread = map[string]string{}
			}
			s.Unread[name] = err.Error()
		}
		for _, c := range s.nested() {
			s.Children = append(s.Children, c.Stack)
			next = append(next, c)
		}
		if len(s.Children) > 0 && depthOf(s.Stack) > maxNesting {
			return nil, fmt.Errorf("stack %s: nested deeper than %d", s.Name, maxNesting)
		}
	}
	return next, nil
}

func depthOf(s *Stack) int {
	n := 0
	for ; s.parent != nil; s = s.parent {
		n++
	}
	return n
}

// describe fills in what DescribeStacks says.
func (s *Stack) describe(ctx context.Context, api cfn.DescribeStacksAPIClient) error {
	x, err := patiently(ctx, func(ctx context.Context) (*types.Stack, error) { return describeStack(ctx, api, s.ID) })
	if err != nil {
		return err
	}
	n := newStack(*x)
	s.Name, s.Status, s.Reason, s.ParentID = n.Name, n.Status, n.Reason, n.ParentID
	s.Parameters, s.Outputs, s.Tags, s.Capabilities, s.DisableRollback, s.RoleARN, s.ChangeSetID, s.Detailed, s.Express = n.Parameters, n.Outputs, n.Tags, n.Capabilities, n.DisableRollback, n.RoleARN, n.ChangeSetID, n.Detailed, n.Express
	return nil
}

// nested are the stacks nested in this one: its resources, and those that the
// latest update created, that failed, and that it has deleted again.
func (s *Stack) nested() []reading {
	var out []reading
	add := func(logicalID, arn string, gone bool) {
		if strings.HasPrefix(arn, "arn:") && arn != s.ID && !slices.ContainsFunc(out, func(c reading) bool { return c.ID == arn }) {
			out = append(out, reading{&Stack{ID: arn, Name: nameOf(arn), LogicalID: logicalID, ParentID: s.ID, parent: s}, gone})
		}
	}
	for _, r := range s.Resources {
		if r.Type == nestedType && r.Status != types.ResourceStatusDeleteComplete {
			add(r.LogicalID, r.PhysicalID, false)
		}
	}
	for _, e := range s.Events {
		if e.Type == nestedType && !e.own() && strings.HasSuffix(string(e.Status), "_FAILED") {
			add(e.LogicalID, e.PhysicalID, true)
		}
	}
	return out
}

func readResources(ctx context.Context, api cfn.ListStackResourcesAPIClient, id, name string) ([]Resource, error) {
	var out []Resource
	for p := cfn.NewListStackResourcesPaginator(api, &cfn.ListStackResourcesInput{StackName: &id}); p.HasMorePages(); {
		page, err := patiently(ctx, func(ctx context.Context) (*cfn.ListStackResourcesOutput, error) { return p.NextPage(ctx) })
		if err != nil {
			return nil, stackErr(name, err)
		}
		for _, r := range page.StackResourceSummaries {
			out = append(out, Resource{
				LogicalID: aws.ToString(r.LogicalResourceId), PhysicalID: aws.ToString(r.PhysicalResourceId), Type: aws.ToString(r.ResourceType),
				Status: r.ResourceStatus, Reason: aws.ToString(r.ResourceStatusReason),
			})
		}
	}
	return out, nil
}

// unread is why a part of the stack is not known, "" where it was read.
func (s *Stack) unread(parts ...string) string {
	if s.Unread[partStack] != "" {
		return s.Unread[partStack]
	}
	for _, p := range parts {
		if s.Unread[p] != "" {
			return s.Unread[p]
		}
	}
	return ""
}

// updateEvents reads events back to where the latest update, creation or
// import began: through every automatic or continued rollback. all reads them
// all, of a stack that is gone.
func updateEvents(ctx context.Context, api cfn.DescribeStackEventsAPIClient, id string, all bool) ([]Event, error) {
	var events []Event
	for p := cfn.NewDescribeStackEventsPaginator(api, &cfn.DescribeStackEventsInput{StackName: &id}); p.HasMorePages(); {
		page, err := patiently(ctx, func(ctx context.Context) (*cfn.DescribeStackEventsOutput, error) { return p.NextPage(ctx) })
		if err != nil {
			return nil, stackErr(id, err)
		}
		for _, e := range page.StackEvents {
			ev := newEvent(e)
			if ev.begun() && ev.Type != nestedType {
				ev.Shown = shown(aws.ToString(e.ResourceProperties))
			}
			events = append(events, ev)
			if !all && ev.own() && begins(ev.Status) {
				return events, nil
			}
		}
	}
	return events, nil
}

// begins reports whether a stack's own event is the first of an operation that
// is not a rollback.
func begins(s types.ResourceStatus) bool {
	switch s {
	case types.ResourceStatusUpdateInProgress, types.ResourceStatusCreateInProgress, types.ResourceStatusImportInProgress, types.ResourceStatusDeleteInProgress, "REVIEW_IN_PROGRESS":
		return true
	}
	return false
}

// getTemplate reads the template as it was submitted. The default stage is
// another: macros expanded.
func getTemplate(ctx context.Context, api interface {
	GetTemplate(context.Context, *cfn.GetTemplateInput, ...func(*cfn.Options)) (*cfn.GetTemplateOutput, error)
}, id string) ([]byte, error) {
	out, err := patiently(ctx, func(ctx context.Context) (*cfn.GetTemplateOutput, error) {
		return api.GetTemplate(ctx, &cfn.GetTemplateInput{StackName: &id, TemplateStage: types.TemplateStageOriginal})
	})
	if err != nil {
		return nil, stackErr(id, err)
	}
	return []byte(aws.ToString(out.TemplateBody)), nil
}

// unreadError is ErrUnread with the first part of the tree that is not known.
func (t *Tree) unreadError(parts ...string) error {
	for s := range t.All() {
		if why := s.unread(parts...); why != "" {
			return &StackError{Stack: s.Name, Status: s.Status, Reason: why, Err: ErrUnread}
		}
	}
	return nil
}
