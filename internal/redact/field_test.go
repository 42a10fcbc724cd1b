package redact_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/redact"
)

// field reads a list of cases beside the module; without it the test is skipped.
func field[T any](t *testing.T, name string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "field", "text", name))
	if err != nil {
		t.Skip("no list of cases: ", err)
	}
	defer func() { require.NoError(t, f.Close()) }()
	var out []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c T
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		out = append(out, c)
	}
	require.NoError(t, lines.Err())
	return out
}

func TestShapesOfTheField(t *testing.T) {
	t.Parallel()
	type shape struct{ Name, Example, RedactMustHide, KeepVisible string }
	for _, c := range field[shape](t, "secret-shapes.jsonl") {
		got := redact.Text(c.Example)
		if strings.Contains(got, c.RedactMustHide) {
			t.Errorf("%s: not hidden: %s", c.Name, got)
		}
		if !strings.Contains(got, c.KeepVisible) {
			t.Errorf("%s: %q is lost: %s", c.Name, c.KeepVisible, got)
		}
		// No part of it that would help to guess the rest.
		for i := 0; i+8 <= len(c.RedactMustHide); i++ {
			if part := c.RedactMustHide[i : i+8]; strings.Contains(got, part) && !strings.Contains(c.KeepVisible, part) {
				t.Errorf("%s: part %q is left: %s", c.Name, part, got)
				break
			}
		}
		if again := redact.Text(got); again != got {
			t.Errorf("%s: not idempotent: %s -> %s", c.Name, got, again)
		}
	}
}

func TestWhatIsNoSecretOfTheField(t *testing.T) {
	t.Parallel()
	type plain struct {
		Name, Example, MustStay string
		Soft                    bool
	}
	for _, c := range field[plain](t, "not-secrets.jsonl") {
		if got := redact.Text(c.Example); !strings.Contains(got, c.MustStay) {
			t.Errorf("%s (soft %v): %s", c.Name, c.Soft, got)
		}
	}
}
