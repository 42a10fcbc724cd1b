//go:build unix

package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Find looks for a program on the path and in places that are not on it. "" for
// none.
func Find(name string, globs ...string) string {
	if path, err := exec.LookPath(name); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return target
		}
	}
	for _, g := range globs {
		if m, _ := filepath.Glob(g); len(m) > 0 {
			slices.Sort(m)
			return m[len(m)-1]
		}
	}
	return ""
}

// Missing skips a test that wants what is not installed, or fails it where that
// must not happen.
func Missing(t testing.TB, what, install string) {
	t.Helper()
	if os.Getenv("STACKRESCUE_NO_SKIP") != "" {
		t.Fatalf("%s is not installed: %s", what, install)
	}
	t.Skipf("%s is not installed: %s", what, install)
}

// need is Find, and Missing where nothing is found.
func need(t testing.TB, what, install, name string, globs ...string) string {
	t.Helper()
	bin := Find(name, globs...)
	if bin == "" {
		Missing(t, what, install)
	}
	return bin
}
