package logssim

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const (
	pageBytes  = 1 << 20
	pageEvents = 10000
)

// A place in a stream: just after the event, or just before it.
type place struct {
	event
	forward bool
	// skip marks the token of an empty page: the next one has events.
	skip bool
}

func (p place) String() string {
	direction, end := "b", "s"
	if p.forward {
		direction = "f"
	}
	if p.skip {
		end = "e"
	}
	return direction + "/" + p.id() + "/" + end
}

func parsePlace(token string) (p place, ok bool) {
	f := strings.Split(token, "/")
	if len(f) != 3 || len(f[1]) != 56 || f[0] != "f" && f[0] != "b" || f[2] != "s" && f[2] != "e" {
		return p, false
	}
	p.forward, p.skip = f[0] == "f", f[2] == "e"
	if _, err := fmt.Sscanf(f[1], "%038d%018d", &p.at, &p.number); err != nil {
		return p, false
	}
	return p, true
}

// GetLogEvents implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html:
// the latest events first unless StartFromHead, events of a page always in
// order of time; at the end the token that was passed comes back; startTime is
// inclusive, endTime exclusive.
func (s *Service) GetLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	if err := atMost("limit", in.Limit, pageEvents); err != nil {
		return nil, err
	}
	g, err := s.group(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	st, err := g.stream(in.LogStreamName)
	if err != nil {
		return nil, err
	}
	events := between(s.kept(g, st), in.StartTime, in.EndTime)
	head := aws.ToBool(in.StartFromHead)
	from := place{forward: head}
	if !head {
		from.event = event{at: math.MaxInt64}
	}
	if in.NextToken != nil {
		var ok bool
		if from, ok = parsePlace(*in.NextToken); !ok {
			return nil, badToken()
		}
		head = from.forward
	}
	i, found := slices.BinarySearchFunc(events, from.event, event.compare)
	if head && found {
		i++
	}
	var part []event
	switch more := head && i < len(events) || !head && i > 0; {
	case s.EmptyPages && more && in.NextToken != nil && !from.skip:
		from.skip = true
	case head:
		part = s.fill(events[i:], in.Limit)
		from.skip = false
	default:
		rest := slices.Clone(events[:i])
		slices.Reverse(rest)
		part = s.fill(rest, in.Limit)
		slices.Reverse(part)
		from.skip = false
	}
	forward, backward := from, from
	forward.forward, backward.forward = true, false
	if !head && in.NextToken == nil && len(part) == 0 {
		forward.event, backward.event = event{}, event{}
	}
	if len(part) > 0 {
		forward.event, backward.event = part[len(part)-1], part[0]
	}
	out := &cloudwatchlogs.GetLogEventsOutput{Events: []types.OutputLogEvent{}, NextForwardToken: aws.String(forward.String()), NextBackwardToken: aws.String(backward.String())}
	for _, e := range part {
		out.Events = append(out.Events, types.OutputLogEvent{IngestionTime: aws.Int64(e.ingested), Message: aws.String(e.message), Timestamp: aws.Int64(e.at)})
	}
	return out, nil
}

// fill takes as many events as a page holds.
func (s *Service) fill(events []event, limit *int32) []event {
	n := pageEvents
	if limit != nil {
		n = int(*limit)
	}
	if s.PageEvents > 0 {
		n = min(n, s.PageEvents)
	}
	bytes := 0
	for i, e := range events {
		if bytes += len(e.message) + 26; i >= n || bytes > pageBytes && i > 0 {
			return slices.Clone(events[:i])
		}
	}
	return slices.Clone(events)
}

func between(events []event, start, end *int64) []event {
	var in []event
	for _, e := range events {
		if (start == nil || e.at >= *start) && (end == nil || e.at < *end) {
			in = append(in, e)
		}
	}
	return in
}

func byTime(a, b found) int { return cmp.Or(a.compare(b.event), cmp.Compare(a.stream, b.stream)) }
