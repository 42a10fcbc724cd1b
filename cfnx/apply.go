package cfnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/cfnx/internal/options"
	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/clock"
)

// ApplyOptions change [Draft.Apply] and the verbs that use it. The zero value is the
// default.
type ApplyOptions struct {
	// Interval is the time between polls. Defaults to 5 s.
	Interval time.Duration
	// Allow names resources whose change or replacement is allowed whatever
	// the reason: "LogicalID" of the root, or "stack-name.LogicalID". Removal
	// is allowed by name too.
	Allow []string
	// TemplateURL is an object in S3 beside which a root template of more than
	// 51,200 bytes is put. Defaults to the place of a nested stack's template.
	TemplateURL string
	// ImportExisting takes resources of the draft's templates that exist outside of
	// the stack, with the names that the templates give them, into the stack instead
	// of creating them: what an earlier rollback has left behind. It is for types
	// with names of their own.
	ImportExisting bool
	// RoleARN is the service role that CloudFormation is to use instead of the one
	// that the stack has, and from then on; "" leaves it, which needs no iam:PassRole.
	RoleARN string
	// DryRun makes the change set, judges it, and deletes it again.
	DryRun bool
	// Observe is called with the change set and with each event of the root, in
	// order, on the caller's goroutine.
	Observe func(Progress)
}

// Applied is what an update came to.
type Applied struct {
	StackID string `json:"stackId"`
	Stack   string `json:"stack"`
	// ChangeSet is the ARN of the change set; "" when nothing was to change.
	ChangeSet string `json:"changeSet,omitempty"`
	// Changes are what the change set does, nested ones included.
	Changes []Planned `json:"changes,omitempty"`
	// Images and Outputs are what the draft changed, as far as a verb did it.
	Images  []ImagePatch     `json:"images,omitempty"`
	Outputs []RestoredOutput `json:"outputs,omitempty"`
	// Status is the root's at the end; "" for a dry run.
	Status types.StackStatus `json:"status,omitempty"`
}

var errNoDraft = errors.New("draft has no tree: make one with NewDraft")

// Apply carries the draft out as one guarded change set on the root stack, nested
// stacks included, and waits for the end. It returns nil when the root is
// UPDATE_COMPLETE, or IMPORT_COMPLETE after [Draft.Import].
//
// The guard reads every change, of nested change sets too. It refuses, with a
// *[RefusedError] and after deleting the change set, whatever removes, replaces
// or changes anything that the draft did not ask for and that does not follow
// from it. What CloudFormation does not know yet is accepted only when it is traced
// to a change of the draft, or to a value that stays the same.
//
// It returns [ErrNothingToChange] if the draft is empty, [ErrNoEffect] if it is
// not and the update would change nothing, a *[DraftError] if no change set can
// be made of it, [ErrInProgress] if a stack of the tree is busy or somebody
// else started an update meanwhile, and a *[StackError] if the update fails.
// Parameters that the draft does not set, tags, notifications and capabilities
// stay as they are.
//
// Calls s3:PutObject for the templates of nested stacks,
// cloudformation:CreateChangeSet, cloudformation:DescribeChangeSet,
// cloudformation:DescribeStacks, cloudformation:DescribeStackEvents,
// cloudformation:ListStackResources, cloudformation:GetTemplate,
// cloudformation:ExecuteChangeSet or cloudformation:DeleteChangeSet. Needs
// whatever updating the resources needs. A call that is repeated after a lost
// answer finds the change set again.
func (d *Draft) Apply(ctx context.Context, api ApplyAPI, bucket uploadAPI, optFns ...func(*ApplyOptions)) (*Applied, error) {
	c := creator{api: api, bucket: bucket, d: d, opts: options.Of(optFns)}
	c.opts.Interval = cmp.Or(c.opts.Interval, 5*time.Second)
	if d == nil || d.Tree == nil || d.Tree.Root == nil {
		return nil, errNoDraft
	}
	root := d.Tree.Root
	out := &Applied{StackID: root.ID, Stack: root.Name}
	if d.Empty() {
		return out, fmt.Errorf("stack %s: %w", root.Name, ErrNothingToChange)
	}
	if err := updatable(d.Tree); err != nil {
		return nil, err
	}
	if err := errors.Join(d.Check(optFns...), d.withheld()); err != nil {
		return nil, err
	}
	id, err := c.create(ctx)
	if err != nil {
		return nil, err
	}
	if out.ChangeSet, err = c.await(ctx, id); err != nil {
		return out, errors.Join(err, c.discard(ctx, out.ChangeSet))
	}
	planned, err := c.read(ctx, out.ChangeSet)
	if err != nil {
		return out, errors.Join(err, c.discard(ctx, out.ChangeSet))
	}
	ok, refused := newGuard(d, c.opts.Allow, planned).judge()
	out.Changes = ok
	if len(refused) > 0 {
		return out, errors.Join(&RefusedError{root.Name, refused}, c.discard(ctx, out.ChangeSet))
	}
	if c.opts.DryRun {
		return out, c.discard(ctx, out.ChangeSet)
	}
	c.observe(Progress{Kind: "change-set", Stack: root.Name, ChangeSet: out.ChangeSet, Changes: len(ok)})
	return out, c.execute(ctx, out)
}

