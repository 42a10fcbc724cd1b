package rescue_test

import (
	"strings"
	"testing"
	"time"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// A migration at start that did not get to its end is suspected by what the tasks
// printed, with the command that tells; and by nothing else.
func TestAMigrationIsSuspected(t *testing.T) {
	t.Parallel()
	first := true
	for name, test := range map[string]struct {
		run  simtype.Program
		says []string // none for no suspicion
	}{
		"Django, half done": {rescuetest.Exits(1, 5*time.Second, "  Applying shop.0042_price...", `django.db.utils.ProgrammingError: relation "shop_price" already exists`),
			[]string{"half-way (Django)", `"showmigrations"`}},
		"Flyway, a lock": {rescuetest.NeverHealthy("Flyway Community Edition 11", "waiting for lock on flyway_schema_history, another instance is migrating"),
			[]string{"had waited for a migration", `"flyway","info"`}},
		"dirty": {rescuetest.Exits(1, 5*time.Second, "error: Dirty database version 12. Fix and force version."),
			[]string{"half-way (golang-migrate)", `"migrate","version"`}},
		"one migrates, the others wait": {func(c *simtype.Container) {
			if first {
				first = false
				c.Print("running migration 7")
				c.After(5*time.Second, func() { c.Exit(9) })
				return
			}
			c.Print("waiting for the migration to finish")
		}, []string{"while 1 migrated", "own status command"}},
		"another crash":        {rescuetest.Exits(1, 5*time.Second, "FATAL: price service unreachable"), nil},
		"a table of its own":   {rescuetest.Exits(1, 5*time.Second, `ERROR: relation "plans" does not exist`), nil},
		"unhealthy, and waits": {rescuetest.NeverHealthy("waiting for the cache"), nil},
		"migrated, then failed": {rescuetest.Exits(1, 5*time.Second, "INFO [alembic.runtime.migration] Running upgrade a -> b", "FATAL: no licence"),
			nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				old := s.push("v1")
				s.create(web("v1"))
				s.deleteImage(old)
				s.pushProgram("v2", test.run)
				require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2")))
				c := s.diagnose().Causes
				if test.says == nil {
					require.Empty(t, c.Migration)
					return
				}
				require.Len(t, c.Migration, 1, c)
				for _, want := range test.says {
					require.Contains(t, c.Migration[0].Text+c.Migration[0].Next, want)
				}
				require.True(t, strings.HasPrefix(c.Migration[0].Text, "it looks as if"), "a guess is worded as one")
			})
		})
	}
}
