package rescue_test

import (
	"context"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// The whole of it, on a simulated account that runs 4,000 times as fast as
// this one.
func Example() {
	ctx := context.Background()
	in, err := rescuetest.ExpiredRollbackImage(ctx, func(o *rescuetest.IncidentOptions) { o.Speed, o.Latency = 4000, 50*time.Microsecond })
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := in.Cloud.Config()
	options := func(o *rescue.Options) {
		o.Interval, o.Settle, o.Soak, o.Now = in.Cloud.Wall(5*time.Second), in.Cloud.Wall(10*time.Second), in.Cloud.Wall(5*time.Minute), in.Cloud.Now
		o.Confirm = func(s rescue.Step) bool { return true } // ask somebody
	}
	d, err := rescue.Diagnose(ctx, cfg, in.Stack, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Users[0])
	p, err := rescue.MakePlan(d, rescue.Choices{
		Direction: rescue.Forward, Freeze: true,
		Migration: &rescue.Migration{Tool: toolcmd.Alembic(), Verify: [][]string{{"check-schema"}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := rescue.Run(ctx, cfg, p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range r.Steps {
		fmt.Println(s.ID, s.Outcome)
	}
	fmt.Println(r.Users[0])
	// Output:
	// service prod/backend does NOT serve: 0 of 2 tasks run
	// 1-freeze done
	// 2-freeze done
	// 3-stamp done
	// 4-redeploy done
	// 5-unlock done
	// 6-savepoint done
	// 7-verify done
	// service prod/backend serves: 2 of 2 tasks run
}
