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
	require.NoError(t, good.Check())
	good.Breaker, good.Rollback = 3, true
	require.NoError(t, good.Check(), "a circuit breaker harms nobody by itself")
	good.Breaker, good.Rollback = 0, false
	for want, change := range map[string]func(*migrate.Patience){
		"wait for ever":                         func(p *migrate.Patience) { p.MaxWait = 0 },
		"healthCheckGracePeriodSeconds to 1800": func(p *migrate.Patience) { p.GracePeriod = 0 },
		"let it ask for /live":                  func(p *migrate.Patience) { p.LiveCheck, p.GracePeriod, p.LoadBalanced = false, 0, false },
		"raise stopTimeout":                     func(p *migrate.Patience) { p.Drain = 60 * time.Second },
		"set startTimeout to 1800":              func(p *migrate.Patience) { p.StartTimeout = 2 * time.Minute },
		"tasks end; after 3 of them the circuit breaker fails the deployment: set": func(p *migrate.Patience) { p.StartTimeout, p.Breaker = 2*time.Minute, 3 },
		"that wait; after 5 of them the circuit breaker fails the deployment and rolls it back: raise": func(p *migrate.Patience) {
			p.GracePeriod, p.Breaker, p.Rollback = 0, 5, true
		},
	} {
		p := good
		change(&p)
		require.ErrorContains(t, p.Check(), want)
	}
}
