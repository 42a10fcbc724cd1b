package page_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

func TestOf(t *testing.T) {
	t.Parallel()
	items := []int{1, 2, 3, 4, 5}
	var got []int
	var token *string
	for pages := 1; ; pages++ {
		part, next, ok := page.Of(items, token, 2)
		require.True(t, ok)
		got = append(got, part...)
		if token = next; token == nil {
			require.Equal(t, 3, pages)
			break
		}
	}
	require.Equal(t, items, got)
	for _, bad := range []string{"nonsense", "!!", "cGFnZTotMQ"} {
		_, _, ok := page.Of(items, &bad, 2)
		require.False(t, ok, bad)
	}
}
