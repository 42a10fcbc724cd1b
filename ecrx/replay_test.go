package ecrx_test

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// replay answers what was asked before from memory, after latency: a benchmark
// is not about the simulated cloud.
type replay struct {
	latency time.Duration

	mu      sync.Mutex
	calls   map[string]int // by operation
	flying  int
	since   time.Time
	busy    time.Duration // in which some call was under way
	answers map[string]middleware.InitializeOutput
}

func (r *replay) install(s *middleware.Stack) error {
	return s.Initialize.Add(middleware.InitializeMiddlewareFunc("test.Replay", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		r.wait()
		operation := awsmiddleware.GetOperationName(ctx)
		asked, err := json.Marshal(in.Parameters)
		key := operation + string(asked)
		r.mu.Lock()
		r.calls[operation]++
		out, ok := r.answers[key]
		r.mu.Unlock()
		if ok && err == nil {
			return out, middleware.Metadata{}, nil
		}
		out, md, err := next.HandleInitialize(ctx, in)
		if err == nil {
			r.mu.Lock()
			r.answers[key] = out
			r.mu.Unlock()
		}
		return out, md, err
	}), middleware.Before)
}

func (r *replay) wait() {
	r.mu.Lock()
	if r.flying++; r.flying == 1 {
		r.since = time.Now()
	}
	r.mu.Unlock()
	time.Sleep(r.latency)
	r.mu.Lock()
	if r.flying--; r.flying == 0 {
		r.busy += time.Since(r.since)
	}
	r.mu.Unlock()
}

// rounds is how many latencies long calls were under way.
func (r *replay) rounds() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return float64(r.busy) / float64(r.latency)
}

func (r *replay) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = 0
	r.calls = map[string]int{}
}
