package ecsx

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// StoppedTasksAPI is ListTasks, DescribeTasks and DescribeTaskDefinition of
// *ecs.Client.
type StoppedTasksAPI interface {
	ecs.ListTasksAPIClient
	ecs.DescribeTasksAPIClient
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// LogsAPI is FilterLogEvents of *cloudwatchlogs.Client.
type LogsAPI interface {
	cloudwatchlogs.FilterLogEventsAPIClient
}

// StoppedOptions change [StoppedTasks] and [WaitStoppedTaskLogs]. The zero
// value is the default.
type StoppedOptions struct {
	// Interval is the time between polls. Defaults to 5 s.
	Interval time.Duration
	// AtLeast is how many tasks must have stopped before the waiting ends.
	// Defaults to 1; a negative value means none: take what is there. It has no
	// meaning for a [Query] that names tasks: all of them are waited for.
	AtLeast int
	// Settle is how long logs are given to arrive, before they are first read
	// and again, up to five times, while a stream is missing or empty. Defaults
	// to 10 s; a negative value means no pause and one reading.
	Settle time.Duration
	// TailLines is how many lines of each log are kept, the newest. 0 means
	// all.
	TailLines int
	// LogsOf is which tasks' logs are read. Defaults to [FirstAndLast].
	LogsOf LogSelection
	// Cursor, where not nil, leaves out the tasks it has seen and remembers
	// those that were handed over.
	Cursor *Cursor
	// Observe is told about progress. It must not block for long.
	Observe func(StoppedEvent)
}

// LogSelection is which logs are read of tasks that stopped in the same way.
type LogSelection int

const (
	// FirstAndLast reads the logs of the first and the last task of a crash
	// loop; those between point to the first.
	FirstAndLast LogSelection = iota
	// EveryTask reads all logs.
	EveryTask
	// NoTask reads none.
	NoTask
)

// StoppedEvent is progress of a wait for stopped tasks.
type StoppedEvent struct {
	Query Query
	Text  string
}

// String is one line.
func (e StoppedEvent) String() string { return e.Query.String() + ": " + e.Text }

// StoppedTasks waits until tasks of q have stopped and then yields every
// stopped task once, in the order in which they began to stop, classified and
// with its logs. All metadata is read before the first log, because ECS
// forgets a stopped task about an hour after it stopped and CloudWatch Logs
// does not.
//
// A task that ECS forgot in the meantime is yielded with Expired set, one whose
// logs or task definition could not be read with what is known. An error is
// yielded at most once, last, with a zero task. When ctx ends early, the tasks
// seen so far are yielded before the error, without logs. The sequence can be
// ranged over once; breaking off is fine.
//
// Calls ecs:ListTasks, ecs:DescribeTasks, ecs:DescribeTaskDefinition,
// logs:FilterLogEvents: for N tasks with S log streams of one group and D task
// definitions ⌈N/100⌉ + ⌈N/100⌉ + D + ⌈S/100⌉, more only for long logs and
// missing streams. Safe to repeat.
func StoppedTasks(ctx context.Context, tasks StoppedTasksAPI, logs LogsAPI, q Query, optFns ...func(*StoppedOptions)) iter.Seq2[StoppedTask, error] {
	var o StoppedOptions
	for _, fn := range optFns {
		fn(&o)
	}
	o.Interval = cmp.Or(o.Interval, 5*time.Second)
	o.Settle = cmp.Or(o.Settle, settle)
	o.AtLeast = cmp.Or(o.AtLeast, 1)
	c := &capture{
		api: tasks, q: q, opts: o, final: map[string]StoppedTask{}, pending: map[string]bool{},
		defs: map[string]*types.TaskDefinition{}, defErrs: map[string]error{},
	}
	c.seen = o.Cursor.ids()
	c.named = unseen(q.Tasks, c.seen)
	r := &logReader{api: logs, limit: o.TailLines, pause: o.Settle, rounds: settleRounds}
	return func(yield func(StoppedTask, error) bool) {
		ts, err := c.wait(ctx)
		if err == nil {
			err = each(ctx, c, r, ts, yield)
		} else {
			for _, t := range ts {
				if !t.Expired {
					t.Cause = Classify(t)
				}
				if !yield(t, nil) {
					return
				}
			}
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(StoppedTask{}, err)
		}
	}
}

// WaitStoppedTaskLogs waits until tasks of q have stopped and hands every
// stopped task, with reasons, exit codes, cause and logs, to sink; see
// [StoppedTasks], which it folds. It returns nil when sink has had every task
// that had stopped, and sink's error when sink returned one.
//
// Calls ecs:ListTasks, ecs:DescribeTasks, ecs:DescribeTaskDefinition,
// logs:FilterLogEvents. Safe to repeat; with a [Cursor] a later call hands over
// only new tasks.
func WaitStoppedTaskLogs(ctx context.Context, tasks StoppedTasksAPI, logs LogsAPI, q Query, sink func(StoppedTask) error, optFns ...func(*StoppedOptions)) error {
	for t, err := range StoppedTasks(ctx, tasks, logs, q, optFns...) {
		if err != nil {
			return err
		}
		if err := sink(t); err != nil {
			return err
		}
	}
	return nil
}

// unseen are the named tasks, each once, without those whose ids were handed
// over before.
func unseen(refs []string, seen map[string]bool) []string {
	var out []string
	known := map[string]bool{}
	for _, ref := range refs {
		id := afterSlash(ref)
		if !seen[id] && !known[id] {
			known[id] = true
			out = append(out, ref)
		}
	}
	return out
}

// errStopped means that the consumer broke off.
var errStopped = errors.New("consumer broke off")

// each reads logs batch by batch, so that memory holds one batch of lines, and
// yields the tasks in order.
func each(ctx context.Context, c *capture, r *logReader, ts []StoppedTask, yield func(StoppedTask, error) bool) error {
	samples := sample(ts, c.opts.LogsOf)
	settled := c.opts.Settle <= 0
	var batch []StoppedTask
	streams := map[group]int{}
	flush := func() error {
		var read []*StoppedContainer
		var since time.Time
		for i := range batch {
			t := &batch[i]
			for j := range t.Containers {
				x := &t.Containers[j]
				if x.Log.State == LogNotRead && x.Log.Group != "" && t.Like == "" && c.opts.LogsOf != NoTask {
					read = append(read, x)
					if since.IsZero() || t.CreatedAt.Before(since) {
						since = t.CreatedAt
					}
				}
			}
		}
		if len(read) > 0 && !settled {
			settled = true
			if err := poll.Sleep(ctx, c.opts.Settle); err != nil {
				return err
			}
		}
		if err := r.read(ctx, read, since); err != nil {
			return err
		}
		for _, t := range batch {
			for j := range t.Containers {
				t.Containers[j].Log.trim(c.opts.TailLines)
			}
			if !t.Expired {
				t.Cause = Classify(t)
			}
			if !yield(t, nil) {
				return errStopped
			}
			c.opts.Cursor.add(t)
		}
		batch = batch[:0]
		clear(streams)
		return nil
	}
	for i, t := range ts {
		c.define(ctx, &t)
		if ctx.Err() != nil {
			return poll.Ended(ctx, nil)
		}
		t.Like = samples[i]
		full := false
		for _, x := range t.Containers {
			k := group{x.Log.Region, x.Log.Group}
			if t.Like == "" && x.Log.State == LogNotRead && x.Log.Group != "" {
				streams[k]++
				full = full || streams[k] > streamsPerCall
			}
		}
		if full || len(batch) >= maxBatch {
			if err := flush(); err != nil {
				return err
			}
			for _, x := range t.Containers {
				if t.Like == "" && x.Log.State == LogNotRead && x.Log.Group != "" {
					streams[group{x.Log.Region, x.Log.Group}]++
				}
			}
		}
		batch = append(batch, t)
	}
	return flush()
}

// maxBatch bounds the tasks held with their lines.
const maxBatch = 1000

// sample says, per task, whose logs stand for its own: "" for the first and
// last of each crash loop, the first one's ARN for those between.
func sample(ts []StoppedTask, sel LogSelection) []string {
	like := make([]string, len(ts))
	if sel != FirstAndLast {
		return like
	}
	first, last := map[string]int{}, map[string]int{}
	for i, t := range ts {
		k := t.likeness()
		if _, ok := first[k]; !ok {
			first[k] = i
		}
		last[k] = i
	}
	for i, t := range ts {
		k := t.likeness()
		if i != first[k] && i != last[k] {
			like[i] = ts[first[k]].ARN
		}
	}
	return like
}
