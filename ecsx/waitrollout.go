package ecsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// RolloutAPI is DescribeServices, DescribeServiceDeployments, ListTasks,
// DescribeTasks and DescribeTaskDefinition of *ecs.Client.
type RolloutAPI interface {
	ecs.DescribeServicesAPIClient
	StoppedTasksAPI
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
}

type recordsAPI = interface {
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
}

// RolloutOptions change [Deployment.Rollouts], [Deployment.WaitRollout] and
// [WaitRollouts]. The zero value is the default.
type RolloutOptions struct {
	// Interval is the time between polls. Defaults to 3.5 s.
	Interval time.Duration
	// Patience is how many tasks may fail for a deterministic cause, such as an
	// image that does not exist, before the rollout counts as "failing".
	// Defaults to 1; a negative value means to wait for ECS's own verdict.
	Patience int
	// Stall is for how long nothing may get better, while tasks come and go or
	// too few run, before the rollout counts as "stalled". Defaults to 10 minutes;
	// a negative value means to wait for ECS's own verdict. A deployment that bakes
	// is not stalled.
	Stall time.Duration
	// Soak is for how long a deployment has to stay up after it has succeeded: it is
	// "failed" if one of its tasks fails meanwhile. Defaults to none.
	Soak time.Duration
	// RollBack, where not nil, is called once with a deployment that is Failing or
	// Stalled, and the wait goes on until ECS has gone back: [Deployment.RollBack]
	// does it where that can succeed. An error of it ends the wait with the outcome
	// as it is, and is its Problem.
	RollBack func(context.Context, Deployment) error
	// Records is asked for the service deployment of a deployment that has no Record
	// and that the service does not list any more (ecs:ListServiceDeployments).
	// Defaults to the API, if that has the method, as *ecs.Client has.
	Records recordsAPI
	// Logs, where not nil, gives the causes of a [RolloutError] their log excerpts:
	// once the outcome is known, the logs of the first and last task of each cause
	// are read (logs:FilterLogEvents).
	Logs cloudwatchlogs.FilterLogEventsAPIClient
	// Observe is called with each change.
	Observe func(Rollout)
}

// Rollouts polls the deployment at once and then every Interval, and yields what it
// sees until the outcome is final. An error is yielded at most once, last. The sequence
// can be ranged over once.
//
// The outcome is that of this deployment: one that was rolled back, or that
// somebody superseded, has not succeeded, however steady the service is. What was
// seen is remembered, and what may not be read, but for the service itself, makes
// the answer poorer (Rollout.Problem) and does not end it.
//
// Calls ecs:DescribeServices each time and, when something has changed and at
// most every few seconds, ecs:DescribeServiceDeployments, ecs:ListTasks,
// ecs:DescribeTasks and ecs:DescribeTaskDefinition. Safe to repeat.
func (d Deployment) Rollouts(ctx context.Context, api RolloutAPI, optFns ...func(*RolloutOptions)) iter.Seq2[Rollout, error] {
	f := newFleet(api, []Deployment{d}, optFns)
	return func(yield func(Rollout, error) bool) {
		for err := range f.polls(ctx) {
			if err != nil {
				yield(Rollout{}, fmt.Errorf("service %s: %w", d.Service, err))
				return
			}
			if r := f.watches[0].last; !yield(r, nil) || r.Outcome.Final() {
				return
			}
		}
	}
}

// WaitRollout waits until the deployment has succeeded and returns what was seen
// last. Any other end is a *[RolloutError] with the causes for which its tasks
// stopped; so is the end of ctx.
//
// Calls what [Deployment.Rollouts] calls. Safe to repeat.
func (d Deployment) WaitRollout(ctx context.Context, api RolloutAPI, optFns ...func(*RolloutOptions)) (*Rollout, error) {
	out, err := WaitRollouts(ctx, api, []Deployment{d}, optFns...)
	if err != nil {
		if e, ok := errors.AsType[*RolloutError](err); ok {
			return nil, e
		}
		return nil, err
	}
	return &out[0], nil
}

// WaitRollouts waits for the deployments of several services together, ten
// services of a cluster in one call, and returns what was seen of each last, in
// the order of ds. The error joins a *[RolloutError] for each that has not
// succeeded.
//
// Calls what [Deployment.WaitRollout] calls. Safe to repeat.
func WaitRollouts(ctx context.Context, api RolloutAPI, ds []Deployment, optFns ...func(*RolloutOptions)) ([]Rollout, error) {
	f := newFleet(api, ds, optFns)
	var ended error
	for err := range f.polls(ctx) {
		if ended = err; err != nil {
			break
		}
		for _, w := range f.watches {
			if !w.last.equal(w.observed) && f.opts.Observe != nil {
				f.opts.Observe(w.last)
			}
			w.observed = w.last
		}
		if !slices.ContainsFunc(f.watches, func(w *watch) bool { return !w.last.Outcome.Final() }) {
			break
		}
	}
	out, errs := make([]Rollout, len(ds)), []error(nil)
	for i, w := range f.watches {
		if out[i] = w.last; w.last.Outcome == outcomeSucceeded {
			continue
		}
		e := &RolloutError{Service: w.d.Service, Deployment: w.d.ID, Last: w.last}
		if !w.last.Outcome.Final() {
			e.Err = ended
		}
		w.causes(ctx, e)
		errs = append(errs, e)
	}
	return out, errors.Join(errs...)
}

func newFleet(api RolloutAPI, ds []Deployment, optFns []func(*RolloutOptions)) *fleet {
	f := &fleet{api: api}
	for _, fn := range optFns {
		if fn != nil {
			fn(&f.opts)
		}
	}
	if records, ok := api.(recordsAPI); ok && f.opts.Records == nil {
		f.opts.Records = records
	}
	f.opts.Interval = cmp.Or(f.opts.Interval, 3500*time.Millisecond)
	f.opts.Patience = cmp.Or(f.opts.Patience, 1)
	f.opts.Stall = cmp.Or(f.opts.Stall, 10*time.Minute)
	for _, d := range ds {
		f.watches = append(f.watches, &watch{fleet: f, d: d, most: -1, last: Rollout{Deployment: d.ID, Outcome: inProgress}})
	}
	return f
}

// polls yields after each poll of all that are not final; an error is the last.
func (f *fleet) polls(ctx context.Context) iter.Seq[error] {
	return func(yield func(error) bool) {
		if len(f.watches) == 0 {
			return
		}
		for _, err := range awsretry.Every(ctx, f.opts.Interval, func(ctx context.Context) (struct{}, error) { return struct{}{}, f.look(ctx) }) {
			if !yield(err) || err != nil {
				return
			}
		}
	}
}
