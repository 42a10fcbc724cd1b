package template

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx/internal/corpus"
	"github.com/stackrescue/stackrescue/internal/sample"
)

// TestCfnLint: a template that cfn-lint found no error in before the patch has
// none after it.
func TestCfnLint(t *testing.T) {
	if testing.Short() {
		t.Skip("runs cfn-lint for a minute")
	}
	lint, err := exec.LookPath("cfn-lint")
	if err == nil {
		err = exec.Command(lint, "--version").Run()
	}
	if err != nil {
		t.Skip("cfn-lint is not installed: an extra check, where it is")
	}
	t.Run("own", func(t *testing.T) {
		t.Parallel()
		files, err := filepath.Glob("testdata/patch/*.in.*")
		require.NoError(t, err)
		texts := map[string][]byte{}
		for _, file := range sample.Quarter(t, files, nil) {
			if texts[filepath.Base(file)], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
		compareLint(t, lint, texts)
	})
	t.Run("corpus", func(t *testing.T) {
		t.Parallel()
		texts := map[string][]byte{}
		for file, text := range corpus.Some(t, 250, "templates") {
			texts[strings.ReplaceAll(file, "/", "+")] = text
		}
		compareLint(t, lint, texts)
	})
}

// compareLint patches the tag of every image of the templates and compares
// what cfn-lint says before and after.
func compareLint(t *testing.T, lint string, texts map[string][]byte) {
	t.Helper()
	before, after := t.TempDir(), t.TempDir()
	patched := 0
	for file, text := range texts {
		p, err := PatchImages(text, func(Image) (string, error) { return ":v2", nil }, func(o *Options) { o.Original = true })
		if err != nil || len(p.Edits) == 0 {
			continue
		}
		patched++
		require.NoError(t, os.WriteFile(filepath.Join(before, file), text, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(after, file), p.Template, 0o600))
	}
	was, is := lintErrors(t, lint, before), lintErrors(t, lint, after)
	for file := range texts {
		assert.Equal(t, was[file], is[file], file)
	}
	t.Logf("%d patched templates, %d of them without an error before", patched, patched-len(was))
}

// lintErrors returns the rules of error level that each file of a folder
// breaks, sorted.
func lintErrors(t *testing.T, lint, dir string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	cmd := exec.Command(lint, append([]string{"--ignore-checks", "W", "I", "--format", "json", "--"}, files...)...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var matches []struct {
		Filename string
		Rule     struct{ ID string }
	}
	require.NoError(t, json.Unmarshal(out, &matches), "%s", out)
	rules := map[string][]string{}
	for _, m := range matches {
		if strings.HasPrefix(m.Rule.ID, "E") {
			file := filepath.Base(m.Filename)
			rules[file] = append(rules[file], m.Rule.ID)
		}
	}
	for _, r := range rules {
		slices.Sort(r)
	}
	return rules
}
