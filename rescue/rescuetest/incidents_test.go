package rescuetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestIncidentScripts holds the incidents to what their scripts say happens.
// STACKRESCUE_UPDATE=1 writes it.
func TestIncidentScripts(t *testing.T) {
	t.Parallel()
	assert.GreaterOrEqual(t, len(Incidents()), 14)
	for name, about := range Incidents() {
		if name == firstIncident {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.NotEmpty(t, about)
			synctest.Test(t, func(t *testing.T) {
				text, err := incidentText(name)
				require.NoError(t, err)
				o := defaultIncident()
				got, err := New().Script(t.Context(), knobs(text, &o), nil)
				require.NoError(t, err)
				if os.Getenv("STACKRESCUE_UPDATE") == "1" {
					require.NoError(t, os.WriteFile(filepath.Join("incident", name+".txt"), []byte(written(text, got)), 0o600))
					return
				}
				assert.Equal(t, knobs(text, &o), got)
				assert.NotContains(t, got, "error: ")
			})
		})
	}
}

// written is a transcript with the knobs of the script's own lines.
func written(text, got string) string {
	of := map[string]string{}
	o := defaultIncident()
	for line := range strings.SplitSeq(text, "\n") {
		of[knobs(line, &o)] = line
	}
	lines := strings.Split(got, "\n")
	for i, l := range lines {
		if raw, ok := of[l]; ok {
			lines[i] = raw
		}
	}
	return strings.Join(lines, "\n")
}

func TestNewIncident(t *testing.T) {
	t.Parallel()
	_, err := NewIncident(t.Context(), "nonsense")
	require.ErrorContains(t, err, `no incident "nonsense": there are child-stuck, expired-rollback-image`)
	synctest.Test(t, func(t *testing.T) {
		in, err := NewIncident(t.Context(), "mended-by-hand", func(o *IncidentOptions) { o.Stack, o.Desired, o.ScaledTo = "live", 3, 5 })
		require.NoError(t, err)
		assert.Empty(t, in.Cloud.Calls())
		got, err := in.Cloud.Script(t.Context(), "status live\n----\n\nservice prod/app\n----\n", nil)
		require.NoError(t, err)
		assert.Contains(t, got, "live UPDATE_ROLLBACK_FAILED")
		assert.Contains(t, got, "ACTIVE: 5 of 5 run")
	})
}
