package ecsx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// capture collects the metadata of stopped tasks: what expires first.
type capture struct {
	api  StoppedTasksAPI
	q    Query
	opts StoppedOptions

	final   map[string]StoppedTask
	seen    map[string]bool // ids that the cursor has: handed over before
	named   []string        // the tasks of the query, each once, without those seen
	pending map[string]bool // seen on the way down
	watched map[string]bool // pending when enough had stopped: waited for
	rounds  int
	defs    map[string]*types.TaskDefinition
	defErrs map[string]error
}

// missingRounds is for how many polls a task that was named may be unknown
// before it counts as forgotten: after RunTask, reads lag
// (docs/aws/ecs.md 1.1).
const missingRounds = 12

// wait polls until enough tasks have stopped, and returns them in the order in
// which they began to stop.
func (c *capture) wait(ctx context.Context) ([]StoppedTask, error) {
	for _, err := range awsretry.Every(ctx, c.opts.Interval, func(ctx context.Context) (struct{}, error) { return struct{}{}, c.look(ctx) }, func(o *poll.Options) {
		o.Retried = func(err error) { c.observe("still trying: " + err.Error()) }
	}) {
		if err != nil {
			if len(c.final) > 0 && ctx.Err() != nil {
				return c.sorted(), fmt.Errorf("%s: %w", c.q, err)
			}
			return nil, fmt.Errorf("%s: %w", c.q, err)
		}
		if c.enough() {
			break
		}
		c.observe(fmt.Sprintf("%d stopped, %d stopping", len(c.final), len(c.pending)))
	}
	return c.sorted(), nil
}

func (c *capture) observe(s string) {
	if c.opts.Observe != nil {
		c.opts.Observe(StoppedEvent{Query: c.q, Text: s})
	}
}

func (c *capture) sorted() []StoppedTask {
	ts := make([]StoppedTask, 0, len(c.final))
	for _, t := range c.final {
		ts = append(ts, t)
	}
	slices.SortFunc(ts, func(a, b StoppedTask) int {
		return cmp.Or(a.StoppingAt.Compare(b.StoppingAt), cmp.Compare(a.ARN, b.ARN))
	})
	return ts
}

// enough is true when the wanted number has stopped and every task that was on
// its way down then has arrived; later ones are left for the next call.
func (c *capture) enough() bool {
	if len(c.q.Tasks) > 0 {
		return len(c.final) == len(c.named)
	}
	if c.watched == nil && len(c.final)+len(c.pending) >= c.opts.AtLeast {
		c.watched = map[string]bool{}
		for arn := range c.pending {
			c.watched[arn] = true
		}
	}
	if c.watched == nil {
		return false
	}
	for arn := range c.watched {
		if c.pending[arn] {
			return false
		}
	}
	return true
}

// look is one round: list, then describe what is not final yet.
func (c *capture) look(ctx context.Context) error {
	c.rounds++
	if len(c.q.Tasks) > 0 {
		for chunk := range slices.Chunk(c.named, 100) {
			if err := c.describe(ctx, chunk); err != nil {
				return err
			}
		}
		return nil
	}
	return c.q.list(ctx, c.api, func(arns []string) error { return c.describe(ctx, arns) })
}

func (c *capture) describe(ctx context.Context, refs []string) error {
	todo := slices.DeleteFunc(slices.Clone(refs), func(ref string) bool {
		_, done := c.final[afterSlash(ref)]
		return done || c.seen[afterSlash(ref)]
	})
	if len(todo) == 0 {
		return nil
	}
	out, err := c.api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cmp.Or(c.q.Cluster, "default")), Tasks: todo})
	if err != nil {
		return err
	}
	for _, t := range out.Tasks {
		id := afterSlash(aws.ToString(t.TaskArn))
		switch {
		case !c.q.wants(t):
		case aws.ToString(t.LastStatus) == "STOPPED":
			delete(c.pending, id)
			c.final[id] = stoppedTask(t)
		default:
			c.pending[id] = true
		}
	}
	for _, f := range out.Failures {
		id := afterSlash(aws.ToString(f.Arn))
		named := len(c.q.Tasks) > 0 && !c.pending[id] && c.rounds < missingRounds
		if aws.ToString(f.Reason) != "MISSING" || named {
			continue
		}
		delete(c.pending, id)
		c.final[id] = StoppedTask{ARN: aws.ToString(f.Arn), Expired: true, Cause: Cause{Class: ClassUnknown, Summary: "ECS has forgotten the task"}}
	}
	return nil
}

// define fills in what only the task definition knows. A failure stays on the
// record.
func (c *capture) define(ctx context.Context, t *StoppedTask) {
	if t.TaskDefinition == "" {
		return
	}
	def, known := c.defs[t.TaskDefinition]
	err := c.defErrs[t.TaskDefinition]
	if !known && err == nil {
		var out *ecs.DescribeTaskDefinitionOutput
		out, err = c.api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &t.TaskDefinition})
		if err != nil {
			c.defErrs[t.TaskDefinition] = fmt.Errorf("task definition %s: %w", afterSlash(t.TaskDefinition), err)
		} else {
			def = out.TaskDefinition
			c.defs[t.TaskDefinition] = def // immutable
		}
		err = c.defErrs[t.TaskDefinition]
	}
	if err != nil {
		t.Problem = err.Error()
	}
	if def == nil {
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
