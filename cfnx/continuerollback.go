package cfnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/cfnx/internal/options"
	"github.com/stackrescue/stackrescue/internal/awsretry"
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
	// Interval is the time between polls. Defaults to 5 s.
	Interval time.Duration
	// Rounds is how often the rollback may be continued, each time with a new
	// choice of skips. Defaults to 5, also for a negative number.
	Rounds int
	// Force, which must be the root stack's name, lets CloudFormation skip
	// whatever fails, in nested stacks too. The skipper is not called then. An
	// endpoint that does not know it rejects the call.
	Force string
	// RoleARN is the service role that CloudFormation is to use, instead of the
	// one that the stack has (Round.Role). CloudFormation keeps it for every
	// later operation on the stack (docs/aws/cfn.md 1.2).
	RoleARN string
	// Before is called before each round with what it would do. Nothing is
	// started if it returns an error, which ends the call.
	Before func(Round) error
	// Enrich is called with each snapshot before its round is planned, to add what
	// further reads return, such as [Tree.ReadAttempted]. Its error ends the call.
	Enrich func(ctx context.Context, t *Tree) error
	// RolledBack reports whether ECS itself has already taken a service back to
	// the revision that the stack has recorded; nil says so of none. See
	// [Tree.Deploys].
	RolledBack func(Deploy) bool
	// InUse are task definitions and services that serve; see [Tree.Deletes].
	InUse []any
	// Observe is called with each round and with each event of the root, in
	// order, on the caller's goroutine.
	Observe func(Progress)
}

// Round is one continue that is about to be started: what it skips, and what it
// does besides.
type Round struct {
	// Number is counted from 1.
	Number int `json:"number"`
	// StackID and Stack are the root's.
	StackID string `json:"stackId"`
	Stack   string `json:"stack"`
	// Skips are left as they are; each has its Impact.
	Skips []Skip `json:"skips,omitempty"`
	// Forced is true when CloudFormation chooses what to skip: Deploys and
	// Deletes are then those of a continue without skips.
	Forced bool `json:"forced,omitempty"`
	// Deploys are the services that are sent a revision, Deletes what the
	// clean-up deletes once the whole tree is back.
	Deploys []Deploy   `json:"deploys,omitempty"`
	Deletes []Deletion `json:"deletes,omitempty"`
	// Role is the stack's service role, NewRole the one that replaces it for
	// good; "" where there is none.
	Role    string `json:"role,omitempty"`
	NewRole string `json:"newRole,omitempty"`
}

// Continued is what a continued rollback came to.
type Continued struct {
	// StackID and Stack are the root's.
	StackID string `json:"stackId"`
	Stack   string `json:"stack"`
	// From and To are the root's status before and after.
	From types.StackStatus `json:"from"`
	To   types.StackStatus `json:"to"`
	// Rounds is how often the rollback was continued by this call.
	Rounds int `json:"rounds"`
	// Skipped are all resources that were skipped, in every round. What they
	// are and what the stack's record says differ from now on.
	Skipped []Skip `json:"skipped,omitempty"`
	// Forced is true when CloudFormation chose what to skip.
	Forced bool `json:"forced,omitempty"`
	// Role is the service role that was replaced, NewRole the one that the stack
	// uses from now on.
	Role    string `json:"role,omitempty"`
	NewRole string `json:"newRole,omitempty"`
}

