package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// skip says why a client cannot be tested here.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("STACKRESCUE_NO_SKIP") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// serve lets clients in over a loopback port.
func serve(t *testing.T, c *rescuetest.Cloud) (url string) {
	t.Helper()
	s := httptest.NewServer(c.Handler())
	t.Cleanup(s.Close)
	return s.URL
}

// environment is what a client runs with: credentials of the simulated account
// and nothing of the user's own.
func environment(t *testing.T, url string, extra ...string) []string {
	t.Helper()
	home := t.TempDir()
	env := []string{
		"AWS_ENDPOINT_URL=" + url, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=AKIDSIMULATED", "AWS_SECRET_ACCESS_KEY=simulated",
		"AWS_CONFIG_FILE=" + filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(home, "credentials"),
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "HOME=" + home,
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "AWS_"), name == "HOME", strings.HasSuffix(name, "_CA_BUNDLE"), strings.HasSuffix(strings.ToLower(name), "_proxy"):
		default:
			env = append(env, v)
		}
	}
	return append(env, extra...)
}

// An awsCLI is one installed AWS CLI.
type awsCLI struct{ path, version string }

// findCLIs looks for AWS CLIs in PATH; there may be several.
var findCLIs = sync.OnceValue(func() (found []awsCLI) {
	seen := map[string]bool{}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, "aws")
		if _, err := exec.LookPath(path); err != nil {
			continue
		}
		out, err := exec.Command(path, "--version").CombinedOutput()
		version, _, _ := strings.Cut(strings.TrimPrefix(string(out), "aws-cli/"), " ")
		if err == nil && !seen[version] {
			seen[version] = true
			found = append(found, awsCLI{path, version})
		}
	}
	return found
})

// An outcome is what a client saw.
type outcome struct {
	Result any    // of the operation; nil when it has none
	Code   string // of an AWS error
	Text   string
}

// run calls the CLI and reads its JSON.
func (c awsCLI) run(t *testing.T, env []string, url string, args ...string) (outcome, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.path, append([]string{"--endpoint-url", url, "--output", "json", "--no-cli-pager"}, args...)...)
	if strings.HasPrefix(c.version, "1.") { // does not know a pager
		cmd = exec.CommandContext(ctx, c.path, append([]string{"--endpoint-url", url, "--output", "json"}, args...)...)
	}
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	o := outcome{Text: strings.TrimSpace(stdout.String() + stderr.String())}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return o, err
	}
	if err != nil {
		if _, rest, ok := strings.Cut(stderr.String(), "An error occurred ("); ok {
			o.Code, _, _ = strings.Cut(rest, ")")
			return o, nil
		}
		return o, errors.Join(err, errors.New(o.Text))
	}
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), &o.Result); err != nil {
			o.Result = nil // commands that print words
		}
	}
	return o, nil
}

// frozen is the incident with a clock that hardly moves, so that two clients
// that look one after the other see the same.
func frozen(t *testing.T, optFns ...func(*rescuetest.IncidentOptions)) *rescuetest.Incident {
	t.Helper()
	i, err := rescuetest.ExpiredRollbackImage(t.Context(), append([]func(*rescuetest.IncidentOptions){func(o *rescuetest.IncidentOptions) {
		o.Speed = 1e-6
		o.Latency = time.Microsecond
		o.NoRateLimits = true // with such a clock buckets do not refill
	}}, optFns...)...)
	require.NoError(t, err)
	return i
}
