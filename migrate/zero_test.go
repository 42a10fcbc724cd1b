package migrate_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// TestZeroValues calls what takes a store, a probe, a command or a tool with
// none of it: it is an error, and no panic.
func TestZeroValues(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for name, call := range map[string]func() error{
		"New": func() error { _, err := migrate.New(nil, "", nil, nil); return err },
		"Lead": func() error {
			return migrate.Lead(ctx, nil, "k", func(context.Context, migrate.Fence) error { return nil })
		},
		"Status":          func() error { _, _, err := migrate.Status(ctx, nil, "k"); return err },
		"Forget":          func() error { _, err := migrate.Forget(ctx, nil, "k", false); return err },
		"OneOff":          func() error { _, err := migrate.OneOff(ctx, nil, nil); return err },
		"Program.Run":     func() error { return migrate.Program{}.Run(ctx, 1) },
		"toolcmd.Inspect": func() error { _, err := toolcmd.Inspect(ctx, nil, toolcmd.Alembic()); return err },
		"toolcmd.Stamp":   func() error { _, err := toolcmd.Stamp(ctx, toolcmd.Local, toolcmd.Tool{}); return err },
		"toolcmd.Local":   func() error { _, err := toolcmd.Local(ctx, nil); return err },
		"revision.Probe":  func() error { _, err := revision.Probe(nil, nil)(ctx); return err },
		"Patience.Check":  func() error { return migrate.Patience{}.Check() },
	} {
		require.NotPanics(t, func() { require.Error(t, call(), name) }, name)
	}
	require.Equal(t, "idle", (&migrate.Runner{}).Health().Phase)
}
