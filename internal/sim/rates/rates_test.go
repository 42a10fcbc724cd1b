package rates

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBucketsEmptyAndRefill(t *testing.T) {
	t.Parallel()
	l, now := New(10), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 50 {
		require.True(t, l.Allow("ecs", "UpdateService", now))
	}
	require.False(t, l.Allow("ecs", "DeleteService", now), "one bucket for the family")
	require.True(t, l.Allow("ecs", "DescribeServices", now), "another family")
	require.True(t, l.Allow("ecs", "Unheard", now))
	now = now.Add(time.Second)
	for range 5 {
		require.True(t, l.Allow("ecs", "UpdateService", now))
	}
	require.False(t, l.Allow("ecs", "UpdateService", now))
	require.True(t, l.Allow("ecs", "ListTaskDefinitionFamilies", now))

	for burst, want := range map[int]int{1: 2, 10: 10} {
		l, n := New(burst), 0
		for l.Allow("cloudformation", "DescribeChangeSet", now) {
			n++
		}
		require.Equal(t, want, n)
	}
}
