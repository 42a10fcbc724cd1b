package ecsx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// capture collects the metadata of stopped tasks: what expires first.
type capture struct {
	api  StoppedTasksAPI
	q    Query
	opts StoppedOptions

	mu      sync.Mutex               // while pages are described: guards what follows
	final   map[string]bool          // ids of tasks that have stopped
	fresh   []StoppedTask            // those of them that were not handed over yet
	refused map[string]types.Failure // tasks that ECS would not describe, with why
	seen    map[string]bool          // ids that the cursor has: handed over before
	named   []string                 // the tasks of the query, each once, without those seen
	pending map[string]pendingTask
	// watched are the tasks that were on their way down when enough had stopped:
	// only these are looked at from then on; nil before.
	watched map[string]bool
	rounds  int
	defs    map[string]*types.TaskDefinition
	defErrs map[string]error
	// asOf is the newest time in an answer of AWS: no local clock is compared with
	// AWS's.
	asOf time.Time
}

// pendingTask is a task on its way down.
type pendingTask struct {
	task  types.Task
	since time.Time // by the local clock, when it was first seen so
}

// missingRounds is for how many polls a task that was named may be unknown
// before it counts as forgotten: after RunTask, reads lag
// (docs/aws/ecs.md 1.1).
const missingRounds = 12

// poll reads the tasks once per interval and calls deliver, after each poll,
// with what has become final, in the order in which the tasks began to stop. It
// ends when nothing is to be waited for any more, or with the first error; what
// was seen before the error is delivered first, with it.
func (c *capture) poll(ctx context.Context, deliver func([]StoppedTask, error) error) error {
	for _, err := range awsretry.Every(ctx, c.opts.Interval, func(ctx context.Context) (struct{}, error) { return struct{}{}, c.look(ctx) }, func(o *poll.Options) {
		o.Retried = func(err error) { c.observe("retry", "still trying: "+err.Error()) }
		o.Next = c.next
	}) {
		if err != nil {
			err = fmt.Errorf("%s: %w", c.q, err)
			return cmp.Or(deliver(c.ready(), err), err)
		}
		done := c.done(ctx)
		batch := c.ready()
		if done {
			batch = append(batch, c.stillStopping()...)
		}
		if err := deliver(batch, nil); err != nil {
			return err
		}
		if done {
			return nil
		}
		c.observe("progress", fmt.Sprintf("%d stopped, %d stopping", len(c.final), len(c.pending)))
	}
	return nil
}

// next is the time to the next poll, 0 for the usual one: tasks that were named and
// have yet to start are not about to stop.
func (c *capture) next() time.Duration {
	if len(c.q.Tasks) == 0 || len(c.pending) == 0 {
		return 0
	}
	for _, p := range c.pending {
		starting := aws.ToString(p.task.LastStatus) == "PROVISIONING" || aws.ToString(p.task.LastStatus) == "PENDING"
		if !starting || aws.ToString(p.task.DesiredStatus) == string(types.DesiredStatusStopped) {
			return 0
		}
	}
	return 3 * c.opts.Interval
}

func (c *capture) observe(kind, text string) {
	if c.opts.Observe != nil {
		c.opts.Observe(Event{Kind: kind, Query: c.q, Stopped: len(c.final), Stopping: len(c.pending), Text: text})
	}
}

// stopped notes a task as final.
func (c *capture) stopped(id string, t StoppedTask) {
	delete(c.pending, id)
	delete(c.refused, id)
	if !c.final[id] {
		c.final[id] = true
		c.fresh = append(c.fresh, t)
	}
}

// ready are the final tasks that were not handed over yet.
func (c *capture) ready() []StoppedTask {
	ts := c.fresh
	c.fresh = nil
	slices.SortFunc(ts, func(a, b StoppedTask) int {
		return cmp.Or(a.StoppingAt.Compare(b.StoppingAt), cmp.Compare(a.ARN, b.ARN))
	})
	return ts
}

