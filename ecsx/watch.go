package ecsx

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/clock"
)

// servicesPerCall and recordsPerCall are the most that DescribeServices and
// DescribeServiceDeployments take (docs/aws/ecs.md 1.3).
const (
	servicesPerCall = 10
	recordsPerCall  = 20
)

// fleet watches deployments of several services together.
type fleet struct {
	api     RolloutAPI
	opts    RolloutOptions
	watches []*watch
	// budget is how many supplements may be read now, filled at the time filled, by
	// the local clock.
	budget float64
	filled time.Time
}

// watch remembers what earlier answers said of one deployment: an answer alone
// forgets that ECS had been rolling back, or that tasks came and went.
type watch struct {
	*fleet
	d              Deployment
	last, observed Rollout

	polled  int
	seen    bool // the deployment was in the list once
	back    bool // ECS was seen to go back
	asked   bool // ECS was asked to roll back
	by      string
	record  *types.ServiceDeployment // as it was read last
	listed  bool                     // the record was looked for in the list
	heard   Outcome                  // of the list, when the record was read last
	problem string                   // what could not be read

	cursor  Cursor
	failed  int    // as counted by ECS when tasks were read last
	event   string // the newest event of the service that was read
	suspect bool   // something happened for which tasks are to be read
	counts  int    // tasks that failed for a deterministic cause
	crashes int    // tasks that failed since something got better
	groups  []FailureGroup
	early   map[string]bool // tasks that were counted while they were stopping

	// most is the most tasks that ran, better when that was or when the stage
	// changed; explained and recorded are when the supplements were read last;
	// soaking is since when it has succeeded. All by the local clock.
	most                                 int
	better, explained, recorded, soaking time.Time
}

// unseenPolls is for how many polls a deployment that was just started may be
// missing from the list: reads lag behind writes (docs/aws/ecs.md 1.1).
const unseenPolls = 6

// Supplements are the tasks and the service deployment. While nothing changes
// they are read every half minute: a task that crashes after it ran does not
// count as failed (docs/aws/ecs.md 1.3), and a deployment can wait at a hook. They
// may cost supplementRate calls a second in the long run, and supplementBurst at
// once.
const (
	supplements     = 30 * time.Second
	confirm         = 10 * time.Second // while the list says that it is over
	supplementRate  = 0.25
	supplementBurst = 4
)

// look polls every service of which a deployment is not final.
func (f *fleet) look(ctx context.Context) error {
	now := clock.Now(ctx)
	if f.filled.IsZero() {
		f.budget, f.filled = supplementBurst, now
	}
	f.budget = min(supplementBurst, f.budget+supplementRate*now.Sub(f.filled).Seconds())
	f.filled = now
	services, err := f.describe(ctx)
	if err != nil {
		return err
	}
	var open []*watch
	for _, w := range f.watches {
		if !w.last.Outcome.Final() {
			w.notice(services[w.d.Service.String()], now)
			open = append(open, w)
		}
	}
	f.records(ctx, open, services, now)
	for _, w := range open {
		w.last = w.judge(ctx, services[w.d.Service.String()], now)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// describe reads the services, as many in one call as it takes, by name. One that
// is deleted is left out.
func (f *fleet) describe(ctx context.Context) (map[string]*types.Service, error) {
	byCluster := map[string][]string{}
	var clusters []string
	for _, w := range f.watches {
		c := w.d.Service.cluster()
		if w.last.Outcome.Final() || slices.Contains(byCluster[c], w.d.Service.Name) {
			continue
		}
		if byCluster[c] == nil {
			clusters = append(clusters, c)
		}
		byCluster[c] = append(byCluster[c], w.d.Service.Name)
	}
	found := map[string]*types.Service{}
	for _, c := range clusters {
		for names := range slices.Chunk(byCluster[c], servicesPerCall) {
			out, err := f.api.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(c), Services: names})
			if err != nil {
				return nil, err
			}
			for i := range out.Services {
				s := &out.Services[i]
				if aws.ToString(s.Status) == "INACTIVE" {
					continue
				}
				name := aws.ToString(s.ServiceName)
				if len(names) == 1 {
					name = names[0]
				}
				found[Service{Cluster: c, Name: name}.String()] = s
			}
		}
	}
	return found, nil
}

// notice sees what one answer tells without asking for more.
func (w *watch) notice(s *types.Service, now time.Time) {
	w.polled++
	if s == nil {
		return
	}
	d, p := deployment(s, w.d.ID), primary(s)
	w.seen = w.seen || d != nil
	if w.d.Record == "" && d != nil && p == d && aws.ToString(s.CurrentServiceDeployment) != "" && !w.back {
		w.d.Record = *s.CurrentServiceDeployment // while it is PRIMARY this is its record
	}
	if d != nil && int(d.FailedTasks) > w.failed {
		w.failed, w.suspect = int(d.FailedTasks), true
	}
	for _, e := range s.Events {
		if aws.ToString(e.Id) == w.event {
			break
		}
		w.suspect = w.suspect || w.event != "" && telltale(aws.ToString(e.Message))
	}
	if len(s.Events) > 0 {
		w.event = aws.ToString(s.Events[0].Id)
	}
	if d != nil && (int(d.RunningCount) > w.most || w.better.IsZero()) {
		w.most, w.better, w.crashes = int(d.RunningCount), now, 0
	}
	if w.better.IsZero() {
		w.better = now
	}
}

