package ecsx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// streamsPerCall is the most log streams one FilterLogEvents call takes.
const streamsPerCall = 100

type group struct{ region, name string }

// logReader reads the logs of containers, many streams a call.
type logReader struct {
	api   LogsAPI
	limit int
	pause time.Duration
	// rounds is how many more times the reader waits for late streams.
	rounds int
}

// read fills in the logs of all containers that have one to read, and waits
// for streams that are late as long as it has rounds left.
func (r *logReader) read(ctx context.Context, containers []*StoppedContainer, since time.Time) error {
	todo := containers
	for {
		byGroup := map[group][]*StoppedContainer{}
		for _, c := range todo {
			k := group{c.Log.Region, c.Log.Group}
			byGroup[k] = append(byGroup[k], c)
		}
		for k, cs := range byGroup {
			for chunk := range slices.Chunk(cs, streamsPerCall) {
				if err := r.filter(ctx, k, chunk, since); err != nil {
					return err
				}
			}
		}
		todo = slices.DeleteFunc(slices.Clone(todo), func(c *StoppedContainer) bool {
			return c.Log.State != LogStreamMissing && c.Log.State != LogEmpty
		})
		if len(todo) == 0 || r.rounds <= 0 || r.pause <= 0 {
			return nil
		}
		r.rounds--
		if err := poll.Sleep(ctx, r.pause); err != nil {
			return err
		}
	}
}

// filter reads the streams of one group. One stream that is not there makes
// the whole call fail, so the streams are halved until it is found
// (docs/aws/ecs.md 1.6).
func (r *logReader) filter(ctx context.Context, g group, cs []*StoppedContainer, since time.Time) error {
	byStream := make(map[string]*StoppedContainer, len(cs))
	streams := make([]string, 0, len(cs))
	for _, c := range cs {
		c.Log.Lines, c.Log.Dropped, c.Log.Problem = nil, 0, ""
		byStream[c.Log.Stream] = c
		streams = append(streams, c.Log.Stream)
	}
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &g.name, LogStreamNames: streams}
	if !since.IsZero() {
		in.StartTime = aws.Int64(since.UnixMilli())
	}
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(r.api, in)
	for pages.HasMorePages() {
		out, err := retried(ctx, func() (*cloudwatchlogs.FilterLogEventsOutput, error) {
			return pages.NextPage(ctx, func(o *cloudwatchlogs.Options) {
				if g.region != "" {
					o.Region = g.region // awslogs-region may be another than the task's
				}
			})
		}, r.pause)
		if ctx.Err() != nil {
			return poll.Ended(ctx, err)
		}
		if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
			if len(cs) == 1 {
				cs[0].Log.State, cs[0].Log.Problem = LogStreamMissing, err.Error()
				return nil
			}
			half := len(cs) / 2
			return errors.Join(r.filter(ctx, g, cs[:half], since), r.filter(ctx, g, cs[half:], since))
		}
		if err != nil {
			// Such as no permission: it must not hide what ECS said.
			for _, c := range cs {
				c.Log.State, c.Log.Problem = LogPartial, fmt.Sprintf("log group %s: %v", g.name, err)
			}
			return nil
		}
		for _, e := range out.Events {
			if c := byStream[aws.ToString(e.LogStreamName)]; c != nil {
				c.Log.add(Line{Time: time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC(), Message: aws.ToString(e.Message)}, r.limit)
			}
		}
	}
	for _, c := range cs {
		c.Log.State = LogComplete
		if len(c.Log.Lines) == 0 {
			c.Log.State = LogEmpty
		}
	}
	return nil
}

// retried repeats a call that fails for a passing reason, a few times beyond
// the SDK's own.
func retried[T any](ctx context.Context, call func() (T, error), pause time.Duration) (T, error) {
	for n := 0; ; n++ {
		v, err := call()
		if err == nil || n == 5 || !awsretry.Transient(err) {
			return v, err
		}
		if serr := poll.Sleep(ctx, max(pause, time.Millisecond)); serr != nil {
			return v, serr
		}
	}
}

// add appends a line and drops the oldest beyond limit.
func (l *Log) add(line Line, limit int) {
	l.Lines = append(l.Lines, line)
	if over := len(l.Lines) - 2*limit; limit > 0 && over >= 0 {
		l.Dropped += len(l.Lines) - limit
		l.Lines = slices.Clone(l.Lines[len(l.Lines)-limit:])
	}
}

// trim cuts what add left over the limit.
func (l *Log) trim(limit int) {
	if over := len(l.Lines) - limit; limit > 0 && over > 0 {
		l.Dropped += over
		l.Lines = l.Lines[over:]
	}
}