// stillStopping are the tasks that are not waited for any longer.
func (c *capture) stillStopping() []StoppedTask {
	var ts []StoppedTask
	for _, p := range c.pending {
		if aws.ToString(p.task.DesiredStatus) != string(types.DesiredStatusStopped) {
			continue
		}
		t := stoppedTask(p.task)
		t.Stopping = true
		t.Problem = "the task is still " + aws.ToString(p.task.LastStatus) + ": exit codes and reasons may follow"
		ts = append(ts, t)
	}
	for _, f := range c.refused {
		why := "ECS did not describe the task: " + aws.ToString(f.Reason)
		if d := aws.ToString(f.Detail); d != "" {
			why += ": " + d
		}
		ts = append(ts, StoppedTask{ARN: aws.ToString(f.Arn), Problem: why, unread: true})
	}
	slices.SortFunc(ts, func(a, b StoppedTask) int { return cmp.Compare(a.ARN, b.ARN) })
	return ts
}

// done is true when the wanted number has stopped and every task that was on
// its way down then has arrived, or has been waited for long enough; later ones
// are left for the next call.
func (c *capture) done(ctx context.Context) bool {
	if len(c.q.Tasks) > 0 {
		for _, ref := range c.named {
			id := afterSlash(ref)
			if _, refused := c.refused[id]; !c.final[id] && !refused && !c.overdue(ctx, id) {
				return false
			}
		}
		return true
	}
	if c.watched == nil && len(c.final)+len(c.pending) >= c.opts.AtLeast {
		c.watched = map[string]bool{}
		for id := range c.pending {
			c.watched[id] = true
		}
	}
	if c.watched == nil {
		return false
	}
	if c.opts.AtLeast < 0 {
		return true // take what is there
	}
	for id := range c.watched {
		if _, waiting := c.pending[id]; waiting && !c.overdue(ctx, id) {
			return false
		}
	}
	return true
}

// overdue reports whether a task has been on its way down for longer than
// anybody waits for it.
func (c *capture) overdue(ctx context.Context, id string) bool {
	p, ok := c.pending[id]
	return ok && !p.since.IsZero() && clock.Now(ctx).Sub(p.since) >= c.opts.StopWait
}

// look is one round: list, then describe what is not final yet. Once enough have
// stopped only those on their way down are described.
func (c *capture) look(ctx context.Context) error {
	c.rounds++
	refs := c.named
	if c.watched != nil {
		refs = nil
		for id := range c.watched {
			if _, waiting := c.pending[id]; waiting {
				refs = append(refs, id)
			}
		}
		slices.Sort(refs)
	} else if len(c.q.Tasks) == 0 {
		return c.describing(ctx, func(page func([]string) error) error { return c.q.list(ctx, c.api, page) })
	}
	return c.describing(ctx, func(page func([]string) error) error {
		for chunk := range slices.Chunk(refs, 100) {
			if err := page(chunk); err != nil {
				return err
			}
		}
		return nil
	})
}

// describing describes the pages of tasks that list hands to it, some at a time,
// while list goes on. It returns the first error; what others brought is kept.
func (c *capture) describing(ctx context.Context, list func(page func([]string) error) error) error {
	if c.opts.Parallel <= 1 {
		return list(func(arns []string) error { return c.describe(ctx, arns) })
	}
	g, _ := clock.NewGroup(ctx, c.opts.Parallel)
	var failed error
	err := list(func(arns []string) error {
		c.mu.Lock()
		err := failed
		c.mu.Unlock()
		if err != nil {
			return err
		}
		g.Go(func() error {
			if err := c.describe(ctx, arns); err != nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				if failed == nil {
					failed = err
				}
			}
			return nil // the others go on
		})
		return nil
	})
	_ = g.Wait() // none fails
	return cmp.Or(failed, err)
}

