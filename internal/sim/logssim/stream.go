package logssim

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

type stream struct {
	name, arn string
	created   int64
	events    []event // by id
	seen      *seen   // what DescribeLogStreams knows of the events
	counting  bool
}

// seen lags behind the events: "lastEventTime … updates on an eventual
// consistency basis. It typically updates in less than an hour from ingestion"
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogStream.html).
type seen struct{ first, last, ingested int64 }

const seenAfter = 10 * time.Minute

// CreateLogStream implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html
func (s *Service) CreateLogStream(_ context.Context, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	g, err := s.group(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.LogStreamName)
	if len(name) > 512 {
		return nil, invalid("Invalid LogGroup or LogStream, both must have length less than or equal to 512.")
	}
	if name == "" || strings.ContainsAny(name, ":*") {
		return nil, invalid("1 validation error detected: Value '%s' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*", name)
	}
	if _, ok := g.streams[name]; ok {
		return nil, exists("stream")
	}
	s.newStream(g, name)
	return &cloudwatchlogs.CreateLogStreamOutput{}, nil
}

func (s *Service) newStream(g *group, name string) *stream {
	st := &stream{name: name, arn: g.arn + ":log-stream:" + name, created: s.w.Now().UnixMilli()}
	g.streams[name] = st
	return st
}

// DeleteLogStream implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogStream.html
func (s *Service) DeleteLogStream(_ context.Context, in *cloudwatchlogs.DeleteLogStreamInput) (*cloudwatchlogs.DeleteLogStreamOutput, error) {
	g, err := s.group(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	st, err := g.stream(in.LogStreamName)
	if err != nil {
		return nil, err
	}
	delete(g.streams, st.name)
	return &cloudwatchlogs.DeleteLogStreamOutput{}, nil
}

// DescribeLogStreams implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
func (s *Service) DescribeLogStreams(_ context.Context, in *cloudwatchlogs.DescribeLogStreamsInput) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	g, err := s.group(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if err := atMost("limit", in.Limit, 50); err != nil {
		return nil, err
	}
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	var wanted []*stream
	for _, name := range slices.Sorted(maps.Keys(g.streams)) {
		if strings.HasPrefix(name, aws.ToString(in.LogStreamNamePrefix)) {
			wanted = append(wanted, g.streams[name])
		}
	}
	if byTime {
		slices.SortStableFunc(wanted, func(a, b *stream) int { return int(a.lastSeen() - b.lastSeen()) })
	}
	if aws.ToBool(in.Descending) {
		slices.Reverse(wanted)
	}
	size := 50
	if in.Limit != nil {
		size = int(*in.Limit)
	}
	part, next, ok := page.Of(wanted, in.NextToken, size)
	if !ok {
		return nil, badToken()
	}
	out := &cloudwatchlogs.DescribeLogStreamsOutput{LogStreams: []types.LogStream{}, NextToken: next}
	for _, st := range part {
		x := types.LogStream{Arn: aws.String(st.arn), CreationTime: aws.Int64(st.created), LogStreamName: aws.String(st.name)}
		//lint:ignore SA1019 answered still
		x.StoredBytes = aws.Int64(0) //nolint:staticcheck // the service still answers it (docs/aws/recordings.md logs)
		if st.seen != nil {
			x.FirstEventTimestamp, x.LastEventTimestamp, x.LastIngestionTime = aws.Int64(st.seen.first), aws.Int64(st.seen.last), aws.Int64(st.seen.ingested)
			x.UploadSequenceToken = aws.String(sequenceToken(st.events))
		}
		out.LogStreams = append(out.LogStreams, x)
	}
	return out, nil
}

func (st *stream) lastSeen() int64 {
	if st.seen == nil {
		return 0
	}
	return st.seen.last
}

// count makes the stream's events known to DescribeLogStreams, later.
func (s *Service) count(st *stream) {
	if st.counting {
		return
	}
	st.counting = true
	s.w.After(seenAfter, func() {
		st.counting = false
		n := &seen{first: st.events[0].at, last: st.events[len(st.events)-1].at}
		for _, e := range st.events {
			n.ingested = max(n.ingested, e.ingested)
		}
		st.seen = n
	})
}
