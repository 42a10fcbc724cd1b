// Package simtest runs simulated services without the rest of the cloud, for
// the tests beside them: real SDK clients, the middleware door, virtual time.
package simtest

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/stackrescue/stackrescue/internal/sim/clock"
	"github.com/stackrescue/stackrescue/internal/sim/door"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Account and Region are where every [Sim] is.
const (
	Account = "111111111111"
	Region  = "us-east-1"
)

// latency is what one call takes, in virtual time, so that two calls never
// happen at one moment.
const latency = time.Millisecond

// A Sim is a world with the services that were registered in its Table.
type Sim struct {
	World *world.World
	Table op.Table

	calls int
}

// New returns an empty Sim that starts at the bubble's time.
func New(s *simtype.Switches) *Sim {
	return &Sim{World: world.New(clock.New(time.Now(), 1), Account, Region, s)}
}

// Bubble runs fn in a synctest bubble.
func Bubble(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, fn)
}

// Config is for clients of this Sim.
func (s *Sim) Config() aws.Config {
	return door.Config(Region, func(ctx context.Context, c door.Call) (any, string, error) {
		return s.Call(ctx, c.Region, c.Input)
	})
}

// Call answers one attempt, as every door does.
func (s *Sim) Call(ctx context.Context, _ string, in any) (out any, requestID string, err error) {
	time.Sleep(latency)
	o, ok := s.Table.ByInput(in)
	if !ok {
		return nil, "", fmt.Errorf("no handler takes %T", in)
	}
	in = op.Copy(in)
	s.World.Do(func() {
		s.calls++
		requestID = fmt.Sprintf("00000000-0000-4000-8000-%012d", s.calls)
		if out, err = o.Call(ctx, in); err == nil {
			out = op.Copy(out)
		}
	})
	if err != nil {
		return nil, requestID, op.Response(err, requestID)
	}
	return out, requestID, nil
}
