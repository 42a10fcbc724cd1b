package cfnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// ApplyOptions change [Apply] and the verbs that use it. The zero value is the
// default.
type ApplyOptions struct {
	// Every is the pause between two looks. Defaults to 5 s.
	Every time.Duration
	// Allow names resources whose change or replacement is allowed whatever
	// the reason: "LogicalID" of the root, or "stack-name.LogicalID". Removal
	// is allowed by name too.
	Allow []string
	// TemplateURL is an object in S3 beside which a root template of more than
	// 51,200 bytes is put. Defaults to the place of a nested stack's template.
	TemplateURL string
	// DryRun makes the change set, judges it, and deletes it again.
	DryRun bool
	// Observe is told of the change set and of the root's events.
	Observe func(ApplyEvent)
}

// ApplyEvent is progress of an update.
type ApplyEvent struct {
	// Text is set for what the tool did, Event for an event of the stack.
	Text  string
	Event *Event
}

// String is one line.
func (e ApplyEvent) String() string {
	if e.Event != nil {
		return e.Event.String()
	}
	return e.Text
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

// Apply carries a draft out as one guarded change set on the root stack, nested
// stacks included, and waits for the end. It returns nil when the root is
// UPDATE_COMPLETE.
//
// The guard reads every change, of nested change sets too. It refuses, with a
// *[RefusedError] and after deleting the change set, whatever removes, replaces
// or changes anything that the draft did not ask for and that does not follow
// from it. What CloudFormation cannot tell yet passes only when it is traced
// to a change of the draft, or to a value that stays the same.
//
// A draft that changes nothing is [ErrNothingToChange]. An update that fails
// is a *[StackError]. Parameters that the draft does not set, tags,
// notifications and capabilities stay as they are.
//
// Calls s3:PutObject for the templates of nested stacks,
// cloudformation:CreateChangeSet, cloudformation:DescribeChangeSet,
// cloudformation:DescribeStacks, cloudformation:DescribeStackEvents,
// cloudformation:ListStackResources, cloudformation:GetTemplate,
// cloudformation:ExecuteChangeSet or cloudformation:DeleteChangeSet. Needs
// whatever updating the resources needs. A call that is repeated after a lost
// answer finds the change set again.
func Apply(ctx context.Context, api ApplyAPI, bucket UploadAPI, d *Draft, optFns ...func(*ApplyOptions)) (*Applied, error) {
	c := creator{api: api, bucket: bucket, d: d}
	for _, fn := range optFns {
		fn(&c.opts)
	}
	c.opts.Every = cmp.Or(c.opts.Every, 5*time.Second)
	root := d.Tree.Root
	out := &Applied{StackID: root.ID, Stack: root.Name}
	if d.Empty() {
		return out, fmt.Errorf("stack %s: %w", root.Name, ErrNothingToChange)
	}
	if err := updatable(d.Tree); err != nil {
		return nil, err
	}
	if err := d.Check(optFns...); err != nil {
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
	c.observe(ApplyEvent{Text: fmt.Sprintf("stack %s: change set with %d changes accepted", root.Name, len(ok))})
	return out, c.execute(ctx, out)
}

func (c *creator) observe(e ApplyEvent) {
	if c.opts.Observe != nil {
		c.opts.Observe(e)
	}
}

// updatable says why the root cannot be updated as it is.
func updatable(t *Tree) error {
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_, err := c.api.DeleteChangeSet(ctx, &cfn.DeleteChangeSetInput{StackName: &c.d.Tree.Root.ID, ChangeSetName: &id})
	if err != nil {
		return fmt.Errorf("change set %s is left behind: %w", id, err)
	}
	return nil
}

// execute starts the update and waits for its end.
func (c *creator) execute(ctx context.Context, out *Applied) error {
	root := c.d.Tree.Root
	after, err := lastEvent(ctx, c.api, root.ID)
	if err != nil {
		return err
	}
	if err := c.start(ctx, out.ChangeSet, after); err != nil {
		return err
	}
	out.Status, err = Wait(ctx, c.api, root.ID, func(o *WaitOptions) {
		o.Every, o.After = c.opts.Every, after
		o.Observe = func(e Event) { c.observe(ApplyEvent{Event: &e}) }
	})
	if err != nil || out.Status == types.StackStatusUpdateComplete {
		return err
	}
	t, err := Snapshot(ctx, c.api, root.ID)
	if err != nil {
		return errors.Join(&StackError{Stack: root.Name, Status: out.Status}, err)
	}
	return &StackError{Stack: root.Name, Status: out.Status, Reason: t.Root.Reason, Failed: t.Causes().Update}
}

// start executes the change set. When the answer is lost, the stack's events
// tell whether the update began.
func (c *creator) start(ctx context.Context, id, after string) error {
	root := c.d.Tree.Root
	token := "stackrescue-" + fingerprint([]byte(id))
	for n := 1; ; n++ {
		_, err := c.api.ExecuteChangeSet(ctx, &cfn.ExecuteChangeSetInput{StackName: &root.ID, ChangeSetName: &id, ClientRequestToken: &token}, once)
		if err == nil {
			return nil
		}
		news, rerr := eventsAfter(ctx, c.api, root.ID, after)
		if rerr != nil {
			return errors.Join(err, rerr)
		}
		for _, e := range news {
			if e.own() && e.Status == types.ResourceStatusUpdateInProgress {
				return nil
			}
		}
		if _, api := errors.AsType[smithy.APIError](err); n == tries || api && !awsretry.Transient(err) {
			return stackErr(root.Name, err)
		}
		if err := poll.Sleep(ctx, c.opts.Every); err != nil {
			return err
		}
	}
}

// PatchTemplateImages changes the images in the templates of the tree that the
// stack is part of, and updates the tree with one guarded change set on its
// root; see [Draft.PatchImages] for resolver and [Apply] for the guard. It
// returns nil when the root is UPDATE_COMPLETE; images that are already as
// they should be are [ErrNothingToChange].
//
// Calls what [Snapshot], [NewDraft] and [Apply] call.
func PatchTemplateImages(ctx context.Context, api ApplyAPI, bucket BucketAPI, stack string, resolver func(ctx context.Context, ref string) (string, error), optFns ...func(*ApplyOptions)) (*Applied, error) {
	d, err := draftOf(ctx, api, bucket, stack)
	if err != nil {
		return nil, err
	}
	images, err := d.PatchImages(ctx, resolver)
	if err != nil {
		return nil, err
	}
	out, err := Apply(ctx, api, bucket, d, optFns...)
	if out != nil {
		out.Images = images
	}
	return out, err
}

// RestoreOutputs puts lost outputs of the tree back, with the values that
// source finds, and updates the tree with one guarded change set on its root;
// see [Draft.LostOutputs] and [Draft.RestoreOutputs]. source is told what a
// ledger or the parent stack still know, in LostOutput.Known; ledger may be
// nil. It returns nil when the root is UPDATE_COMPLETE; no lost output is
// [ErrNothingToChange].
//
// Calls what [Snapshot], [NewDraft] and [Apply] call.
func RestoreOutputs(ctx context.Context, api ApplyAPI, bucket BucketAPI, stack string, ledger *Ledger, source func(context.Context, LostOutput) (string, error), optFns ...func(*ApplyOptions)) (*Applied, error) {
	d, err := draftOf(ctx, api, bucket, stack)
	if err != nil {
		return nil, err
	}
	outputs, err := d.RestoreOutputs(ctx, d.LostOutputs(ledger), source)
	if err != nil {
		return nil, err
	}
	out, err := Apply(ctx, api, bucket, d, optFns...)
	if out != nil {
		out.Outputs = outputs
	}
	return out, err
}

func draftOf(ctx context.Context, api SnapshotAPI, bucket FetchAPI, stack string) (*Draft, error) {
	t, err := Snapshot(ctx, api, stack)
	if err != nil {
		return nil, err
	}
	return NewDraft(ctx, bucket, t)
}
