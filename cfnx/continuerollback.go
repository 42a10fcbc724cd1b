package cfnx

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// ContinueRollbackAPI is what [SnapshotAPI] has and ContinueUpdateRollback, of
// *cloudformation.Client.
type ContinueRollbackAPI interface {
	SnapshotAPI
	ContinueUpdateRollback(context.Context, *cfn.ContinueUpdateRollbackInput, ...func(*cfn.Options)) (*cfn.ContinueUpdateRollbackOutput, error)
}

// ContinueOptions change [ContinueRollbackSkipping]. The zero value is the
// default.
type ContinueOptions struct {
	// Every is the pause between two looks. Defaults to 5 s.
	Every time.Duration
	// Rounds is how often the rollback may be continued, each time with a new
	// choice of skips. Defaults to 5.
	Rounds int
	// Force, which must be the root stack's name, lets CloudFormation skip
	// whatever fails, in nested stacks too. The skipper is not asked then. An
	// endpoint that does not know it rejects the call.
	Force string
	// Observe is told of rounds and of the root's events.
	Observe func(ContinueEvent)
}

// ContinueEvent is progress of a continued rollback: a new round, or an event
// of the root stack.
type ContinueEvent struct {
	// Round is counted from 1.
	Round int
	// Skips are set when a round has been started.
	Skips []Skip
	// Event is set for an event of the stack.
	Event *Event
}

// String is one line.
func (e ContinueEvent) String() string {
	if e.Event != nil {
		return e.Event.String()
	}
	names := skipNames(e.Skips)
	if len(names) == 0 {
		return fmt.Sprintf("round %d: rollback continued, nothing skipped", e.Round)
	}
	return fmt.Sprintf("round %d: rollback continued, skipping %s", e.Round, strings.Join(names, ", "))
}

// Continued is what a continued rollback came to.
type Continued struct {
	// StackID and Stack are the root's.
	StackID string `json:"stackId"`
	Stack   string `json:"stack"`
	// From and To are the root's status before and after.
	From types.StackStatus `json:"from"`
	To   types.StackStatus `json:"to"`
	// Rounds is how often the rollback was continued.
	Rounds int `json:"rounds"`
	// Skipped are all resources that were skipped, in every round. What they
	// are and what the stack's record says differ from now on.
	Skipped []Skip `json:"skipped,omitempty"`
	// Forced is true when CloudFormation chose what to skip.
	Forced bool `json:"forced,omitempty"`
}

// ContinueRollbackSkipping continues the failed rollback of the tree that the
// stack is part of, on its root, and waits for the end. It returns nil when the
// root is UPDATE_ROLLBACK_COMPLETE.
//
// skipper chooses from a fresh snapshot before each round: [SkipNone],
// [SkipMinimal], [SkipTypes], [SkipOnly] or your own. Skipping has a price, told
// in Skip.Impact: the resource stays as the failed update left it and
// outputs that read it may be lost. When a round fails on further resources,
// the skipper is asked again, up to Rounds; a round that would ask for the same
// again is not started ([ErrNoProgress]).
//
// A root that is not UPDATE_ROLLBACK_FAILED is [ErrNotStuck], or
// [ErrChildStuck] when a nested stack is stuck; a stack of the tree that is
// still busy is [ErrInProgress]. Nothing is changed then. An end in another
// status is a *[StackError] with the resources that failed; what was skipped
// until then is in the result, which is not nil from the first round on.
//
// A continue cannot be cancelled, and with an ECS service without a circuit
// breaker it can take hours: a ctx that ends stops only the waiting.
//
// Calls cloudformation:DescribeStacks, cloudformation:DescribeStackEvents,
// cloudformation:ListStackResources, cloudformation:GetTemplate,
// cloudformation:ContinueUpdateRollback. Needs whatever rolling the resources
// back needs. Safe to repeat: a rollback that is under way is not continued
// twice.
func ContinueRollbackSkipping(ctx context.Context, api ContinueRollbackAPI, stack string, skipper func(*Tree) []Skip, optFns ...func(*ContinueOptions)) (*Continued, error) {
	c := continuation{api: api, skipper: skipper}
	for _, fn := range optFns {
		fn(&c.opts)
	}
	c.opts.Every = cmp.Or(c.opts.Every, 5*time.Second)
	c.opts.Rounds = cmp.Or(c.opts.Rounds, 5)
	for {
		tree, err := Snapshot(ctx, api, stack)
		if err != nil {
			return c.out, err
		}
		if c.out != nil && tree.Root.Status == types.StackStatusUpdateRollbackComplete {
			return c.out, nil
		}
		if err := continuable(tree); err != nil {
			return c.out, err
		}
		if err := c.round(ctx, tree); err != nil {
			return c.out, err
		}
		if c.out.To == types.StackStatusUpdateRollbackComplete {
			return c.out, nil
		}
	}
}

type continuation struct {
	api     ContinueRollbackAPI
	skipper func(*Tree) []Skip
	opts    ContinueOptions
	out     *Continued
	asked   []string // the last round's names
}

