package rescuetest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// TestScripts runs the scenario scripts of testdata. A first line of the form
// "# switch NAME=VALUE…" sets switches. STACKRESCUE_UPDATE=1 writes what the
// commands print.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, err := os.ReadFile(file)
				require.NoError(t, err)
				text := string(b)
				cloud := rescuetest.New(func(o *rescuetest.Options) {
					first, _, _ := strings.Cut(text, "\n")
					if list, ok := strings.CutPrefix(first, "# switch "); ok {
						for _, w := range strings.Fields(list) {
							name, value, _ := strings.Cut(w, "=")
							require.NoError(t, o.Switches.Set(name, value))
						}
					}
				})
				got, err := cloud.Script(t.Context(), text, nil)
				require.NoError(t, err)
				if os.Getenv("STACKRESCUE_UPDATE") == "1" {
					require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
				}
				assert.Equal(t, text, got)
			})
		})
	}
}

func TestScriptRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := rescuetest.New()
		_, err := cloud.Script(t.Context(), "nonsense\n----\n", nil)
		require.ErrorContains(t, err, `no command "nonsense": there are advance`)
		_, err = cloud.Script(t.Context(), "advance 1m\n", nil)
		require.ErrorContains(t, err, "has no line of dashes")
		got, err := cloud.Script(t.Context(), "advance soon\n----\n", nil)
		require.NoError(t, err)
		require.Contains(t, got, "error: time: invalid duration")
	})
}
