package ecsx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// streamsPerCall is the most log streams one FilterLogEvents call takes.
const streamsPerCall = 100

type group struct{ region, name string }

func (g group) String() string { return "log group " + g.name }

// logReader reads the logs of containers, many streams a call, and remembers
// what is not there.
type logReader struct {
	api   cloudwatchlogs.FilterLogEventsAPIClient
	limit int
	pause time.Duration
	// parallel is how many calls are under way at once.
	parallel int
	known    map[group]bool   // groups of which something was read
	mu       sync.Mutex       // guards gone and silent while several calls are under way
	gone     map[group]string // groups that do not exist, with what CloudWatch Logs said
	// silent are the containers of which no stream has an event in the time of the
	// whole list, from and to.
	silent   map[silence]bool
	from, to *int64
}

// begin forgets what is true of one list of containers only.
func (r *logReader) begin(all []*StoppedContainer) {
	r.silent = map[silence]bool{}
	r.from, r.to = span(all)
}

// silence is a container name of a group of whose streams none has an event.
type silence struct {
	group
	container string
}

// read fills in the logs of the containers, each of which has one to read.
func (r *logReader) read(ctx context.Context, containers []*StoppedContainer) error {
	byGroup := map[group][]*StoppedContainer{}
	for _, c := range containers {
		k := group{c.Log.Region, c.Log.Group}
		byGroup[k] = append(byGroup[k], c)
	}
	// The first call of a group may show that it is not there, or that a container
	// writes nothing: what that saves is seen before the others are made.
	var first, rest []part
	for _, k := range slices.SortedFunc(maps.Keys(byGroup), func(a, b group) int { return strings.Compare(a.region+a.name, b.region+b.name) }) {
		for chunk := range slices.Chunk(byGroup[k], streamsPerCall) {
			if r.known == nil {
				r.known = map[group]bool{}
			}
			if !r.known[k] {
				r.known[k] = true
				first = append(first, part{k, chunk})
			} else {
				rest = append(rest, part{k, chunk})
			}
		}
	}
	for _, parts := range [][]part{first, rest} {
		g, gctx := clock.NewGroup(ctx, r.parallel)
		for _, p := range parts {
			if r.parallel > 1 {
				g.Go(func() error { return r.part(gctx, p) })
			} else if err := r.part(ctx, p); err != nil {
				return err
			}
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// part is containers of one group that fit into one call.
type part struct {
	group
	containers []*StoppedContainer
}

func (r *logReader) part(ctx context.Context, p part) error {
	return r.chunk(ctx, p.group, slices.DeleteFunc(slices.Clone(p.containers), func(c *StoppedContainer) bool {
		silent := r.isSilent(silence{p.group, c.Name})
		if silent {
			c.Log.State, c.Log.Problem = logStreamMissing, "no stream of container "+c.Name+" has an event in that time"
		}
		return silent
	}))
}

func (r *logReader) isSilent(s silence) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.silent[s]
}

func (r *logReader) isGone(g group) (why string, gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	why, gone = r.gone[g]
	return why, gone
}

// chunk reads the streams of one group. One stream that is not there makes the
// whole call fail (docs/aws/ecs.md 1.6). Then the containers are read apart by
// name; of a name whose stream is missing it is asked whether any stream of that
// name has an event, because a container that writes nothing has none in every
// task; and only what is left is halved until the missing one is found.
func (r *logReader) chunk(ctx context.Context, g group, cs []*StoppedContainer) error {
	if len(cs) == 0 {
		return nil
	}
	err := r.filter(ctx, g, cs)
	if !errors.Is(err, errMissing) {
		return err
	}
	return r.missing(ctx, g, cs)
}

// missing reads containers of which at least one has no stream.
func (r *logReader) missing(ctx context.Context, g group, cs []*StoppedContainer) error {
	if text, gone := r.isGone(g); gone {
		for _, c := range cs {
			c.Log.State, c.Log.Problem = logStreamMissing, text
		}
		return nil
	}
	if len(cs) == 1 {
		cs[0].Log.State, cs[0].Log.Problem = logStreamMissing, "log stream "+cs[0].Log.Stream+" does not exist"
		return nil
	}
	byName := map[string][]*StoppedContainer{}
	for _, c := range cs {
		byName[c.Name] = append(byName[c.Name], c)
	}
	if len(byName) > 1 {
		names, whole := slices.Sorted(maps.Keys(byName)), true
		for i, name := range names {
			read := r.chunk
			if whole && i == len(names)-1 {
				read = r.missing // all others had theirs
			}
			if err := read(ctx, g, byName[name]); err != nil {
				return err
			}
			whole = whole && !slices.ContainsFunc(byName[name], func(c *StoppedContainer) bool { return c.Log.State == logStreamMissing })
		}
		return nil
	}
	if key := (silence{g, cs[0].Name}); !r.isSilent(key) {
		none, err := r.none(ctx, g, cs[0])
		if err != nil {
			return err
		}
		if none {
			r.mu.Lock()
			r.silent[key] = true
			r.mu.Unlock()
			for _, c := range cs {
				c.Log.State, c.Log.Problem = logStreamMissing, "no stream of container "+c.Name+" has an event in that time"
			}
			return nil
		}
	}
	half := len(cs) / 2
	if err := r.halves(ctx, g, cs[:half]); err != nil {
		return err
	}
	return r.halves(ctx, g, cs[half:])
}

// halves finds the streams that are missing among those of one container name.
func (r *logReader) halves(ctx context.Context, g group, cs []*StoppedContainer) error {
	err := r.filter(ctx, g, cs)
	switch {
	case !errors.Is(err, errMissing):
		return err
	case len(cs) == 1:
		cs[0].Log.State, cs[0].Log.Problem = logStreamMissing, "log stream "+cs[0].Log.Stream+" does not exist"
		return nil
	}
	half := len(cs) / 2
	if err := r.halves(ctx, g, cs[:half]); err != nil {
		return err
	}
	return r.halves(ctx, g, cs[half:])
}

// none reports whether no stream of the container's name has an event in the
// time of the whole list.
func (r *logReader) none(ctx context.Context, g group, c *StoppedContainer) (bool, error) {
	i := strings.LastIndexByte(c.Log.Stream, '/')
	if i < 0 {
		return false, nil // named by the runtime: there is no common prefix
	}
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &g.name, LogStreamNamePrefix: aws.String(c.Log.Stream[:i+1]), Limit: aws.Int32(1)}
	in.StartTime, in.EndTime = r.from, r.to
	for {
		out, err := r.call(ctx, g, in)
		if err != nil {
			if ctx.Err() != nil {
				return false, poll.Ended(ctx, err)
			}
			return false, nil // the streams are read one by one instead
		}
		if len(out.Events) > 0 || out.NextToken == nil {
			return len(out.Events) == 0, nil
		}
		in.NextToken = out.NextToken
	}
}

// span is the time from the first start to the last end, as CloudWatch Logs
// takes it; nil is open.
func span(cs []*StoppedContainer) (from, to *int64) {
	var first, last time.Time
	open := false
	for i, c := range cs {
		if i == 0 || c.from.Before(first) {
			first = c.from
		}
		open = open || c.to.IsZero()
		if c.to.After(last) {
			last = c.to
		}
	}
	if !first.IsZero() {
		from = aws.Int64(first.UnixMilli())
	}
	if !open {
		to = aws.Int64(last.UnixMilli())
	}
	return from, to
}

// errMissing means that a stream of the call, or its group, does not exist.
var errMissing = errors.New("stream or group does not exist")

// filter reads the streams of one group. Where only the last lines are wanted
// it reads backwards, and goes on without the streams that have enough: one that
// writes much does not cost the pages of its whole log.
func (r *logReader) filter(ctx context.Context, g group, cs []*StoppedContainer) error {
	if _, gone := r.isGone(g); gone {
		return errMissing
	}
	byStream := make(map[string]*StoppedContainer, len(cs))
	for _, c := range cs {
		c.Log.Lines, c.Log.Dropped, c.Log.Problem, c.Log.retry = nil, 0, "", false
		byStream[c.Log.Stream] = c
	}
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &g.name, LogStreamNames: slices.Sorted(maps.Keys(byStream))}
	in.StartTime, in.EndTime = span(cs)
	backwards := r.limit > 0 && in.StartTime != nil
	if backwards {
		in.StartFromHead = aws.Bool(false)
	}
	ordered := false // whether the pages were seen to come newest first
	for {
		out, err := r.call(ctx, g, in)
		if ctx.Err() != nil {
			return poll.Ended(ctx, err)
		}
		if missing, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
			if strings.Contains(missing.ErrorMessage(), "log group") {
				r.mu.Lock()
				if r.gone == nil {
					r.gone = map[group]string{}
				}
				r.gone[g] = g.String() + ": " + missing.ErrorMessage()
				r.mu.Unlock()
			}
			return errMissing
		}
		if err != nil {
			// Such as no permission: it must not hide what ECS said.
			for _, c := range cs {
				c.Log.State, c.Log.Problem, c.Log.retry = logPartial, fmt.Sprintf("%s: %v", g, err), passes(err)
			}
			return nil
		}
		for i, e := range out.Events {
			if i > 0 && aws.ToInt64(e.Timestamp) < aws.ToInt64(out.Events[i-1].Timestamp) {
				ordered = true
			}
			if c := byStream[aws.ToString(e.LogStreamName)]; c != nil {
				c.Log.Lines = append(c.Log.Lines, Line{Time: time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC(), Message: aws.ToString(e.Message)})
			}
		}
		if !ordered { // oldest first: keep the newest
			for _, c := range byStream {
				if backwards && len(c.Log.Lines) > 2*r.limit {
					c.Log.trim(r.limit)
				}
			}
		}
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
		if ordered {
			if rest := r.unsatisfied(byStream); len(rest) < len(in.LogStreamNames) {
				if len(rest) == 0 {
					break
				}
				// Another list of streams is another search: it starts anew, for
				// those that have too few lines.
				for _, name := range rest {
					byStream[name].Log.Lines = nil
				}
				in.LogStreamNames, in.NextToken = rest, nil
			}
		}
	}
	for _, c := range cs {
		c.Log.State = logComplete
		if len(c.Log.Lines) == 0 {
			c.Log.State = logEmpty
		}
		slices.SortStableFunc(c.Log.Lines, func(a, b Line) int { return a.Time.Compare(b.Time) })
	}
	if ordered {
		for _, c := range cs {
			c.Log.inOrder()
		}
	}
	return nil
}

// unsatisfied are the streams that have fewer lines than are wanted.
func (r *logReader) unsatisfied(byStream map[string]*StoppedContainer) []string {
	var out []string
	for name, c := range byStream {
		if len(c.Log.Lines) < r.limit {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// passes reports whether an error may be gone at the next try: all but those
// with which CloudWatch Logs itself refuses.
func passes(err error) bool {
	_, refused := errors.AsType[smithy.APIError](err)
	return !refused || awsretry.Transient(err)
}

// call is one page, tried a few times beyond the SDK's own.
func (r *logReader) call(ctx context.Context, g group, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	return awsretry.Read(ctx, max(r.pause, time.Second), readTries, func(ctx context.Context) (*cloudwatchlogs.FilterLogEventsOutput, error) {
		return r.api.FilterLogEvents(ctx, in, func(o *cloudwatchlogs.Options) {
			if g.region != "" {
				o.Region = g.region // awslogs-region may be another than the task's
			}
		})
	})
}
