//go:build unix

package revision_test

import (
	"testing"

	"github.com/stackrescue/stackrescue/internal/servers"
)

// TestOnServers runs what examples/migrate-leader tests of this package on real
// servers, with real drivers.
func TestOnServers(t *testing.T) {
	t.Parallel()
	servers.Module(t, "../../examples/migrate-leader", `^(TestTablesOfTools|TestTablesOfToolsInMariaDB|TestTablesWithOtherNames|TestHoldersOfLocks|TestOwnProbe|TestRepairBySQL|TestLockedTable|TestStampOfMoreRows|TestStampAsksTheToolsLock)$`)
}
