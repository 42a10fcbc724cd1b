package migrate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
)

func TestPreflight(t *testing.T) {
	t.Parallel()
	good := migrate.Patience{
		MaxWait: 30 * time.Minute, Drain: 20 * time.Second, Grace: 2 * time.Second,
		LoadBalanced: true, GracePeriod: 30 * time.Minute, ContainerCheck: true, LiveCheck: true,
	}
	require.NoError(t, migrate.Preflight(good))
	for want, change := range map[string]func(*migrate.Patience){
		"wait for ever":                         func(p *migrate.Patience) { p.MaxWait = 0 },
		"healthCheckGracePeriodSeconds to 1800": func(p *migrate.Patience) { p.GracePeriod = 0 },
		"let it ask for /live":                  func(p *migrate.Patience) { p.LiveCheck, p.GracePeriod, p.LoadBalanced = false, 0, false },
		"raise stopTimeout":                     func(p *migrate.Patience) { p.Drain = 60 * time.Second },
	} {
		p := good
		change(&p)
		require.ErrorContains(t, migrate.Preflight(p), want)
	}
}