// ContinueRollbackSkipping continues the failed rollback of the tree that the
// stack is part of, on its root, and waits for the end. It returns nil when the
// root is UPDATE_ROLLBACK_COMPLETE.
//
// skipper chooses from a fresh snapshot before each round: [SkipMinimal],
// [SkipTypes], [SkipOnly] or your own; nil skips nothing, a plain continue. Skipping
// has a price, see Skip.Impact: the resource stays as the failed update left it
// and outputs that read it may be lost. When a round fails on further
// resources, the skipper is called again, up to Rounds.
//
// A continue does more than it skips: it sends every service that the rollback
// has not reached the revision that the stack has recorded, and its clean-up
// deletes what the failed update made. Options.Before is called with both.
//
// It returns
//   - [ErrNotStuck] if the root is not UPDATE_ROLLBACK_FAILED, [ErrChildStuck]
//     if a nested stack is stuck and the root is not;
//   - [ErrInProgress] if a stack of the tree is busy, or if somebody else
//     continued the rollback first: what they skipped is not in the result;
//   - [ErrUnread] if a part of the tree could not be read;
//   - [ErrCannotSkip] if a name is that of no resource whose rollback failed.
//
// Nothing is changed then. It returns [ErrNoProgress] if a further round would
// ask for the same again, and a *[StackError] with the resources that failed if
// the rollback ends in another status. What was skipped until then is in the
// result, which is not nil from the first round on.
//
// A continue cannot be cancelled, and with an ECS service without a circuit
// breaker it can take hours: a ctx that ends stops only the waiting.
//
// Calls cloudformation:DescribeStacks, cloudformation:DescribeStackEvents,
// cloudformation:ListStackResources, cloudformation:GetTemplate,
// cloudformation:ContinueUpdateRollback. Needs whatever rolling the resources
// back needs, and iam:PassRole with RoleARN. Safe to repeat: a rollback that is
// under way is not continued twice.
func ContinueRollbackSkipping(ctx context.Context, api ContinueRollbackAPI, stack string, skipper func(*Tree) []Skip, optFns ...func(*ContinueOptions)) (*Continued, error) {
	c := continuation{api: api, skipper: skipper, opts: options.Of(optFns)}
	if c.skipper == nil {
		c.skipper = func(*Tree) []Skip { return nil }
	}
	c.opts.Interval = cmp.Or(c.opts.Interval, 5*time.Second)
	if c.opts.Rounds <= 0 {
		c.opts.Rounds = 5
	}
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
		if c.opts.Enrich != nil {
			if err := c.opts.Enrich(ctx, tree); err != nil {
				return c.out, fmt.Errorf("stack %s: %w", tree.Root.Name, err)
			}
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
	if err := t.unreadError(partResources, partEvents); err != nil {
		return err
	}
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

// plan chooses what the next round does.
func (c *continuation) plan(t *Tree) (Round, error) {
	root := t.Root
	r := Round{Number: 1, StackID: root.ID, Stack: root.Name, Forced: c.opts.Force != "", Role: root.RoleARN}
	if c.out != nil {
		r.Number = c.out.Rounds + 1
	}
	if c.opts.RoleARN != "" && c.opts.RoleARN != root.RoleARN {
		r.NewRole = c.opts.RoleARN
	}
	switch {
	case r.Forced && c.opts.Force != root.Name:
		return r, fmt.Errorf("stack %s: ContinueOptions.Force is %q: give the root stack's name to let CloudFormation choose what to skip", root.Name, c.opts.Force)
	case !r.Forced:
		var err error
		if r.Skips, err = skippable(t, c.skipper(t)); err != nil {
			return r, err
		}
	}
	r.Deploys, r.Deletes = t.Deploys(r.Skips, c.opts.RolledBack), t.Deletes(c.opts.InUse...)
	return r, nil
}

// round continues once and waits for the end.
func (c *continuation) round(ctx context.Context, t *Tree) error {
	root := t.Root
	fail := func(err error) error {
		return &StackError{Stack: root.Name, Status: root.Status, Reason: root.Reason, Failed: t.Causes().Rollback, Err: err}
	}
	r, err := c.plan(t)
	if err != nil {
		return err
	}
	names := skipNames(r.Skips)
	if c.out != nil && !r.Forced && (len(names) == 0 || slices.Equal(names, c.asked)) {
		return fail(ErrNoProgress)
	}
	if r.Number > c.opts.Rounds {
		return fail(fmt.Errorf("%w: still stuck after %d rounds", ErrNoProgress, c.opts.Rounds))
	}
	if c.opts.Before != nil {
		if err := c.opts.Before(r); err != nil {
			return fmt.Errorf("stack %s: round %d not started: %w", root.Name, r.Number, err)
		}
	}
	after := ""
	if len(root.Events) > 0 {
		after = root.Events[0].ID
	}
	if err := c.start(ctx, root, r, after); err != nil {
		if errors.Is(err, ErrInProgress) {
			return err
		}
		return fail(err)
	}
	if c.out == nil {
		c.out = &Continued{StackID: root.ID, Stack: root.Name, From: root.Status, To: root.Status}
	}
	c.out.Rounds++
	c.out.Skipped, c.out.Forced, c.asked = append(c.out.Skipped, r.Skips...), r.Forced, names
	e := Progress{Kind: "round", Skips: r.Skips}
	if r.NewRole != "" {
		e.Role, e.NewRole, c.out.Role, c.out.NewRole = r.Role, r.NewRole, r.Role, r.NewRole
	}
	c.observe(e)
	status, err := Wait(ctx, c.api, root.ID, func(o *WaitOptions) {
		o.Interval, o.After = c.opts.Interval, after
		o.Observe = func(e Event) { c.observe(Progress{Kind: "event", Event: &e}) }
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

func (c *continuation) observe(e Progress) {
	if e.Stack, e.Round = c.out.Stack, c.out.Rounds; c.opts.Observe != nil {
		c.opts.Observe(e)
	}
}

// once keeps the SDK from repeating a call whose answer was lost.
func once(o *cfn.Options) { o.RetryMaxAttempts = 1 }

// start continues the rollback. The token is made from the newest event and
// what is asked for, so that a repeated call is one attempt. CloudFormation
// answers a repetition of a call whose answer was lost with an error, because
// the stack is then busy: the token of the stack's events tells whose rollback
// it is.
func (c *continuation) start(ctx context.Context, root *Stack, r Round, after string) error {
	names := skipNames(r.Skips)
	token := "stackrescue-" + fingerprint([]byte(root.ID), []byte(after), []byte(c.opts.Force), []byte(c.opts.RoleARN), []byte(strings.Join(names, ",")))
	in := &cfn.ContinueUpdateRollbackInput{StackName: &root.ID, ClientRequestToken: &token, ResourcesToSkip: names}
	if r.Forced {
		in.ForceRollback = new(true)
	}
	if c.opts.RoleARN != "" {
		in.RoleARN = &c.opts.RoleARN
	}
	return awsretry.Mutation{
		Do: func(ctx context.Context) error {
			_, err := c.api.ContinueUpdateRollback(ctx, in, once)
			return err
		},
		Happened: func(ctx context.Context) (bool, error) { return c.started(ctx, root, after, token) },
		Again: func(err error) bool {
			// A token that was seen is ours, and the events are late.
			_, taken := errors.AsType[*types.TokenAlreadyExistsException](err)
			e, api := errors.AsType[smithy.APIError](err)
			return taken || api && e.ErrorCode() == "OperationInProgressException"
		},
		Interval: c.opts.Interval,
	}.Run(ctx)
}

// started reports whether a rollback has begun since the event, by the token.
// It returns ErrInProgress if it is somebody else's.
func (c *continuation) started(ctx context.Context, root *Stack, after, token string) (bool, error) {
	news, err := patiently(ctx, func(ctx context.Context) ([]Event, error) { return eventsAfter(ctx, c.api, root.ID, after) })
	if err != nil {
		return false, stackErr(root.ID, err)
	}
	for _, e := range slices.Backward(news) {
		if !e.own() || !strings.HasSuffix(string(e.Status), "_IN_PROGRESS") {
			continue
		}
		if e.Token == token {
			return true, nil
		}
		return false, &StackError{Stack: root.Name, Status: types.StackStatus(e.Status), Reason: "somebody else started an operation meanwhile: wait for its end, then take a new snapshot", Err: ErrInProgress}
	}
	return false, nil
}
