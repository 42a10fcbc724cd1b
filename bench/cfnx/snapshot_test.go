package cfnx

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
)

// TestSnapshot takes a snapshot, reads its causes and plans what a continue would
// skip, deploy and delete. Rounds is the time over that of one call.
func TestSnapshot(t *testing.T) {
	for _, test := range []struct{ attempt, rounds int }{
		{300, 12},
		{events, 2 * (events/page + 2)}, // pages come one after the other: those of the root, then all others
	} {
		t.Run(fmt.Sprint(test.attempt, " events"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stub := newTree(test.attempt)
				client := cfn.NewFromConfig(stub.Config())
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				start := time.Now()
				tree, err := cfnx.Snapshot(t.Context(), client, "s00")
				require.NoError(t, err)
				took := time.Since(start)
				runtime.GC()
				runtime.ReadMemStats(&after)
				heap := int64(after.HeapAlloc) - int64(before.HeapAlloc)
				calls := len(stub.Calls())
				causes := tree.Causes()
				skips := cfnx.SkipMinimal(tree)
				planning := time.Now()
				deploys, deletes := tree.Deploys(skips, nil), tree.Deletes()
				require.Zero(t, time.Since(planning), "it calls nothing")

				// Of each stack: itself, its template, the pages of its resources and
				// those of the attempt's events.
				pages := (test.attempt + page - 1) / page
				bound := 1 + 1 + 1 + pages + nested*(1+1+(resources+page-1)/page+pages)
				rounds := int(took / latency)
				t.Logf("%d stacks, %d resources, %d of %d events in the attempt: %d calls (bound %d), %d rounds of %v, %.1f MiB kept, %.1f MiB allocated, %d causes, %d skips, %d deployments, %d deletions",
					nested+1, nested*resources+nested, (nested+1)*test.attempt, (nested+1)*events, calls, bound, rounds, latency, float64(heap)/(1<<20), float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), len(causes.Update)+len(causes.Rollback), len(skips), len(deploys), len(deletes))
				assert.LessOrEqual(t, calls, bound)
				assert.LessOrEqual(t, rounds, test.rounds)
				assert.Less(t, heap, int64(64<<20))
			})
		})
	}
}
