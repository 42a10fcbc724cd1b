package rescue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// A worker without a health check that runs for two minutes and dies, again and
// again: ECS calls every deployment of it completed.
func TestTasksThatDieAfterTwoMinutesAreNotRescued(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		unchecked := []string{"          HealthCheck: {Command: [CMD, \"true\"], Interval: 10, Retries: 3}\n", ""}
		old := s.push("v1")
		s.create(web("v1", unchecked...))
		s.deleteImage(old)
		lives := time.Duration(0)
		s.pushProgram("v2", func(c *simtype.Container) {
			c.Print("ERROR: broker closed the connection")
			c.After(lives, func() { c.Exit(1) })
		})
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2", unchecked...)))
		lives = 2 * time.Minute
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		r, err := s.run(p)
		require.ErrorIs(t, err, rescue.ErrPartly, r)
		var said string
		for _, k := range r.Checks {
			if !k.OK && strings.Contains(k.What, "stay up") {
				said = k.Detail
			}
		}
		require.Contains(t, said, "exited with 1", r)
	})
}
