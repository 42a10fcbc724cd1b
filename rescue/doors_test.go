package rescue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// TestBothDoors rescues the incident through the middleware door and through
// the wire protocols: what was diagnosed and planned, every event, every mutation
// and every kind of read must be the same. How often something is polled is not:
// one-off tasks are waited for at once, and draw their jitter in no order.
// It is not parallel, because the random source is the process's.
func TestBothDoors(t *testing.T) {
	story := func(t *testing.T, door func(*rescuetest.Cloud) aws.Config) string {
		var b strings.Builder
		cryptotest.SetGlobalRandom(t, 1) // jitter
		synctest.Test(t, func(t *testing.T) {
			in, err := rescuetest.ExpiredRollbackImage(t.Context())
			require.NoError(t, err)
			cfg := door(in.Cloud)
			d, err := rescue.Diagnose(t.Context(), cfg, in.Stack)
			require.NoError(t, err)
			p, err := rescue.MakePlan(d, forward())
			require.NoError(t, err)
			fmt.Fprintf(&b, "%s\n%s\n", d, p)
			r, err := rescue.Run(t.Context(), cfg, p, func(o *rescue.Options) {
				confirmed(o)
				o.Observe = func(e rescue.Event) { fmt.Fprintln(&b, e) }
			})
			require.NoError(t, err)
			r.Calls = nil
			fmt.Fprintln(&b, r)
			var lines, reads []string
			for _, c := range in.Cloud.Calls() {
				line := fmt.Sprintf("%s %v %v", c.Action, c.Err != nil, c.Done)
				if c.Mutates() {
					lines = append(lines, line)
				} else {
					reads = append(reads, line)
				}
			}
			slices.Sort(reads)
			lines = append(lines, slices.Compact(reads)...)
			fmt.Fprintln(&b, strings.Join(lines, "\n"))
		})
		return b.String()
	}
	var direct, wire string
	t.Run("middleware", func(t *testing.T) { direct = story(t, (*rescuetest.Cloud).Config) })
	t.Run("wire", func(t *testing.T) { wire = story(t, (*rescuetest.Cloud).WireConfig) })
	require.Equal(t, direct, wire)
	t.Logf("%d lines are the same", strings.Count(direct, "\n"))
}
