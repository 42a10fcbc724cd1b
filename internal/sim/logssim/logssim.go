// Package logssim simulates Amazon CloudWatch Logs: groups, streams, and the
// tokens and pages by which events are read.
//
// All methods are called inside the clock's Do.
package logssim

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// Service is the log service of one region.
type Service struct {
	// PageEvents is the most events that a page of GetLogEvents or
	// FilterLogEvents holds; 0 means 10,000, as documented. Fewer force the
	// partial pages that the real service is free to give.
	PageEvents int
	// EmptyPages makes every other page empty although more follow, which
	// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
	// says can happen.
	EmptyPages bool

	w      *world.World
	groups map[string]*group
	events uint64 // numbers events in the order they came in
}

// New returns a log service without groups.
func New(w *world.World) *Service { return &Service{w: w, groups: map[string]*group{}} }

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) {
	op.On(t, s.CreateLogGroup)
	op.On(t, s.DeleteLogGroup)
	op.On(t, s.DescribeLogGroups)
	op.On(t, s.PutRetentionPolicy)
	op.On(t, s.DeleteRetentionPolicy)
	op.On(t, s.TagResource)
	op.On(t, s.UntagResource)
	op.On(t, s.ListTagsForResource)
	op.On(t, s.TagLogGroup)
	op.On(t, s.UntagLogGroup)
	op.On(t, s.ListTagsLogGroup)
	op.On(t, s.CreateLogStream)
	op.On(t, s.DeleteLogStream)
	op.On(t, s.DescribeLogStreams)
	op.On(t, s.PutLogEvents)
	op.On(t, s.GetLogEvents)
	op.On(t, s.FilterLogEvents)
}

// group finds a group by its name, or by an identifier that is a name or an ARN.
func (s *Service) group(name, identifier *string) (*group, error) {
	switch {
	case name != nil && identifier != nil:
		return nil, &types.ValidationException{Message: aws.String("LogGroup name and LogGroup ARN are mutually exclusive parameters.")}
	case identifier != nil:
		name = aws.String(groupOf(*identifier))
	}
	g, ok := s.groups[aws.ToString(name)]
	if !ok {
		return nil, missing("group")
	}
	return g, nil
}

// groupOf is the group's name in an ARN, with or without ":*" at its end.
func groupOf(identifier string) string {
	if _, name, ok := strings.Cut(identifier, ":log-group:"); ok {
		return strings.TrimSuffix(name, ":*")
	}
	return identifier
}

func (g *group) stream(name *string) (*stream, error) {
	st, ok := g.streams[aws.ToString(name)]
	if !ok {
		return nil, missing("stream")
	}
	return st, nil
}

// Texts, with and without a full stop, are those of docs/aws/recordings.md logs.

func missing(what string) error {
	return &types.ResourceNotFoundException{Message: aws.String("The specified log " + what + " does not exist.")}
}

func exists(what string) error {
	return &types.ResourceAlreadyExistsException{Message: aws.String("The specified log " + what + " already exists")}
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func atMost(name string, v *int32, limit int32) error {
	if v != nil && *v > limit {
		return invalid("1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: Member must have value less than or equal to %d", *v, name, limit)
	}
	if v != nil && *v < 1 {
		return invalid("1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: Member must have value greater than or equal to 1", *v, name)
	}
	return nil
}

func badToken() error { return invalid("The specified nextToken is invalid.") }
