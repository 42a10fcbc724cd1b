package ecsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// source is where all tasks with one log configuration write one container's
// log: streams of one prefix, of which the rest is the task's id
// (docs/aws/ecs.md 1.6).
type source struct {
	group
	prefix, container string
}

// searchPages bounds the pages that are read of one source: a window that holds
// more than ten million lines is a mistake.
const searchPages = 1000

// reconstruct says where the logs of a task are of which only the id is known,
// as far as the query names the task definitions that it may have had.
func (c *capture) reconstruct(ctx context.Context, t *StoppedTask) {
	if !t.Expired || t.LogOnly {
		return
	}
	sources, err := c.sources(ctx, c.q.TaskDefinitions)
	if err != nil {
		t.Problem, t.unread = err.Error(), true
	}
	for _, s := range sources {
		t.Containers = append(t.Containers, s.of(afterSlash(t.ARN)))
	}
}

// of is the container of one task.
func (s source) of(id string) StoppedContainer {
	return StoppedContainer{Name: s.container, Essential: true, settled: true, Log: Log{Region: s.region, Group: s.name, Stream: s.prefix + id}}
}

// sources are where tasks of the definitions write their logs, each once.
// Containers without a stream prefix are left out: their streams have names by
// which no task can be found.
func (c *capture) sources(ctx context.Context, refs []string) ([]source, error) {
	var out []source
	var errs []error
	for _, ref := range refs {
		def, _, err := c.definition(ctx, ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		region := ""
		if parts := strings.Split(aws.ToString(def.TaskDefinitionArn), ":"); len(parts) > 3 {
			region = parts[3]
		}
		for _, d := range def.ContainerDefinitions {
			l := locate(d, true, StoppedContainer{Name: aws.ToString(d.Name), runtime: "-"}, "", region)
			s := source{group{l.Region, l.Group}, l.Stream, aws.ToString(d.Name)}
			if l.Group != "" && strings.HasSuffix(l.Stream, "/") && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out, errors.Join(errs...)
}

// trace is what is known of one task from its streams.
type trace struct {
	sources  map[source]bool
	last     time.Time
	lastLine string
}

// forgotten hands over the tasks that ECS has forgotten and that wrote to their
// logs in the time of the query. gone means that the cluster itself is.
func (d *delivery) forgotten(ctx context.Context, gone bool) error {
	refs := d.c.q.TaskDefinitions
	if len(refs) == 0 {
		refs = slices.Sorted(maps.Keys(d.c.defs))
		if d.c.q.Family != "" {
			refs = append(refs, d.c.q.Family)
		}
	}
	sources, err := d.c.sources(ctx, refs)
	errs := []error{err}
	if len(sources) == 0 && err == nil {
		errs = append(errs, errors.New("no task definition says where the logs of forgotten tasks are: name it in the query"))
	}
	traces := map[string]*trace{}
	for _, s := range sources {
		if err := d.r.search(ctx, s, d.c.q.Since, d.c.q.Until, traces); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.group, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(traces)), func(id string) bool {
		_, pending := d.c.pending[id]
		_, refused := d.c.refused[id]
		return pending || refused || d.c.final[id] || d.c.seen[id]
	})
	ts, err := d.c.unknown(ctx, ids, gone)
	errs = append(errs, err)
	for i := range ts {
		ts[i].trace(traces[ts[i].ARN])
	}
	slices.SortFunc(ts, func(a, b StoppedTask) int { return cmp.Or(a.last.Compare(b.last), cmp.Compare(a.ARN, b.ARN)) })
	if err = errors.Join(errs...); err != nil {
		err = fmt.Errorf("%s: forgotten tasks: %w", d.c.q, err)
	}
	return d.deliver(ctx, ts, err)
}

func (t *StoppedTask) trace(x *trace) {
	t.last, t.lastLine = x.last, x.lastLine
	for _, s := range slices.SortedFunc(maps.Keys(x.sources), func(a, b source) int { return cmp.Compare(a.container, b.container) }) {
		t.Containers = append(t.Containers, s.of(t.ARN))
	}
}

// unknown are the tasks of which ECS does not know any more.
func (c *capture) unknown(ctx context.Context, ids []string, gone bool) ([]StoppedTask, error) {
	var out []StoppedTask
	for chunk := range slices.Chunk(ids, 100) {
		missing := map[string]string{}
		if gone {
			for _, id := range chunk {
				missing[id] = "MISSING"
			}
		} else {
			res, err := c.describeTasks(ctx, chunk)
			if err != nil {
				return out, err
			}
			for _, f := range res.Failures {
				missing[afterSlash(aws.ToString(f.Arn))] = aws.ToString(f.Reason)
			}
		}
		for _, id := range chunk {
			switch reason := missing[id]; reason {
			case "": // it runs, or has stopped just now
			case "MISSING":
				out = append(out, StoppedTask{ARN: id, Expired: true, LogOnly: true})
			default:
				out = append(out, StoppedTask{ARN: id, Expired: true, LogOnly: true, Problem: "ECS did not describe the task: " + reason})
			}
		}
	}
	return out, nil
}

func (c *capture) describeTasks(ctx context.Context, refs []string) (*ecs.DescribeTasksOutput, error) {
	return c.api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cmp.Or(c.q.Cluster, "default")), Tasks: refs})
}

// search reads a source's lines of the window and notes, by task, which wrote and
// what its last line was. The lines themselves are read later, of the tasks that
// are wanted.
func (r *logReader) search(ctx context.Context, s source, since, until time.Time, traces map[string]*trace) error {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &s.name, LogStreamNamePrefix: &s.prefix, StartTime: aws.Int64(since.UnixMilli())}
	if !until.IsZero() {
		in.EndTime = aws.Int64(until.UnixMilli())
	}
	for range searchPages {
		out, err := r.call(ctx, s.group, in)
		if ctx.Err() != nil {
			return poll.Ended(ctx, err)
		}
		if missing, ok := errors.AsType[*logstypes.ResourceNotFoundException](err); ok && !strings.Contains(missing.ErrorMessage(), "log group") {
			return nil // no stream has such a name
		}
		if err != nil {
			return err
		}
		for _, e := range out.Events {
			id := strings.TrimPrefix(aws.ToString(e.LogStreamName), s.prefix)
			if id == "" || strings.Contains(id, "/") {
				continue // another container's, whose name begins with this one's prefix
			}
			x := traces[id]
			if x == nil {
				x = &trace{sources: map[source]bool{}}
				traces[id] = x
			}
			x.sources[s] = true
			if at := time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC(); !at.Before(x.last) {
				x.last, x.lastLine = at, strings.Clone(clip(aws.ToString(e.Message)))
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return nil
		}
	}
	return fmt.Errorf("streams %s*: more than %d pages: narrow the time of the query", s.prefix, searchPages)
}

// clip keeps as much of a line as tells it from others.
func clip(s string) string { return s[:min(len(s), 200)] }
