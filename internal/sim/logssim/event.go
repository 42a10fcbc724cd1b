package logssim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

type event struct {
	at, ingested int64 // milliseconds
	number       uint64
	message      string
}

// id orders events by time and arrival; in this form it is the eventId of
// FilterLogEvents and the middle of GetLogEvents' tokens.
func (e event) id() string { return fmt.Sprintf("%038d%018d", e.at, e.number) }

func (e event) compare(x event) int {
	return cmp.Or(cmp.Compare(e.at, x.at), cmp.Compare(e.number, x.number))
}

func (s *Service) add(st *stream, at int64, message string) {
	s.events++
	e := event{at: at, ingested: s.w.Now().UnixMilli(), number: s.events, message: message}
	i, _ := slices.BinarySearchFunc(st.events, e, event.compare)
	st.events = slices.Insert(st.events, i, e)
	s.count(st)
}

// kept are the stream's events that the group's retention has not taken.
func (s *Service) kept(g *group, st *stream) []event {
	if g.retention == nil {
		return st.events
	}
	limit := s.w.Now().Add(-time.Duration(*g.retention) * 24 * time.Hour).UnixMilli()
	i, _ := slices.BinarySearchFunc(st.events, event{at: limit}, event.compare)
	return st.events[i:]
}

// HasGroup reports whether the group exists: a log driver that is not to
// create it refuses to start without.
func (s *Service) HasGroup(name string) bool { _, ok := s.groups[name]; return ok }

// Append is how a container's log driver delivers a line that was written at
// the time at. The stream is made with its first line, and both show only
// after Switches.LogDelay. It fails when the group does not exist.
func (s *Service) Append(group, stream string, at time.Time, line string) error {
	g, err := s.group(&group, nil)
	if err != nil {
		return fmt.Errorf("log group %s: %w", group, err)
	}
	deliver := func() {
		st, ok := g.streams[stream]
		if !ok {
			st = s.newStream(g, stream)
		}
		s.add(st, at.UnixMilli(), line)
	}
	if s.w.Switches.LogDelay <= 0 {
		deliver()
		return nil
	}
	s.w.After(s.w.Switches.LogDelay, deliver)
	return nil
}

// What PutLogEvents takes:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
const (
	tooOld  = 14 * 24 * time.Hour
	tooNew  = 2 * time.Hour
	maxSpan = 24 * time.Hour
)

// PutLogEvents implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
func (s *Service) PutLogEvents(_ context.Context, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	g, err := s.group(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	st, err := g.stream(in.LogStreamName)
	if err != nil {
		return nil, err
	}
	if n := len(in.LogEvents); n < 1 || n > 10000 {
		return nil, invalid("1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length between 1 and 10000, inclusive")
	}
	at := func(i int) int64 { return aws.ToInt64(in.LogEvents[i].Timestamp) }
	for i := range in.LogEvents {
		if i > 0 && at(i) < at(i-1) {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if at(len(in.LogEvents)-1)-at(0) > maxSpan.Milliseconds() {
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	now := s.w.Now()
	oldest, newest := now.Add(-tooOld).UnixMilli(), now.Add(tooNew).UnixMilli()
	var rejected types.RejectedLogEventsInfo
	for i, e := range in.LogEvents {
		switch {
		case at(i) < oldest:
			rejected.TooOldLogEventEndIndex = aws.Int32(int32(i + 1))
		case at(i) > newest:
			if rejected.TooNewLogEventStartIndex == nil {
				rejected.TooNewLogEventStartIndex = aws.Int32(int32(i))
			}
		default:
			s.add(st, at(i), aws.ToString(e.Message))
		}
	}
	out := &cloudwatchlogs.PutLogEventsOutput{NextSequenceToken: aws.String(sequenceToken(st.events))}
	if rejected.TooOldLogEventEndIndex != nil || rejected.TooNewLogEventStartIndex != nil {
		out.RejectedLogEventsInfo = &rejected
	}
	return out, nil
}

// sequenceToken is still answered although the service no longer reads it.
func sequenceToken(events []event) string { return fmt.Sprintf("49%054d", len(events)) }
