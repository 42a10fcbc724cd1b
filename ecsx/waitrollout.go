package ecsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// RolloutAPI is DescribeServices, DescribeServiceDeployments, ListTasks,
// DescribeTasks and DescribeTaskDefinition of *ecs.Client.
type RolloutAPI interface {
	ecs.DescribeServicesAPIClient
	StoppedTasksAPI
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
}

// RolloutOptions change [Rollouts] and [WaitRollout]. The zero value is the
// default.
type RolloutOptions struct {
	// Interval is the time between polls. Defaults to 5 s.
	Interval time.Duration
	// Patience is how many tasks may fail for a deterministic cause, such as an
	// image that does not exist, before the rollout counts as [Failing].
	// Defaults to 1; a negative value means to wait for ECS's own verdict.
	Patience int
	// Observe is told every change.
	Observe func(Rollout)
}

// Rollouts looks at deployment d of its service at once and then at Interval, and
// yields what it sees until the outcome is final. An error is yielded at most
// once, last. The sequence can be ranged over once.
//
// The outcome is that of this deployment: one that was rolled back, or that
// somebody superseded, has not succeeded, however steady the service is.
//
// Calls ecs:DescribeServices, ecs:DescribeServiceDeployments when the
// deployment is no longer simply under way, and, when tasks failed,
// ecs:ListTasks, ecs:DescribeTasks, ecs:DescribeTaskDefinition. Safe to repeat.
func Rollouts(ctx context.Context, api RolloutAPI, d Deployment, optFns ...func(*RolloutOptions)) iter.Seq2[Rollout, error] {
	w := newWatch(api, d, optFns)
	return func(yield func(Rollout, error) bool) {
		for r, err := range awsretry.Every(ctx, w.opts.Interval, w.look) {
			if err != nil {
				yield(Rollout{}, fmt.Errorf("service %s: %w", d.Service, err))
				return
			}
			if !yield(r, nil) || r.Outcome.Final() {
				return
			}
		}
	}
}

// WaitRollout waits until deployment d has succeeded and returns what was seen
// last. Any other end is a *[RolloutError] with the cause for which its tasks
// stopped; so is the end of ctx.
//
// Calls what [Rollouts] calls. Safe to repeat.
func WaitRollout(ctx context.Context, api RolloutAPI, d Deployment, optFns ...func(*RolloutOptions)) (*Rollout, error) {
	w := newWatch(api, d, optFns)
	var last Rollout
	for r, err := range awsretry.Every(ctx, w.opts.Interval, w.look) {
		if err != nil {
			return nil, &RolloutError{Service: d.Service, Deployment: d.ID, Last: last, Cause: w.cause, Err: err}
		}
		if r != last && w.opts.Observe != nil {
			w.opts.Observe(r)
		}
		if last = r; r.Outcome.Final() {
			break
		}
	}
	if last.Outcome != Succeeded {
		return nil, &RolloutError{Service: d.Service, Deployment: d.ID, Last: last, Cause: w.cause}
	}
	return &last, nil
}

type watch struct {
	api    RolloutAPI
	d      Deployment
	opts   RolloutOptions
	failed int // as counted by ECS when tasks were read last
	looks  int
	cause  *Cause
	counts int // tasks that failed for a deterministic cause
	cursor Cursor
	seen   bool // the deployment was in the list once
}

func newWatch(api RolloutAPI, d Deployment, optFns []func(*RolloutOptions)) *watch {
	w := &watch{api: api, d: d}
	for _, fn := range optFns {
		fn(&w.opts)
	}
	w.opts.Interval = cmp.Or(w.opts.Interval, 5*time.Second)
	w.opts.Patience = cmp.Or(w.opts.Patience, 1)
	return w
}

// unseenLooks is for how many looks a deployment that was just started may be
// missing from the list: reads lag behind writes (docs/aws/ecs.md 1.1).
const unseenLooks = 6

func (w *watch) look(ctx context.Context) (Rollout, error) {
	s, err := describe(ctx, w.api, w.d.Service)
	if errors.Is(err, ErrNotFound) {
		return Rollout{Deployment: w.d.ID, Outcome: Gone, Reason: "service is deleted"}, nil
	}
	if err != nil {
		return Rollout{}, err
	}
	w.looks++
	r := judge(s, w.d.ID, nil)
	for _, d := range s.Deployments {
		w.seen = w.seen || d.Id != nil && *d.Id == w.d.ID
	}
	if !w.seen && r.Outcome == Superseded && w.looks <= unseenLooks && r.Primary == w.d.Previous {
		r.Outcome = InProgress
		return r, nil
	}
	if r.Outcome != InProgress && r.Outcome != Succeeded {
		r = judge(s, w.d.ID, record(ctx, w.api, w.d.Record))
	}
	if r.Failed > w.failed || r.Outcome != InProgress && r.Outcome != Succeeded {
		w.failed = r.Failed
		if err := w.explain(ctx, s); err != nil {
			return Rollout{}, err
		}
	}
	if r.Outcome == InProgress && w.opts.Patience > 0 && w.counts >= w.opts.Patience {
		r.Outcome, r.Reason = Failing, w.cause.Summary
	}
	return r, nil
}

// explain reads why tasks of the deployment stopped, without their logs.
func (w *watch) explain(ctx context.Context, _ *types.Service) error {
	q := Query{Cluster: w.d.Service.cluster(), Deployment: w.d.ID}
	var failed []StoppedTask
	for t, err := range StoppedTasks(ctx, w.api, nil, q, func(o *StoppedOptions) {
		o.AtLeast, o.LogsOf, o.Cursor, o.Settle, o.Interval = -1, NoTask, &w.cursor, -1, w.opts.Interval
	}) {
		if err != nil {
			return err
		}
		if t.Failed() {
			failed = append(failed, t)
			if t.Cause.Class.Deterministic() {
				w.counts++
			}
		}
	}
	if c, ok := RootCause(failed); ok && (w.cause == nil || c.Class.rank() > w.cause.Class.rank()) {
		w.cause = &c
	}
	return nil
}