func (c *capture) describe(ctx context.Context, refs []string) error {
	c.mu.Lock()
	todo := slices.DeleteFunc(slices.Clone(refs), func(ref string) bool {
		id := afterSlash(ref)
		return c.final[id] || c.seen[id]
	})
	c.mu.Unlock()
	if len(todo) == 0 {
		return nil
	}
	out, err := c.describeTasks(ctx, todo)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// The date of an answer is AWS's clock too.
	if at, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok && at.After(c.asOf) {
		c.asOf = at
	}
	for _, t := range out.Tasks {
		id := afterSlash(aws.ToString(t.TaskArn))
		for _, at := range []*time.Time{t.CreatedAt, t.StartedAt, t.StoppingAt, t.ExecutionStoppedAt, t.StoppedAt} {
			if at != nil && at.After(c.asOf) {
				c.asOf = *at
			}
		}
		switch {
		case !c.q.wants(t):
		case aws.ToString(t.LastStatus) == "STOPPED":
			c.stopped(id, stoppedTask(t))
		default:
			p := pendingTask{task: t, since: c.pending[id].since}
			if p.since.IsZero() && aws.ToString(t.DesiredStatus) == string(types.DesiredStatusStopped) {
				p.since = clock.Now(ctx)
			}
			c.pending[id] = p
		}
	}
	for _, f := range out.Failures {
		id := afterSlash(aws.ToString(f.Arn))
		p, waiting := c.pending[id]
		named := len(c.q.Tasks) > 0 && !waiting && c.rounds < missingRounds
		if aws.ToString(f.Reason) != "MISSING" {
			c.refused[id] = f
			continue
		}
		if named {
			continue
		}
		t := StoppedTask{ARN: aws.ToString(f.Arn)}
		if waiting { // what was seen of it on its way down is all there will be
			t = stoppedTask(p.task)
		}
		t.Expired, t.Cause = true, Cause{Class: classUnknown, Summary: "ECS has forgotten the task"}
		c.stopped(id, t)
	}
	return nil
}

// definition reads a task definition once; passing means that a later try may
// succeed.
func (c *capture) definition(ctx context.Context, arn string) (def *types.TaskDefinition, passing bool, err error) {
	c.mu.Lock()
	def, known := c.defs[arn]
	err = c.defErrs[arn]
	c.mu.Unlock()
	if known || err != nil {
		return def, false, err
	}
	out, err := awsretry.Read(ctx, c.opts.Interval, readTries, func(ctx context.Context) (*ecs.DescribeTaskDefinitionOutput, error) {
		return c.api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.defs[arn] = out.TaskDefinition // immutable
		return out.TaskDefinition, false, nil
	}
	if passing = ctx.Err() != nil || passes(err); ctx.Err() == nil {
		err = fmt.Errorf("task definition %s: %w", afterSlash(arn), err)
	}
	if !passing {
		c.defErrs[arn] = err
	}
	return nil, passing, err
}

// definitions reads the task definitions of the tasks, some at a time. What fails
// is tried again, and noted, when the task is defined.
func (c *capture) definitions(ctx context.Context, ts []StoppedTask) {
	asked, arns := map[string]bool{"": true}, []string(nil)
	for _, t := range ts {
		if arn := t.TaskDefinition; !asked[arn] && c.defs[arn] == nil {
			asked[arn] = true
			arns = append(arns, arn)
		}
	}
	if len(arns) < 2 || c.opts.Parallel <= 1 {
		return // each is read where it is needed
	}
	g, _ := clock.NewGroup(ctx, c.opts.Parallel)
	for _, arn := range arns {
		g.Go(func() error { _, _, _ = c.definition(ctx, arn); return nil })
	}
	_ = g.Wait() // none fails
}

// define fills in what only the task definition knows. A failure stays on the
// record.
func (c *capture) define(ctx context.Context, t *StoppedTask) {
	if t.TaskDefinition == "" {
		c.reconstruct(ctx, t)
		return
	}
	def, passing, err := c.definition(ctx, t.TaskDefinition)
	if err != nil {
		t.Problem, t.unread = err.Error(), passing
		return
	}
	for i := range t.Containers {
		x := &t.Containers[i]
		var d types.ContainerDefinition
		found := false
		for _, cd := range def.ContainerDefinitions {
			if aws.ToString(cd.Name) == x.Name {
				d, found = cd, true
			}
		}
		if found && d.Essential != nil {
			x.Essential = *d.Essential
		} else if !found {
			x.Essential = false // injected by ECS
		}
		x.Log = locate(d, found, *x, t.ARN, t.region)
	}
}

// settle is how long the log agent may lag behind a container
// (docs/aws/ecs.md 1.6): the driver flushes every 5 s and creates streams with
// a back-off of up to 32 s.
const (
	settle       = 10 * time.Second
	settleRounds = 5
)

// readTries is how often a read is tried that the SDK has given up on.
const readTries = 6

// stopWait is longer than the longest stop timeout of Fargate, 120 s
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html).
const stopWait = 3 * time.Minute

// logWindow is how long before its end a task's log is read.
const logWindow = 15 * time.Minute