func (c *creator) observe(e Progress) {
	if c.opts.Observe != nil {
		c.opts.Observe(e)
	}
}

// updatable says why the root cannot be updated as it is.
func updatable(t *Tree) error {
	if err := t.unreadError(partResources, partEvents, partTemplate); err != nil {
		return err
	}
	for s := range t.All() {
		if s.InProgress() {
			return &StackError{Stack: s.Name, Status: s.Status, Reason: s.Reason, Err: ErrInProgress}
		}
	}
	switch t.Root.Status {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete, types.StackStatusImportComplete, types.StackStatusImportRollbackComplete:
		return nil
	case types.StackStatusUpdateRollbackFailed:
		return &StackError{Stack: t.Root.Name, Status: t.Root.Status, Err: errors.New("continue the rollback first")}
	}
	return &StackError{Stack: t.Root.Name, Status: t.Root.Status, Reason: t.Root.Reason, Err: errors.New("cannot be updated in this status")}
}

// discard deletes the tool's own change set, also when ctx has ended: one that
// stays would count against a limit, and could be executed by mistake.
func (c *creator) discard(ctx context.Context, id string) error {
	ctx, cancel := clock.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_, err := patiently(ctx, func(ctx context.Context) (*cfn.DeleteChangeSetOutput, error) {
		return c.api.DeleteChangeSet(ctx, &cfn.DeleteChangeSetInput{StackName: &c.d.Tree.Root.ID, ChangeSetName: &id})
	})
	if err != nil {
		return fmt.Errorf("change set %s is left behind: %w", id, err)
	}
	return nil
}

// execute starts the update and waits for its end.
func (c *creator) execute(ctx context.Context, out *Applied) error {
	root := c.d.Tree.Root
	after, err := patiently(ctx, func(ctx context.Context) (string, error) { return lastEvent(ctx, c.api, root.ID) })
	if err != nil {
		return err
	}
	if err := c.start(ctx, out.ChangeSet, after); err != nil {
		return err
	}
	out.Status, err = Wait(ctx, c.api, root.ID, func(o *WaitOptions) {
		o.Interval, o.After = c.opts.Interval, after
		o.Observe = func(e Event) { c.observe(Progress{Kind: "event", Stack: root.Name, Event: &e}) }
	})
	if err != nil || out.Status == c.succeeded() {
		return err
	}
	t, err := Snapshot(ctx, c.api, root.ID)
	if err != nil {
		return errors.Join(&StackError{Stack: root.Name, Status: out.Status}, err)
	}
	return &StackError{Stack: root.Name, Status: out.Status, Reason: t.Root.Reason, Failed: t.Causes().Update}
}

// succeeded is the root's status after what the draft is.
func (c *creator) succeeded() types.StackStatus {
	if len(c.d.imports) > 0 {
		return types.StackStatusImportComplete
	}
	return types.StackStatusUpdateComplete
}

