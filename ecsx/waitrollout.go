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
	"github.com/stackrescue/stackrescue/internal/clock"
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
	// Stall is for how long nothing may get better, while tasks come and go or
	// too few run, before the rollout counts as [Stalled]. Defaults to 10 minutes;
	// a negative value means to wait for ECS's own verdict.
	Stall time.Duration
	// Observe is called with each change.
	Observe func(Rollout)
}

// Rollouts looks at deployment d of its service at once and then at Interval, and
// yields what it sees until the outcome is final. An error is yielded at most
// once, last. The sequence can be ranged over once.
//
// The outcome is that of this deployment: one that was rolled back, or that
// somebody superseded, has not succeeded, however steady the service is. What was
// seen is remembered, and what may not be read, but for the service itself, makes
// the answer poorer (Rollout.Problem) and does not end it.
//
// Calls ecs:DescribeServices and, when something changed and else every 30
// seconds, ecs:DescribeServiceDeployments, ecs:ListTasks, ecs:DescribeTasks,
// ecs:DescribeTaskDefinition. Safe to repeat.
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
		if !r.equal(last) && w.opts.Observe != nil {
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

// watch remembers what earlier answers told of one deployment: an answer alone
// forgets that ECS had been rolling back, or that tasks came and went.
type watch struct {
	api     RolloutAPI
	d       Deployment
	opts    RolloutOptions
	looks   int
	failed  int // as counted by ECS when tasks were read last
	cause   *Cause
	counts  int // tasks that failed for a deterministic cause
	crashes int // tasks that failed since something got better
	cursor  Cursor
	seen    bool // the deployment was in the list once
	back    bool // ECS was seen to go back
	problem string
	// most is the most tasks that ran, better when that was; asked when the
	// supplements were read last. All by the local clock.
	most          int
	better, asked time.Time
}

func newWatch(api RolloutAPI, d Deployment, optFns []func(*RolloutOptions)) *watch {
	w := &watch{api: api, d: d, most: -1}
	for _, fn := range optFns {
		if fn != nil {
			fn(&w.opts)
		}
	}
	w.opts.Interval = cmp.Or(w.opts.Interval, 5*time.Second)
	w.opts.Patience = cmp.Or(w.opts.Patience, 1)
	w.opts.Stall = cmp.Or(w.opts.Stall, 10*time.Minute)
	return w
}

// unseenLooks is for how many looks a deployment that was just started may be
// missing from the list: reads lag behind writes (docs/aws/ecs.md 1.1).
const unseenLooks = 6

// supplements is how often tasks and the service deployment are read while
// nothing changes: a task that crashes after it ran does not count as failed
// (docs/aws/ecs.md 1.3), and a deployment can wait at a hook.
const supplements = 30 * time.Second

func (w *watch) look(ctx context.Context) (Rollout, error) {
	s, err := describe(ctx, w.api, w.d.Service)
	if errors.Is(err, ErrNotFound) {
		return Rollout{Deployment: w.d.ID, Outcome: Gone, Reason: "service is deleted"}, nil
	}
	if err != nil {
		return Rollout{}, err
	}
	w.looks++
	w.seen = w.seen || deployment(s, w.d.ID) != nil
	r := judge(s, w.d.ID, nil)
	if !w.seen && r.Outcome == Superseded && w.looks <= unseenLooks && r.Primary == w.d.Previous {
		r.Outcome = InProgress
		return r, nil
	}
	now := clock.Now(ctx)
	if r.Running > w.most || w.better.IsZero() {
		w.most, w.better, w.crashes = r.Running, now, 0
	}
	changed := r.Failed > w.failed || r.Outcome != InProgress && r.Outcome != Succeeded && r.Outcome != ScaledToZero
	if changed || r.Outcome == InProgress && now.Sub(w.asked) >= supplements {
		w.failed, w.asked = r.Failed, now
		w.problem = ""
		record := w.record(ctx)
		r = judge(s, w.d.ID, record)
		if changed || r.Running < r.Desired {
			w.explain(ctx)
		}
		if ctx.Err() != nil {
			return Rollout{}, ctx.Err()
		}
	}
	r.Problem = w.problem
	return w.remember(r, s, now), nil
}

// remember judges by what was seen before, too.
func (w *watch) remember(r Rollout, s *types.Service, now time.Time) Rollout {
	switch r.Outcome {
	case RollingBack, RolledBack, RollbackFailed:
		w.back = true
	case Superseded:
		if w.back { // it was given up before somebody, or the rollback, took its place
			r.Outcome = goingBack(primary(s))
		}
	case InProgress:
		switch {
		case w.opts.Patience > 0 && w.counts >= w.opts.Patience:
			r.Outcome, r.Reason = Failing, w.cause.Summary
		case w.opts.Stall > 0 && now.Sub(w.better) >= w.opts.Stall && (w.crashes >= 3 || r.Running < r.Desired):
			r.Outcome = Stalled
			r.Reason = fmt.Sprintf("no more than %d of %d tasks ran for %s, and %d stopped meanwhile", w.most, r.Desired, now.Sub(w.better).Round(time.Second), w.crashes)
		}
	}
	return r
}

// record reads the deployment's service deployment; nil where there is none to
// read or it may not be read: the list of deployments decides alone.
func (w *watch) record(ctx context.Context) *types.ServiceDeployment {
	if w.d.Record == "" {
		return nil
	}
	out, err := w.api.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{w.d.Record}})
	if err != nil {
		w.problem = "service deployment: " + err.Error()
		return nil
	}
	if len(out.ServiceDeployments) == 0 {
		return nil
	}
	return &out.ServiceDeployments[0]
}

// explain reads why tasks of the deployment stopped, without their logs. What
// may not be read makes the answer poorer and does not end it.
func (w *watch) explain(ctx context.Context) {
	q := Query{Cluster: w.d.Service.cluster(), Deployment: w.d.ID}
	var failed []StoppedTask
	for t, err := range StoppedTasks(ctx, w.api, nil, q, func(o *StoppedOptions) {
		o.AtLeast, o.LogsOf, o.Cursor, o.Settle, o.Interval = -1, NoTask, &w.cursor, -1, w.opts.Interval
	}) {
		if err != nil {
			w.problem = "stopped tasks: " + err.Error()
			break
		}
		if t.Failed() && !t.Stopping {
			failed = append(failed, t)
			w.crashes++
			if t.Cause.Class.Deterministic() {
				w.counts++
			}
		}
	}
	if c, ok := RootCause(failed); ok && (w.cause == nil || c.Class.rank() > w.cause.Class.rank()) {
		w.cause = &c
	}
}
