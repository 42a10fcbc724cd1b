//go:build unix

package revision_test

import (
	"strings"
	"testing"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/internal/servers"
)

// TestOnServers runs what examples/migrate-leader tests of this package on real
// servers, with real drivers.
func TestOnServers(t *testing.T) {
	t.Parallel()
	names := []string{"TestTablesOfTools", "TestTablesOfToolsInMariaDB", "TestTablesWithOtherNames", "TestRepairBySQL", "TestStampOfMoreRows"}
	// Those that mostly wait for locks and clocks: that module's own run has them all.
	names = append(names, sample.Quarter(t, []string{"TestHoldersOfLocks", "TestOwnProbe", "TestLockedTable", "TestStampAsksTheToolsLock"}, nil)...)
	servers.Module(t, "../../examples/migrate-leader", "^("+strings.Join(names, "|")+")$")
}
