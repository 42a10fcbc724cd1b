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
)

// StoppedTasksAPI is ListTasks, DescribeTasks and DescribeTaskDefinition of
// *ecs.Client.
type StoppedTasksAPI interface {
	ecs.ListTasksAPIClient
	ecs.DescribeTasksAPIClient
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// StoppedOptions change [StoppedTasks] and [WaitStoppedTaskLogs]. The zero
// value is the default.
type StoppedOptions struct {
	// Interval is the time between polls. Defaults to 5 s.
	Interval time.Duration
	// AtLeast is how many tasks must have stopped before the waiting ends.
	// Defaults to 1, or to none where [Query] has Since; a negative value means
	// none: take what is there. It has no meaning for a Query that names tasks: all
	// of them are waited for.
	AtLeast int
	// StopWait is the longest wait for a task that is on its way down, once enough
	// have stopped; then it is handed over with Stopping set. Defaults to 3 minutes.
	StopWait time.Duration
	// Window is how long before its end a task's log is read. Defaults to 15
	// minutes; a negative value means from its start.
	Window time.Duration
	// AsOf is a time of AWS's that has passed, such as that of the newest event
	// known: logs of tasks that stopped longer than Settle before it are not waited
	// for. Defaults to the newest time of the tasks themselves.
	AsOf time.Time
	// Settle is how long logs are given to arrive, before they are first read
	// and again, up to five times, while a stream is missing or empty. Defaults
	// to 10 s; a negative value means no pause and one reading.
	Settle time.Duration
	// TailLines is how many lines of each log are kept, the newest. 0 means
	// all.
	TailLines int
	// Parallel is how many calls of one kind are under way at once, where one does not
	// wait for another's answer. Defaults to 1: FilterLogEvents is let through 5 to 25
	// times a second. With clients of [Limit], 4 make use of what it allows.
	Parallel int
	// EveryLog reads the logs of every task. Without it, those of tasks that stopped
	// in the same way are read of the first and the last alone: those between point
	// to the first. A task that was merely replaced has none read.
	EveryLog bool
	// Cursor, where not nil, leaves out the tasks it has seen and remembers
	// those that were handed over.
	Cursor *Cursor
	// Stopper, where not nil, stops the tasks that [TaskSpec.RunTask] or [TaskSpec.RunTasks] started
	// and that have not stopped when ctx ends, such as an *ecs.Client
	// (ecs:StopTask). Other functions do not use it.
	Stopper interface {
		StopTask(context.Context, *ecs.StopTaskInput, ...func(*ecs.Options)) (*ecs.StopTaskOutput, error)
	}
	// Observe is called with the progress, in order. It must not block for long.
	Observe func(Event)
}

// StoppedTasks yields the tasks of q that have stopped, classified and with
// their logs, each once and as soon as it is known, until at least AtLeast have
// stopped. Of what one poll finds, all metadata is read before the first log,
// because ECS forgets a stopped task about an hour after it stopped and
// CloudWatch Logs does not; it is yielded in the order in which the tasks began
// to stop.
//
// A task that is slow to stop does not hold up the others: it follows when it
// has stopped or, after StopWait, with Stopping set. One that ECS forgot in the
// meantime is yielded with Expired set, one whose logs or task definition could
// not be read with what is known and Problem. An error is yielded at most once,
// last, with a zero task: what was seen before it, also when ctx ends, is
// yielded first, without the logs that were not read. With a Cursor a later call
// yields again what lacks something for a reason that may pass. The sequence can
// be ranged over once; the caller may stop early.
//
// With Query.Since the tasks that ECS has forgotten follow, with what their log
// groups still have of them. A log group that could not be searched is named in
// the error that comes last.
//
// With nil for logs no log is read, and forgotten tasks are not found: with Since
// that is the error that comes last.
//
// Calls ecs:ListTasks, ecs:DescribeTasks, ecs:DescribeTaskDefinition,
// logs:FilterLogEvents: for N tasks with S log streams of one group and D task
// definitions ⌈N/100⌉ + ⌈N/100⌉ + D + ⌈S/100⌉, more only for long logs and
// missing streams, and with Since one per 10,000 lines of each container. Safe to
// repeat.
func StoppedTasks(ctx context.Context, tasks StoppedTasksAPI, logs cloudwatchlogs.FilterLogEventsAPIClient, q Query, optFns ...func(*StoppedOptions)) iter.Seq2[StoppedTask, error] {
	var o StoppedOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	o.Interval = cmp.Or(o.Interval, 5*time.Second)
	o.Settle = cmp.Or(o.Settle, settle)
	if o.AtLeast == 0 && !q.Since.IsZero() {
		o.AtLeast = -1 // what was is asked for
	}
	o.AtLeast = cmp.Or(o.AtLeast, 1)
	o.StopWait = cmp.Or(o.StopWait, stopWait)
	o.Window = cmp.Or(o.Window, logWindow)
	c := &capture{
		api: tasks, q: q, opts: o, final: map[string]bool{}, refused: map[string]types.Failure{}, pending: map[string]pendingTask{}, asOf: o.AsOf,
		defs: map[string]*types.TaskDefinition{}, defErrs: map[string]error{},
	}
	c.seen = o.Cursor.ids()
	c.named = unseen(q.Tasks, c.seen)
	d := &delivery{c: c, loops: map[string]int{}, r: &logReader{api: logs, limit: o.TailLines, pause: o.Settle, parallel: max(1, o.Parallel)}}
	return func(yield func(StoppedTask, error) bool) {
		defer o.Cursor.prune()
		d.yield = yield
		err := c.poll(ctx, func(ts []StoppedTask, cut error) error { return d.deliver(ctx, ts, cut) })
		if _, gone := errors.AsType[*types.ClusterNotFoundException](err); (err == nil || gone) && !q.Since.IsZero() && len(q.Tasks) == 0 {
			if logs == nil {
				err = errors.Join(err, errors.New("tasks that ECS has forgotten are found by their logs only: give a client of CloudWatch Logs"))
			} else {
				err = d.forgotten(ctx, gone)
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
func WaitStoppedTaskLogs(ctx context.Context, tasks StoppedTasksAPI, logs cloudwatchlogs.FilterLogEventsAPIClient, q Query, sink func(StoppedTask) error, optFns ...func(*StoppedOptions)) error {
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
