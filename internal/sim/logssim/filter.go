package logssim

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

type found struct {
	event
	stream string
}

// newestFirst is the earliest start of a search that may go backwards
// (docs/aws/ecs.md 1.6).
var newestFirst = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// FilterLogEvents implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html:
// streams interleaved by time, the limit across all of them, the end only where
// no token is given; one stream that does not exist fails the call (docs/aws/ecs.md 1.6).
func (s *Service) FilterLogEvents(_ context.Context, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	if err := atMost("limit", in.Limit, pageEvents); err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
	}
	if len(in.LogStreamNames) > 100 {
		return nil, invalid("1 validation error detected: Value at 'logStreamNames' failed to satisfy constraint: Member must have length less than or equal to 100")
	}
	g, err := s.group(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	match, ok := compile(aws.ToString(in.FilterPattern))
	if !ok {
		return nil, invalid("Invalid filter pattern")
	}
	names := in.LogStreamNames
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(g.streams))
	}
	var all []found
	for _, name := range names {
		if !strings.HasPrefix(name, aws.ToString(in.LogStreamNamePrefix)) {
			continue
		}
		st, err := g.stream(&name)
		if err != nil {
			return nil, err
		}
		for _, e := range between(s.kept(g, st), in.StartTime, in.EndTime) {
			if match(e.message) {
				all = append(all, found{e, name})
			}
		}
	}
	slices.SortFunc(all, byTime)
	if in.StartFromHead != nil && !*in.StartFromHead && aws.ToInt64(in.StartTime) >= newestFirst {
		slices.Reverse(all)
	}
	from, skip := 0, false
	if in.NextToken != nil {
		if from, skip, ok = position(all, *in.NextToken); !ok {
			return nil, badToken()
		}
	}
	out := &cloudwatchlogs.FilterLogEventsOutput{Events: []types.FilteredLogEvent{}, SearchedLogStreams: []types.SearchedLogStream{}}
	if s.EmptyPages && from < len(all) && !skip {
		after := place{skip: true, forward: true}
		if from > 0 {
			after.event = all[from-1].event
		}
		out.NextToken = aws.String(base64.RawURLEncoding.EncodeToString([]byte(after.String())))
		return out, nil
	}
	events := make([]event, 0, len(all)-from)
	for _, f := range all[from:] {
		events = append(events, f.event)
	}
	for i := range s.fill(events, in.Limit) {
		f := all[from+i]
		out.Events = append(out.Events, types.FilteredLogEvent{EventId: aws.String(f.id()), IngestionTime: aws.Int64(f.ingested),
			LogStreamName: aws.String(f.stream), Message: aws.String(f.message), Timestamp: aws.Int64(f.at)})
	}
	if n := from + len(out.Events); n < len(all) {
		out.NextToken = aws.String(base64.RawURLEncoding.EncodeToString([]byte(place{event: all[n-1].event, forward: true}.String())))
	}
	return out, nil
}

// position is the index after the event that the token names.
func position(all []found, token string) (from int, skip, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	p, ok := parsePlace(string(b))
	if err != nil || !ok {
		return 0, false, false
	}
	for i, f := range all {
		if f.number == p.number {
			return i + 1, p.skip, true
		}
	}
	return 0, p.skip, true
}

// compile reads the filter patterns for unstructured lines of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html:
// all terms, "phrases", -excluded ones, and ?optional ones of which one must be
// there. It does not know the patterns for JSON and for columns.
func compile(pattern string) (match func(string) bool, ok bool) {
	pattern = strings.TrimSpace(pattern)
	if strings.HasPrefix(pattern, "{") || strings.HasPrefix(pattern, "[") || strings.HasPrefix(pattern, "%") {
		return nil, false
	}
	var must, may, not []string
	for pattern != "" {
		kind := &must
		switch pattern[0] {
		case '-':
			kind, pattern = &not, pattern[1:]
		case '?':
			kind, pattern = &may, pattern[1:]
		}
		var term string
		if rest, quoted := strings.CutPrefix(pattern, `"`); quoted {
			if term, pattern, ok = strings.Cut(rest, `"`); !ok {
				return nil, false
			}
		} else {
			term, pattern, _ = strings.Cut(pattern, " ")
		}
		*kind = append(*kind, term)
		pattern = strings.TrimSpace(pattern)
	}
	return func(line string) bool {
		has := func(term string) bool { return strings.Contains(line, term) }
		lacks := func(term string) bool { return !has(term) }
		return !slices.ContainsFunc(must, lacks) && !slices.ContainsFunc(not, has) && (len(may) == 0 || slices.ContainsFunc(may, has))
	}, true
}
