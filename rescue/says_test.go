package rescue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a service said before the attempt is none of its causes, and neither is what
// has no date.
func TestWhatAServiceSays(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 26, 22, 0, 0, 0, time.UTC)
	f := &ServiceFacts{Events: []string{
		"2026-11-26T22:30:00Z (service web) has reached a steady state.",
		"2026-11-26T22:20:00Z (service web) rolling back to deployment ecs-svc/1: alarm web-5xx is in ALARM.",
		"2026-11-25T10:00:00Z (service web) (port 80) is unhealthy in (target-group web) due to (reason Health checks failed).",
	}}
	require.Contains(t, f.says(since), "alarm web-5xx")
	require.Contains(t, f.says(since.Add(-72*time.Hour)), "alarm web-5xx")
	require.Empty(t, f.says(since.Add(time.Hour)))
	require.Empty(t, (&ServiceFacts{Events: []string{"22:20:00 alarm"}}).says(since))
}