// telltale reports whether an event of a service means that tasks have failed or
// may have (docs/aws/ecs.md 1.3).
func telltale(event string) bool {
	return strings.Contains(event, "unable") || strings.Contains(event, "unhealthy") || strings.Contains(event, "failed") ||
		strings.Contains(event, "has stopped") || strings.Contains(event, "has started")
}

// judge is the outcome by this answer, the record and what was seen before.
func (w *watch) judge(ctx context.Context, s *types.Service, now time.Time) Rollout {
	if s == nil {
		return Rollout{Deployment: w.d.ID, Outcome: outcomeGone, Reason: "service is deleted"}
	}
	r := judge(s, w.d.ID, w.record)
	if !w.seen && r.Outcome == outcomeSuperseded && w.polled <= unseenPolls && r.Primary == w.d.Previous {
		r.Outcome = inProgress
		return r
	}
	bad := r.Outcome.Final() && r.Outcome != outcomeSucceeded && r.Outcome != outcomeScaledToZero && r.Outcome != outcomeSuperseded
	if r.Running < r.Desired && now.Sub(w.explained) >= supplements {
		w.suspect = true
	}
	if bad && len(w.groups) == 0 || w.suspect && w.budget >= 1 || !w.soaking.IsZero() && now.Sub(w.explained) >= supplements {
		w.suspect = false
		w.explain(ctx, now)
	}
	r.Problem = w.problem
	return w.decide(ctx, w.remember(r, s), now)
}

// remember judges by what was seen before, too.
func (w *watch) remember(r Rollout, s *types.Service) Rollout {
	switch r.Outcome {
	case rollingBack, outcomeRolledBack, outcomeRollbackFailed:
		w.back = true
		if w.by == "" || r.By != "" {
			w.by = r.By
		}
	case outcomeSuperseded:
		if w.back { // it was given up before somebody, or the rollback, took its place
			r.Outcome = goingBack(primary(s))
		}
	}
	if w.back && r.By == "" {
		r.By = w.by
	}
	return r
}

// decide says what ECS does not: that it is no use to go on, or not over yet.
func (w *watch) decide(ctx context.Context, r Rollout, now time.Time) Rollout {
	switch {
	case r.Outcome == outcomeSucceeded && w.opts.Soak > 0:
		if w.soaking.IsZero() {
			w.soaking, w.crashes, w.explained = now, 0, now
		}
		switch {
		case w.crashes > 0:
			r.Outcome, r.Reason = outcomeFailed, fmt.Sprintf("it had succeeded, and %d of its tasks failed within %s", w.crashes, now.Sub(w.soaking).Round(time.Second))
		case now.Sub(w.soaking) < w.opts.Soak:
			r.Outcome, r.Reason = inProgress, "it has succeeded and is watched for "+w.opts.Soak.String()
		}
	case r.Outcome != inProgress:
	case w.opts.Patience > 0 && w.counts >= w.opts.Patience:
		r.Outcome, r.Reason = outcomeFailing, w.groups[0].Cause.Summary
	case w.opts.Stall > 0 && r.Stage != string(types.ServiceDeploymentLifecycleStageBakeTime) && now.Sub(w.better) >= w.opts.Stall && (w.crashes >= 3 || r.Running < r.Desired || r.Stage != ""):
		r.Outcome = outcomeStalled
		r.Reason = fmt.Sprintf("no more than %d of %d tasks ran for %s, and %d stopped meanwhile", max(w.most, 0), r.Desired, now.Sub(w.better).Round(time.Second), w.crashes)
		if r.Running >= r.Desired && w.crashes < 3 {
			r.Reason = fmt.Sprintf("stage %s has not ended for %s: look at its lifecycle hooks and at the load balancer", r.Stage, now.Sub(w.better).Round(time.Second))
		}
	}
	if (r.Outcome == outcomeFailing || r.Outcome == outcomeStalled) && w.opts.RollBack != nil {
		if w.asked {
			r.Outcome = rollingBack
			return r
		}
		w.asked = true
		if err := w.opts.RollBack(ctx, w.d); err != nil {
			r.Problem = strings.Join(slices.DeleteFunc([]string{r.Problem, "rollback: " + err.Error()}, func(s string) bool { return s == "" }), "; ")
			return r
		}
		r.Outcome, w.by = rollingBack, "user"
	}
	return r
}