// continuable says why the tree's rollback cannot be continued. A nested stack
// that has rolled back waits in a clean-up status until every other one has,
// so that status is no operation under way (docs/aws/cfn.md 1.2).
func continuable(t *Tree) error {
	for s := range t.All() {
		if s.InProgress() && (s == t.Root || !strings.HasSuffix(string(s.Status), "_CLEANUP_IN_PROGRESS")) {
			return &StackError{Stack: s.Name, Status: s.Status, Reason: s.Reason, Err: ErrInProgress}
		}
	}
	if t.Root.Status == types.StackStatusUpdateRollbackFailed {
		return nil
	}
	for s := range t.All() {
		if s.Status == types.StackStatusUpdateRollbackFailed {
			return &StackError{Stack: s.Name, Status: s.Status, Reason: s.Reason, Err: ErrChildStuck}
		}
	}
	return &StackError{Stack: t.Root.Name, Status: t.Root.Status, Reason: t.Root.Reason, Err: ErrNotStuck}
}

// round continues once and waits for the end.
func (c *continuation) round(ctx context.Context, t *Tree) error {
	root := t.Root
	if c.out == nil {
		c.out = &Continued{StackID: root.ID, Stack: root.Name, From: root.Status, To: root.Status}
	}
	fail := func(err error) error {
		return &StackError{Stack: root.Name, Status: c.out.To, Reason: root.Reason, Failed: t.Causes().Rollback, Err: err}
	}
	var skips []Skip
	force := c.opts.Force != ""
	switch {
	case force && c.opts.Force != root.Name:
		return fmt.Errorf("stack %s: force names %q", root.Name, c.opts.Force)
	case !force:
		skips = c.skipper(t)
	}
	names := skipNames(skips)
	if c.out.Rounds > 0 && (len(names) == 0 && !force || slices.Equal(names, c.asked) && !force) {
		return fail(ErrNoProgress)
	}
	if c.out.Rounds == c.opts.Rounds {
		return fail(fmt.Errorf("still stuck after %d rounds", c.out.Rounds))
	}
	after := ""
	if len(root.Events) > 0 {
		after = root.Events[0].ID
	}
	if err := c.start(ctx, root, names, after); err != nil {
		return fail(err)
	}
	c.out.Rounds++
	c.out.Skipped, c.out.Forced, c.asked = append(c.out.Skipped, skips...), force, names
	c.observe(ContinueEvent{Skips: skips})
	status, err := Wait(ctx, c.api, root.ID, func(o *WaitOptions) {
		o.Every, o.After = c.opts.Every, after
		o.Observe = func(e Event) { c.observe(ContinueEvent{Event: &e}) }
	})
	if status != "" {
		c.out.To = status
	}
	if err != nil {
		return err
	}
	if status != types.StackStatusUpdateRollbackComplete && status != types.StackStatusUpdateRollbackFailed {
		return &StackError{Stack: root.Name, Status: status, Err: ErrNotStuck}
	}
	return nil
}

func (c *continuation) observe(e ContinueEvent) {
	if e.Round = c.out.Rounds; c.opts.Observe != nil {
		c.opts.Observe(e)
	}
}

// once keeps the SDK from repeating a call whose answer was lost.
func once(o *cfn.Options) { o.RetryMaxAttempts = 1 }

const tries = 8

// start continues the rollback. The token is made from the newest event and
// the skips, so that a repeated call is one attempt. CloudFormation answers a
// repetition of a call whose answer was lost with an error, because the stack
// is then busy: the stack's events tell.
func (c *continuation) start(ctx context.Context, root *Stack, names []string, after string) error {
	sum := sha256.Sum256([]byte(root.ID + "|" + after + "|" + c.opts.Force + "|" + strings.Join(names, ",")))
	token := "stackrescue-" + hex.EncodeToString(sum[:16])
	in := &cfn.ContinueUpdateRollbackInput{StackName: &root.ID, ClientRequestToken: &token, ResourcesToSkip: names}
	if c.opts.Force != "" {
		in.ForceRollback = new(true)
	}
	for n := 1; ; n++ {
		_, err := c.api.ContinueUpdateRollback(ctx, in, once)
		if err == nil {
			return nil
		}
		if _, ok := errors.AsType[*types.TokenAlreadyExistsException](err); ok {
			return nil
		}
		started, rerr := c.started(ctx, root.ID, after)
		if rerr != nil {
			return errors.Join(err, rerr)
		}
		if started {
			return nil
		}
		if e, api := errors.AsType[smithy.APIError](err); n == tries || !awsretry.Transient(err) && !(api && e.ErrorCode() == "OperationInProgressException") {
			return err
		}
		if err := poll.Sleep(ctx, c.opts.Every); err != nil {
			return err
		}
	}
}

// started reports whether a rollback has begun since the event.
func (c *continuation) started(ctx context.Context, id, after string) (bool, error) {
	news, err := eventsAfter(ctx, c.api, id, after)
	if err != nil {
		return false, stackErr(id, err)
	}
	return slices.ContainsFunc(news, func(e Event) bool {
		return e.own() && e.Status == types.ResourceStatusUpdateRollbackInProgress
	}), nil
}
