//go:build unix

package servers

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var (
	skipped = regexp.MustCompile(`(?m)^ {4}\S+\.go:\d+: (.* is not installed: .*)$`)
	offline = regexp.MustCompile(`dial tcp|lookup |missing go\.sum entry|cannot find module|TLS handshake`)
)

// Module runs tests of a module of its own, in which there are drivers, against
// servers: the packages that work through database/sql import none. The test is
// skipped where a server is not installed, or the module's requirements cannot
// be had, with that as the reason.
func Module(t *testing.T, dir, run string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers and runs for half a minute")
	}
	cmd := exec.Command("go", "test", "-count=1", "-v", "-run", run, ".")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil && !strings.Contains(text, "--- FAIL") && offline.MatchString(text) {
		Missing(t, "what "+dir+" requires", "go mod download in "+dir)
	}
	if err != nil {
		t.Fatalf("go test -run '%s' in %s: %v\n%s", run, dir, err, out[max(0, len(out)-8000):])
	}
	if m := skipped.FindStringSubmatch(text); m != nil {
		t.Skip(m[1])
	}
	if !strings.Contains(text, "--- PASS") {
		t.Fatalf("go test -run '%s' in %s ran nothing", run, dir)
	}
}
