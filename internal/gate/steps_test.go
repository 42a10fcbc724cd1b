package gate

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
)

// TestStepsSayWhatTheyHold holds that the comment of rescue.Step, where go doc shows no
// type for what a kind of step acts on, lists the keys of each.
func TestStepsSayWhatTheyHold(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "rescue", "plan.go"))
	require.NoError(t, err)
	comment := strings.Join(strings.Fields(strings.ReplaceAll(string(text), "//", " ")), " ")
	key := func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return name
	}
	kinds := 0
	for _, f := range reflect.VisibleFields(reflect.TypeFor[rescue.Step]()) {
		if f.Type.Kind() != reflect.Pointer {
			continue
		}
		var keys []string
		for _, inner := range reflect.VisibleFields(f.Type.Elem()) {
			if k := key(inner); k != "" {
				keys = append(keys, k)
			}
		}
		kinds++
		require.Contains(t, comment, "- "+key(f)+": "+strings.Join(keys, ", "))
	}
	require.GreaterOrEqual(t, kinds, 10)
}
