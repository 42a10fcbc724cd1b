package sample

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A sample has every kind, grows with the factor, is the same each time, and differs
// with the seed.
func TestSamplesHaveEveryKind(t *testing.T) {
	if *allPairs {
		t.Skip("-all-pairs")
	}
	t.Setenv("STACKRESCUE_SAMPLE", "1")
	t.Setenv("STACKRESCUE_SEED", "")
	var actions []string
	for i := range 400 {
		actions = append(actions, fmt.Sprint("action ", i*i%17))
	}
	kinds := []string{"throttle", "denied", "lost"}
	seen := map[string]bool{}
	got := Calls(t, actions, kinds, 5, seen)
	require.Equal(t, got, Calls(t, actions, kinds, 5, nil))
	reached, how := map[string]bool{}, map[string]bool{}
	for _, c := range got {
		reached[actions[c.N-1]], how[c.Kind] = true, true
	}
	require.Len(t, how, 3)
	require.Equal(t, seen, reached)
	require.Less(t, len(got), 20)
	require.Len(t, Calls(t, actions, kinds, 5, seen), 5)
	require.Len(t, Calls(t, actions[:2], kinds, 5, nil), 5)
	require.Len(t, Calls(t, actions[:1], kinds, 5, nil), 3)

	require.Len(t, Quarter(t, actions, nil), 100)
	require.Equal(t, 3, Few(3, 5))
	t.Setenv("STACKRESCUE_SAMPLE", "4")
	require.Equal(t, actions, Quarter(t, actions, nil))
	require.Equal(t, actions[:9], Quarter(t, actions[:9], nil))
	require.Equal(t, 5, Few(3, 5))
	t.Setenv("STACKRESCUE_SAMPLE", "1")

	all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	some := Of(t, all, 2, func(n int) string { return fmt.Sprint(n%3, n > 9) })
	require.Len(t, some, 4)
	require.True(t, slices.IsSorted(some))
	require.Contains(t, some, 10)
	require.Equal(t, some, Of(t, all, 2, func(n int) string { return fmt.Sprint(n%3, n > 9) }))
	t.Setenv("STACKRESCUE_SEED", "7")
	require.NotEqual(t, got, Calls(t, actions, kinds, 5, nil))
	t.Setenv("STACKRESCUE_SAMPLE", "4")
	require.Len(t, Of(t, all, 2, nil), 8)
	require.Len(t, Of(t, all, 9, nil), 10)
	require.Equal(t, 8, Count(t, 2, 10))
	wide := Calls(t, actions, kinds, 20, nil)
	require.Len(t, wide, 80)
	t.Setenv("STACKRESCUE_SAMPLE", "all")
	require.Len(t, Calls(t, actions, kinds, 5, seen), 1200)
	require.Equal(t, all, Of(t, all, 2, nil))
	require.True(t, Wide())
}
