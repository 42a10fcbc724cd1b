package cfnx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// ApplyAPI is what [SnapshotAPI] has and CreateChangeSet, DescribeChangeSet,
// ExecuteChangeSet and DeleteChangeSet, of *cloudformation.Client.
type ApplyAPI interface {
	SnapshotAPI
	cfn.DescribeChangeSetAPIClient
	CreateChangeSet(context.Context, *cfn.CreateChangeSetInput, ...func(*cfn.Options)) (*cfn.CreateChangeSetOutput, error)
	ExecuteChangeSet(context.Context, *cfn.ExecuteChangeSetInput, ...func(*cfn.Options)) (*cfn.ExecuteChangeSetOutput, error)
	DeleteChangeSet(context.Context, *cfn.DeleteChangeSetInput, ...func(*cfn.Options)) (*cfn.DeleteChangeSetOutput, error)
}

// Planned is one change of a change set.
type Planned struct {
	StackID   string             `json:"stackId"`
	Stack     string             `json:"stack"`
	LogicalID string             `json:"logicalId"`
	Type      string             `json:"type"`
	Action    types.ChangeAction `json:"action"`
	// Replacement is empty where nothing is replaced.
	Replacement types.Replacement `json:"replacement,omitempty"`
	// Why says why the change is allowed, or why it was refused.
	Why string `json:"why"`
}

// plannedChange is a change with what CloudFormation says of its causes.
type plannedChange struct {
	Planned
	details []types.ResourceChangeDetail
}

// String is one line.
func (p Planned) String() string {
	s := fmt.Sprintf("%s %s.%s (%s)", strings.ToLower(string(p.Action)), p.Stack, p.LogicalID, p.Type)
	if p.Replacement != "" && p.Replacement != types.ReplacementFalse {
		s += ", replacement " + string(p.Replacement)
	}
	return s + ": " + p.Why
}

// RefusedError lists the changes for which a change set was refused.
type RefusedError struct {
	Stack   string
	Refused []Planned
}

// Error lists the changes.
func (e *RefusedError) Error() string {
	lines := make([]string, len(e.Refused))
	for i, p := range e.Refused {
		lines[i] = p.String()
	}
	return fmt.Sprintf("stack %s: change set refused: %s", e.Stack, strings.Join(lines, "; "))
}

// inlineBytes is the largest template a call may hold (docs/aws/cfn.md 1.8).
const inlineBytes = 51_200

// creator makes the change set of a draft.
type creator struct {
	api    ApplyAPI
	bucket uploadAPI
	d      *Draft
	opts   ApplyOptions
}

// create uploads the changed templates of nested stacks, deepest first, puts
// their new places into their parents, and makes one change set on the root.
// A nested stack is never updated by itself: its root would be stuck the next
// time.
func (c *creator) create(ctx context.Context) (string, error) {
	if err := c.uploadNested(ctx, c.d.Tree.Root); err != nil {
		return "", err
	}
	root := c.d.Tree.Root
	body := c.d.current[root.ID]
	after := ""
	if len(root.Events) > 0 {
		after = root.Events[0].ID
	}
	params := make([]string, 0, len(c.d.Parameters))
	for k, v := range c.d.Parameters {
		params = append(params, k+"="+v)
	}
	slices.Sort(params)
	name := "stackrescue-" + fingerprint([]byte(root.ID), body, []byte(strings.Join(params, "\n")), fmt.Appendf([]byte(after), "%v", c.opts.ImportExisting), []byte(c.opts.RoleARN))
	in := &cfn.CreateChangeSetInput{
		StackName: &root.ID, ChangeSetName: &name, ChangeSetType: types.ChangeSetTypeUpdate, ClientToken: &name,
		Description: aws.String("made by stackrescue"), IncludeNestedStacks: aws.Bool(true), Capabilities: c.capabilities(),
		// Tags, notifications, role and rollback triggers stay as they are when
		// they are left out.
	}
	if c.opts.RoleARN != "" {
		in.RoleARN = &c.opts.RoleARN
	}
	if len(c.d.imports) > 0 {
		in.ChangeSetType, in.ResourcesToImport, in.IncludeNestedStacks = types.ChangeSetTypeImport, c.d.imports, nil
	}
	if c.opts.ImportExisting {
		in.ImportExistingResources = aws.Bool(true)
	}
	in.Parameters = c.parameters()
	switch {
	case string(body) == string(c.d.originals[root.ID]):
		in.UsePreviousTemplate = aws.Bool(true)
	case len(body) <= inlineBytes:
		in.TemplateBody = aws.String(string(body))
	default:
		beside := c.opts.TemplateURL
		for _, u := range c.d.urls {
			if beside == "" {
				beside = u
			}
		}
		if beside == "" {
			return "", fmt.Errorf("stack %s: a template of %d bytes must be in S3: name a place in ApplyOptions.TemplateURL", root.Name, len(body))
		}
		u, err := upload(ctx, c.bucket, beside, body)
		if err != nil {
			return "", fmt.Errorf("stack %s: %w", root.Name, err)
		}
		in.TemplateURL = &u
	}
	id := ""
	err := awsretry.Mutation{
		// Made by an earlier try whose answer was lost, it exists under its name,
		// which is made from its content.
		Do: func(ctx context.Context) error {
			out, err := c.api.CreateChangeSet(ctx, in, once)
			if _, exists := errors.AsType[*types.AlreadyExistsException](err); exists {
				id = name
				return nil
			}
			if err == nil {
				id = aws.ToString(out.Id)
			}
			return err
		},
		Interval: c.opts.Interval,
	}.Run(ctx)
	if err != nil {
		return "", stackErr(root.Name, err)
	}
	return id, nil
}

