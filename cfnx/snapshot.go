package cfnx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
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
// It returns [ErrStackNotFound] if the stack does not exist.
//
// Calls cloudformation:DescribeStacks, cloudformation:DescribeStackEvents,
// cloudformation:ListStackResources, cloudformation:GetTemplate, for each
// stack of the tree once or, for long lists, a page at a time. Safe to repeat.
func Snapshot(ctx context.Context, api SnapshotAPI, stack string) (*Tree, error) {
	s, err := describeStack(ctx, api, stack)
	if err != nil {
		return nil, err
	}
	t := &Tree{Asked: aws.ToString(s.StackId)}
	if root := aws.ToString(s.RootId); root != "" && root != t.Asked {
		if s, err = describeStack(ctx, api, root); err != nil {
			return nil, err
		}
	}
	if t.Root, err = snapshotStack(ctx, api, s, nil); err != nil {
		return nil, err
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

func snapshotStack(ctx context.Context, api SnapshotAPI, s *types.Stack, parent *Stack) (*Stack, error) {
	out := newStack(*s)
	depth := 0
	for out.parent = parent; parent != nil; parent = parent.parent {
		if depth++; depth > maxNesting {
			return nil, fmt.Errorf("stack %s: nested deeper than %d", out.Name, maxNesting)
		}
	}
	for p := cfn.NewListStackResourcesPaginator(api, &cfn.ListStackResourcesInput{StackName: &out.ID}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, stackErr(out.Name, err)
		}
		for _, r := range page.StackResourceSummaries {
			out.Resources = append(out.Resources, Resource{
				LogicalID: aws.ToString(r.LogicalResourceId), PhysicalID: aws.ToString(r.PhysicalResourceId), Type: aws.ToString(r.ResourceType),
				Status: r.ResourceStatus, Reason: aws.ToString(r.ResourceStatusReason),
			})
		}
	}
	var err error
	if out.Events, err = updateEvents(ctx, api, out.ID); err != nil {
		return nil, err
	}
	if out.Template, err = getTemplate(ctx, api, out.ID); err != nil {
		return nil, err
	}
	for _, r := range out.Resources {
		if r.Type != nestedType || !strings.HasPrefix(r.PhysicalID, "arn:") || r.Status == types.ResourceStatusDeleteComplete {
			continue
		}
		child, err := describeStack(ctx, api, r.PhysicalID)
		if err != nil {
			return nil, err
		}
		c, err := snapshotStack(ctx, api, child, out)
		if err != nil {
			return nil, err
		}
		c.LogicalID = r.LogicalID
		out.Children = append(out.Children, c)
	}
	return out, nil
}

// updateEvents reads events back to where the latest update, creation or
// import began: through every automatic or continued rollback.
func updateEvents(ctx context.Context, api cfn.DescribeStackEventsAPIClient, id string) ([]Event, error) {
	var events []Event
	for p := cfn.NewDescribeStackEventsPaginator(api, &cfn.DescribeStackEventsInput{StackName: &id}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, stackErr(id, err)
		}
		for _, e := range page.StackEvents {
			ev := newEvent(e)
			events = append(events, ev)
			if ev.own() && begins(ev.Status) {
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
	out, err := api.GetTemplate(ctx, &cfn.GetTemplateInput{StackName: &id, TemplateStage: types.TemplateStageOriginal})
	if err != nil {
		return nil, stackErr(id, err)
	}
	return []byte(aws.ToString(out.TemplateBody)), nil
}
