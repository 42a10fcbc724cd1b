package clients

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// TestExperiments runs the scripts of docs/experiments against the simulated
// account: what they print is the prediction that is kept beside them, for
// whoever compares it with AWS's answers. STACKRESCUE_UPDATE=1 writes it anew.
func TestExperiments(t *testing.T) {
	found := findCLIs()
	if len(found) == 0 {
		skip(t, "no aws in PATH (Debian: awscli)")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		skip(t, "no bash in PATH")
	}
	// The one that knows most: Debian's is of 2022.
	newest, recent := found[0].path, false
	for _, c := range found {
		out, err := exec.CommandContext(t.Context(), c.path, "ecs", "stop-service-deployment", "help").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "nvalid choice") {
			newest, recent = c.path, true
		}
	}
	all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10} // some 250 processes of the CLI
	if !sample.Wide() {
		all = []int{2, 3, 5, 7} // the shortest
	}
	for _, n := range sample.Of(t, all, 1, nil) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			speed, arguments := 60.0, [][]string{nil}
			switch n {
			case 1: // an image has to go in time
				speed = 30
			case 9:
				speed = 30
				if recent {
					arguments = append(arguments, []string{"--retain-except-on-create"})
				}
			case 10: // hours
				speed = 300
				if !recent {
					t.Skip("the installed AWS CLI does not know ecs stop-service-deployment")
				}
			}
			for _, args := range arguments {
				got := experiment(t, newest, n, speed, args...)
				golden := filepath.Join("..", "..", "docs", "experiments", fmt.Sprintf("%d%s.txt", n, strings.Join(args, "")))
				if os.Getenv("STACKRESCUE_UPDATE") == "1" {
					require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err)
				assert.Equal(t, string(want), got)
			}
		})
	}
}

// experiment runs one script against a new account and returns what it printed.
func experiment(t *testing.T, cli string, n int, speed float64, args ...string) string {
	t.Helper()
	cloud := rescuetest.New(func(o *rescuetest.Options) { o.Speed = speed })
	for _, seconds := range []int{1, 20, 60} {
		cloud.AddImage(fmt.Sprintf("registry.example/exits:%d", seconds), rescuetest.Exits(1, time.Duration(seconds)*time.Second))
	}
	url := serve(t, cloud)
	bin := t.TempDir()
	require.NoError(t, os.Symlink(cli, filepath.Join(bin, "aws")))
	env := environment(t, url, "ENDPOINT="+url, "SIMULATED=1", "TICK=0.2", "TMPDIR="+t.TempDir(), "AWS_MAX_ATTEMPTS=5")
	for i, v := range env {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			env[i] = "PATH=" + bin + string(filepath.ListSeparator) + path
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	script := filepath.Join("..", "..", "docs", "experiments", fmt.Sprintf("%d.sh", n))
	cmd := exec.CommandContext(ctx, "bash", append([]string{script}, args...)...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), stderr.String())
	require.Empty(t, stderr.String())
	return stdout.String()
}
