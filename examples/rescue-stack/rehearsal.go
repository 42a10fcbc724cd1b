package main

import (
	"context"

	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// rehearsal is the incident in a simulated account, 120 times as fast.
func rehearsal(ctx context.Context, c *rescue.Choices) (*rescuetest.Cloud, string, error) {
	in, err := rescuetest.ExpiredRollbackImage(ctx, func(o *rescuetest.IncidentOptions) { o.Speed = 120 })
	if err != nil {
		return nil, "", err
	}
	if c.Direction == "" {
		c.Direction, c.Freeze = rescue.Forward, true
		c.Migration = &rescue.Migration{Tool: toolcmd.Alembic(), Verify: [][]string{{"check-schema"}}}
	}
	return in.Cloud, in.Stack, nil
}