// parameters are those of the root: the draft's values, and the stack's own for
// the others. One that the template no longer declares must not be given.
func (c *creator) parameters() []types.Parameter {
	root, declared := c.d.Tree.Root, c.d.declared()
	var out []types.Parameter
	for _, p := range root.Parameters {
		_, changed := c.d.Parameters[p.Key]
		if _, ok := declared[p.Key]; !changed && (ok || declared == nil) {
			out = append(out, types.Parameter{ParameterKey: &p.Key, UsePreviousValue: aws.Bool(true)})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.d.Parameters)) {
		out = append(out, types.Parameter{ParameterKey: &key, ParameterValue: aws.String(c.d.Parameters[key])})
	}
	return out
}

// uploadNested works bottom up, so that a parent's template holds the places
// of its children before it is uploaded itself.
func (c *creator) uploadNested(ctx context.Context, s *Stack) error {
	for _, child := range s.Children {
		if err := c.uploadNested(ctx, child); err != nil {
			return err
		}
		if string(c.d.current[child.ID]) == string(c.d.placed[child.ID]) {
			continue
		}
		u, err := upload(ctx, c.bucket, c.d.urls[child.ID], c.d.current[child.ID])
		if err != nil {
			return fmt.Errorf("stack %s: %w", child.Name, err)
		}
		if err := c.d.setTemplateURL(child, u); err != nil {
			return err
		}
	}
	return nil
}

// capabilities are those the stacks of the tree were last given; they have to
// be given again with every update.
func (c *creator) capabilities() []types.Capability {
	var caps []types.Capability
	for s := range c.d.Tree.All() {
		for _, x := range s.Capabilities {
			if !slices.Contains(caps, x) {
				caps = append(caps, x)
			}
		}
	}
	return caps
}

// await waits until the change set is made.
func (c *creator) await(ctx context.Context, id string) (string, error) {
	root := c.d.Tree.Root
	for out, err := range awsretry.Every(ctx, c.opts.Interval, func(ctx context.Context) (*cfn.DescribeChangeSetOutput, error) {
		return c.api.DescribeChangeSet(ctx, &cfn.DescribeChangeSetInput{StackName: &root.ID, ChangeSetName: &id})
	}) {
		if err != nil {
			return id, stackErr(root.Name, err)
		}
		switch out.Status {
		case types.ChangeSetStatusCreateComplete:
			return aws.ToString(out.ChangeSetId), nil
		case types.ChangeSetStatusFailed, types.ChangeSetStatusDeleteComplete, types.ChangeSetStatusDeleteFailed:
			reason := aws.ToString(out.StatusReason)
			if noChange(reason) {
				return aws.ToString(out.ChangeSetId), &StackError{Stack: root.Name, Status: root.Status, Err: ErrNoEffect}
			}
			return aws.ToString(out.ChangeSetId), fmt.Errorf("stack %s: change set %s: %s", root.Name, out.Status, reason)
		}
	}
	return id, stackErr(root.Name, poll.Ended(ctx, nil))
}

// noChange recognises the two texts for a change set without changes
// (docs/aws/cfn.md 1.3).
func noChange(reason string) bool {
	return strings.HasPrefix(reason, "The submitted information didn't contain changes") || strings.HasPrefix(reason, "No updates are to be performed")
}

// read lists every change of a change set and of those nested in it.
func (c *creator) read(ctx context.Context, id string) ([]plannedChange, error) {
	var out []plannedChange
	var nested []string
	for p := cfn.NewDescribeChangeSetPaginator(c.api, &cfn.DescribeChangeSetInput{ChangeSetName: &id}); p.HasMorePages(); {
		page, err := patiently(ctx, func(ctx context.Context) (*cfn.DescribeChangeSetOutput, error) { return p.NextPage(ctx) })
		if err != nil {
			return nil, stackErr(c.d.Tree.Root.Name, err)
		}
		if strings.HasPrefix(aws.ToString(page.StatusReason), "[WARN]") {
			return nil, fmt.Errorf("stack %s: change set is incomplete: %s", aws.ToString(page.StackName), aws.ToString(page.StatusReason))
		}
		for _, ch := range page.Changes {
			r := ch.ResourceChange
			if r == nil {
				continue
			}
			out = append(out, plannedChange{Planned{
				StackID: aws.ToString(page.StackId), Stack: aws.ToString(page.StackName), LogicalID: aws.ToString(r.LogicalResourceId),
				Type: aws.ToString(r.ResourceType), Action: r.Action, Replacement: r.Replacement,
			}, r.Details})
			if n := aws.ToString(r.ChangeSetId); n != "" {
				nested = append(nested, n)
			}
		}
	}
	for _, n := range nested {
		more, err := c.read(ctx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}
