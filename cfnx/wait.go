package cfnx

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx/internal/options"
	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// waitAPI is DescribeStacks and DescribeStackEvents of *cloudformation.Client.
type waitAPI interface {
	cfn.DescribeStacksAPIClient
	cfn.DescribeStackEventsAPIClient
}

// WaitOptions change [Wait]. The zero value is the default.
type WaitOptions struct {
	// Interval is the time between polls. Defaults to 5 s.
	Interval time.Duration
	// After is the id of the newest event before the operation that is waited
	// for: a terminal status is believed only when a newer event of the stack
	// itself says the same. "" believes the first terminal status.
	After string
	// Observe is called with each new event of the stack, oldest first, on the
	// caller's goroutine. Events of nested stacks are not among them: each is a
	// stack of its own.
	Observe func(Event)
}

// Wait waits until the operation on the stack has ended, and returns its
// status. Any status that CloudFormation does not leave by itself ends the
// wait, also one that the caller does not want: it is the caller's to judge.
// stack should be an ARN, because a name can come to mean another stack.
//
// When ctx ends, the error is a *[StackError] with the last status that was
// seen. It
// returns [ErrStackNotFound] if the stack is gone.
//
// Calls cloudformation:DescribeStacks, cloudformation:DescribeStackEvents.
// Safe to repeat.
func Wait(ctx context.Context, api waitAPI, stack string, optFns ...func(*WaitOptions)) (types.StackStatus, error) {
	o := options.Of(optFns)
	if stack == "" {
		return "", errors.New("stack name is empty: give a stack's name or ARN")
	}
	w := waiter{api: api, stack: stack, opts: o, seen: o.After}
	for status, err := range awsretry.Every(ctx, cmp.Or(o.Interval, 5*time.Second), w.look) {
		if err != nil {
			if missing(err) || errors.Is(err, ErrStackNotFound) {
				return "", stackErr(stack, err)
			}
			return w.last, &StackError{Stack: nameOf(stack), Status: w.last, Err: err}
		}
		if status != "" {
			return status, nil
		}
	}
	return w.last, &StackError{Stack: nameOf(stack), Status: w.last, Err: poll.Ended(ctx, nil)}
}

type waiter struct {
	api   waitAPI
	stack string
	opts  WaitOptions
	seen  string // id of the newest event that was observed
	own   types.ResourceStatus
	last  types.StackStatus
	quiet int // looks at events alone, since the stack was last described
}

// describeEvery is after how many looks the stack itself is described although its
// events say that it is busy: they may be late.
const describeEvery = 6

// look observes new events and returns the status once it is final, else "". While
// the events tell of an operation under way, they are all that is read.
func (w *waiter) look(ctx context.Context) (types.StackStatus, error) {
	news, err := eventsAfter(ctx, w.api, w.stack, w.seen)
	if err != nil {
		return "", err
	}
	for _, e := range slices.Backward(news) {
		if e.own() {
			w.own = e.Status
		}
		if w.opts.Observe != nil {
			w.opts.Observe(e)
		}
		w.seen = e.ID
	}
	if w.quiet++; w.last != "" && strings.HasSuffix(string(w.own), "_IN_PROGRESS") && w.quiet < describeEvery {
		w.last = types.StackStatus(w.own)
		return "", nil
	}
	w.quiet = 0
	s, err := describeStack(ctx, w.api, w.stack)
	if err != nil {
		return "", err
	}
	w.last = s.StackStatus
	if !final(s.StackStatus) || w.opts.After != "" && string(w.own) != string(s.StackStatus) {
		return "", nil
	}
	return s.StackStatus, nil
}

func final(s types.StackStatus) bool {
	return s == types.StackStatusReviewInProgress || !(&Stack{Status: s}).InProgress()
}

// eventsAfter reads the events newer than the one with the id, newest first; a
// "" id reads none but the newest page.
func eventsAfter(ctx context.Context, api cfn.DescribeStackEventsAPIClient, stack, id string) ([]Event, error) {
	var news []Event
	for p := cfn.NewDescribeStackEventsPaginator(api, &cfn.DescribeStackEventsInput{StackName: &stack}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range page.StackEvents {
			if aws.ToString(e.EventId) == id {
				return news, nil
			}
			news = append(news, newEvent(e))
		}
		if id == "" {
			break
		}
	}
	return news, nil
}

// lastEvent is the id of the stack's newest event, "" when there is none.
func lastEvent(ctx context.Context, api cfn.DescribeStackEventsAPIClient, stack string) (string, error) {
	out, err := api.DescribeStackEvents(ctx, &cfn.DescribeStackEventsInput{StackName: &stack})
	if err != nil {
		return "", stackErr(stack, err)
	}
	if len(out.StackEvents) == 0 {
		return "", nil
	}
	return aws.ToString(out.StackEvents[0].EventId), nil
}