// start executes the change set. When the answer is lost, the token of the
// stack's events tells whether the update that began is this one. DisableRollback
// is sent as false, whatever the stack was created with: a new revision of a task
// definition is a replacement, which an update without a rollback does not take
// (docs/aws/cfn.md 1.7).
func (c *creator) start(ctx context.Context, id, after string) error {
	root := c.d.Tree.Root
	token := "stackrescue-" + fingerprint([]byte(id))
	in := &cfn.ExecuteChangeSetInput{StackName: &root.ID, ChangeSetName: &id, ClientRequestToken: &token, DisableRollback: aws.Bool(false)}
	begins := types.ResourceStatusUpdateInProgress
	if len(c.d.imports) > 0 {
		in.DisableRollback, begins = nil, types.ResourceStatusImportInProgress
	}
	err := awsretry.Mutation{
		Do: func(ctx context.Context) error {
			_, err := c.api.ExecuteChangeSet(ctx, in, once)
			return err
		},
		Happened: func(ctx context.Context) (bool, error) {
			news, err := patiently(ctx, func(ctx context.Context) ([]Event, error) { return eventsAfter(ctx, c.api, root.ID, after) })
			if err != nil {
				return false, err
			}
			for _, e := range slices.Backward(news) {
				if !e.own() || e.Status != begins {
					continue
				}
				if e.Token == token {
					return true, nil
				}
				return false, &StackError{Stack: root.Name, Status: types.StackStatus(e.Status), Reason: "somebody else started an update meanwhile", Err: ErrInProgress}
			}
			return false, nil
		},
		// Whatever is no answer of CloudFormation's may have been lost on the way.
		Again:    func(err error) bool { _, api := errors.AsType[smithy.APIError](err); return !api },
		Interval: c.opts.Interval,
	}.Run(ctx)
	if err != nil {
		return stackErr(root.Name, err)
	}
	return nil
}

// PatchTemplateImages changes the images in the templates of the tree that the
// stack is part of, and updates the tree with one guarded change set on its
// root; see [Draft.PatchImages] for resolver and [Draft.Apply] for the guard. It
// returns nil when the root is UPDATE_COMPLETE, and [ErrNothingToChange] if the
// images are already as they should be.
//
// Calls what [Snapshot], [Tree.NewDraft] and [Draft.Apply] call.
func PatchTemplateImages(ctx context.Context, api ApplyAPI, bucket BucketAPI, stack string, resolver func(ctx context.Context, ref string) (string, error), optFns ...func(*ApplyOptions)) (*Applied, error) {
	d, err := draftOf(ctx, api, bucket, stack)
	if err != nil {
		return nil, err
	}
	images, err := d.PatchImages(ctx, resolver)
	if err != nil {
		return nil, err
	}
	out, err := d.Apply(ctx, api, bucket, optFns...)
	if out != nil {
		out.Images = images
	}
	return out, err
}

// RestoreOutputs puts lost outputs of the tree back, with the values that
// source finds, and updates the tree with one guarded change set on its root;
// see [Draft.LostOutputs] and [Draft.RestoreOutputs]. LostOutput.Known is what a
// ledger or the parent stack still know; a nil source takes that. ledger may be
// nil. It returns nil when the root is UPDATE_COMPLETE, and
// [ErrNothingToChange] if no output is lost.
//
// Calls what [Snapshot], [Tree.NewDraft] and [Draft.Apply] call.
func RestoreOutputs(ctx context.Context, api ApplyAPI, bucket BucketAPI, stack string, ledger *Ledger, source func(context.Context, LostOutput) (string, error), optFns ...func(*ApplyOptions)) (*Applied, error) {
	d, err := draftOf(ctx, api, bucket, stack)
	if err != nil {
		return nil, err
	}
	outputs, err := d.RestoreOutputs(ctx, d.LostOutputs(ledger), source)
	if err != nil {
		return nil, err
	}
	out, err := d.Apply(ctx, api, bucket, optFns...)
	if out != nil {
		out.Outputs = outputs
	}
	return out, err
}

func draftOf(ctx context.Context, api SnapshotAPI, bucket fetchAPI, stack string) (*Draft, error) {
	t, err := Snapshot(ctx, api, stack)
	if err != nil {
		return nil, err
	}
	return t.NewDraft(ctx, bucket)
}
