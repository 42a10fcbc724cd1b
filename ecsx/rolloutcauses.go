package ecsx

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/internal/clock"
)

// explain reads why tasks of the deployment stopped, without their logs. What
// may not be read makes the answer poorer and does not end it.
func (w *watch) explain(ctx context.Context, now time.Time) {
	w.explained = now
	if w.early == nil {
		w.early = map[string]bool{}
	}
	api := &counting{StoppedTasksAPI: w.api}
	q := Query{Cluster: w.d.Service.cluster(), Deployment: w.d.ID}
	for t, err := range StoppedTasks(ctx, api, nil, q, func(o *StoppedOptions) {
		o.AtLeast, o.Cursor, o.Settle, o.Interval = -1, &w.cursor, -1, w.opts.Interval
	}) {
		if err != nil {
			if ctx.Err() == nil {
				w.problem = "stopped tasks: " + err.Error()
			}
			break
		}
		// One that is still stopping has its reason already, if it never ran.
		sure := t.Cause.Class.Deterministic()
		if !t.Failed() || t.Stopping && !sure || w.early[t.ARN] {
			continue
		}
		if t.Stopping {
			w.early[t.ARN] = true
		}
		w.groups = addFailure(w.groups, t)
		w.crashes++
		if sure {
			w.counts++
		}
	}
	w.budget -= float64(api.calls)
	sortGroups(w.groups)
}

// maxPages is how many pages of a deployment's stopped tasks are listed at a time
// during a rollout: the next pages would tell the same cause.
const maxPages = 3

// counting counts the calls that reading tasks cost, and bounds them.
type counting struct {
	StoppedTasksAPI
	calls, pages int
}

func (c *counting) ListTasks(ctx context.Context, in *ecs.ListTasksInput, optFns ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	c.calls++
	c.pages++
	out, err := c.StoppedTasksAPI.ListTasks(ctx, in, optFns...)
	if err == nil && c.pages >= maxPages {
		out.NextToken = nil
	}
	return out, err
}

func (c *counting) DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput, optFns ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	c.calls++
	return c.StoppedTasksAPI.DescribeTasks(ctx, in, optFns...)
}

// causes puts what is known of the failures into e, with log excerpts where they
// may be read.
func (w *watch) causes(ctx context.Context, e *RolloutError) {
	if w.opts.Logs != nil && len(w.groups) > 0 && clock.Err(ctx) == nil {
		var groups []FailureGroup
		q := Query{Cluster: w.d.Service.cluster(), Deployment: w.d.ID}
		for t, err := range StoppedTasks(ctx, w.api, w.opts.Logs, q, func(o *StoppedOptions) {
			o.AtLeast, o.TailLines, o.Interval = -1, 50, w.opts.Interval
		}) {
			if err != nil {
				e.Last.Problem = strings.TrimPrefix(e.Last.Problem+"; logs: "+err.Error(), "; ")
				break
			}
			if t.Failed() && !t.Stopping {
				groups = addFailure(groups, t)
			}
		}
		if total(groups) >= total(w.groups) {
			w.groups = groups
		}
		sortGroups(w.groups)
	}
	e.Causes = w.groups
	if len(w.groups) > 0 {
		e.Cause = &w.groups[0].Cause
	}
}
