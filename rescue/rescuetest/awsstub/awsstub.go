// Package awsstub answers the calls of real aws-sdk-go-v2 clients with typed
// functions, for tests of code that takes an SDK client.
//
//	stub := awsstub.New()
//	awsstub.On(stub, func(ctx context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
//		return &ecs.UpdateServiceOutput{Service: &types.Service{ServiceName: in.Service}}, nil
//	})
//	client := ecs.NewFromConfig(stub.Config())
//
// The stub answers inside the SDK's retry loop: a throttle or a server error
// is retried as it would be against AWS. No region, endpoint, credentials or
// network are needed. The package imports no service client.
//
// # Time
//
// Every answer takes one millisecond ([Stub.Latency]). In a testing/synctest
// bubble that time is virtual, and it has to pass: the SDK's waiters spin for
// ever at their deadline when calls take no time at all.
package awsstub

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/stackrescue/stackrescue/internal/sim/door"
	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// A Stub answers the clients made from its Config. It may be used by many
// goroutines at once.
type Stub struct {
	// Latency is how long each answer takes. Set it before the first call.
	Latency time.Duration

	mu    sync.Mutex
	table op.Table
	calls []Call
}

// Call is one attempt that reached the stub, answered or not.
type Call struct {
	// At is when the attempt arrived, by time.Now.
	At time.Time
	// Service is the SDK's service id ("CloudFormation"), Operation the
	// operation's name ("DescribeStacks"), Region the client's region.
	Service, Operation, Region string
	// Input is a copy of the operation's input, a pointer.
	Input any
}

// String is "Service.Operation".
func (c Call) String() string { return c.Service + "." + c.Operation }

// New returns a stub that answers nothing yet.
func New() *Stub { return &Stub{Latency: time.Millisecond} }

// On makes fn answer the operation whose input type is I, in place of what
// answered it before. Inputs and outputs are copied, so that neither side sees
// what the other changes later. A nil output without an error, or an O that
// does not belong to I, becomes an error that names the operation.
func On[I, O any](s *Stub, fn func(context.Context, *I) (*O, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op.On(&s.table, fn)
}

// Config is an aws.Config whose clients s answers. A call for which no
// function was registered is an error that names it; nothing reaches a
// network.
func (s *Stub) Config() aws.Config { return door.Config("us-east-1", s.answer) }

// Calls lists the attempts so far, in order; each retry counts.
func (s *Stub) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

func (s *Stub) answer(ctx context.Context, c door.Call) (any, string, error) {
	s.mu.Lock()
	s.calls = append(s.calls, Call{
		At: time.Now(), Service: c.Service, Operation: c.Operation, Region: c.Region,
		Input: op.Copy(c.Input),
	})
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", len(s.calls))
	o, ok := s.table.ByInput(c.Input)
	s.mu.Unlock()
	if !ok {
		return nil, id, fmt.Errorf("awsstub: unexpected call %s", c)
	}
	timer := time.NewTimer(s.Latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, id, &aws.RequestCanceledError{Err: ctx.Err()}
	}
	out, err := o.Call(ctx, op.Copy(c.Input))
	if err != nil {
		return nil, id, op.Response(err, id)
	}
	return op.Copy(out), id, nil
}
