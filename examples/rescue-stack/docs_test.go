package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/stackrescue/stackrescue/rescue/report"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

var update = flag.Bool("update", false, "write docs/night.md anew")

var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	exits      = regexp.MustCompile(`\s+# exit (\d+)$`)
	words      = regexp.MustCompile(`"[^"]*"|\S+`)
)

// fields are a command line's words, quotes taken off.
func fields(line string) []string {
	out := words.FindAllString(line, -1)
	for i := range out {
		out[i] = strings.Trim(out[i], `"`)
	}
	return out
}

// TestCommandsOfTheDocs runs every command of every page, in the order of the
// page, in an account in which it happened. rescue-stack runs in this process, in
// virtual time; other programs against the same incident over HTTP.
func TestCommandsOfTheDocs(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	pages = append(pages, filepath.Join(root, "README.md"))
	ran := 0
	for _, page := range pages {
		data, err := os.ReadFile(page)
		require.NoError(t, err)
		blocks := shellBlock.FindAllStringSubmatch(string(data), -1)
		if len(blocks) == 0 {
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Chdir(t.TempDir())
			var others [][2]string
			synctest.Test(t, func(t *testing.T) {
				a, _ := incident(t)
				for _, b := range blocks {
					for line := range strings.SplitSeq(strings.TrimSpace(b[1]), "\n") {
						want := 0
						if m := exits.FindStringSubmatch(line); m != nil {
							want, err = strconv.Atoi(m[1])
							require.NoError(t, err)
							line = strings.TrimSuffix(line, m[0])
						}
						ran++
						args := fields(line)
						if args[0] != "rescue-stack" {
							others = append(others, [2]string{line, strconv.Itoa(want)})
							continue
						}
						b := a
						if strings.Contains(line, "-demo") {
							b = &app{}
						}
						_, errs, code := try(t.Context(), b, "", args[1:]...)
						require.Equal(t, want, code, "%s\n%s", line, errs)
					}
				}
			})
			for _, o := range others {
				outside(t, root, o[0], o[1])
			}
		})
	}
	require.GreaterOrEqual(t, ran, 12) // none is left out because a page changed its form
}

// outside runs a command of another program of this module against an incident
// over HTTP.
func outside(t *testing.T, root, line, want string) {
	t.Helper()
	in, err := rescuetest.ExpiredRollbackImage(t.Context())
	require.NoError(t, err)
	server := httptest.NewServer(in.Cloud.Handler())
	defer server.Close()
	bin := programs(t)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", line)
	cmd.Env = cloudEnv(bin, server.URL)
	if strings.HasPrefix(line, "go ") {
		cmd.Dir = root
	}
	out, err := cmd.CombinedOutput()
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		require.NoError(t, err)
	}
	require.Equal(t, want, strconv.Itoa(code), "%s\n%s", line, out)
}

func cloudEnv(bin, url string) []string {
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "AWS_ENDPOINT_URL=" + url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}
	for _, k := range []string{"GOPATH", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOROOT", "GOSUMDB"} {
		if v := os.Getenv(k); v != "" {
			env = append(env, k+"="+v)
		}
	}
	return env
}

// built builds the programs of the examples, once for all tests.
var built = sync.OnceValues(func() (string, error) {
	bin, err := os.MkdirTemp("", "rescue-stack-test-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", bin, "./examples/rescue-stack", "./examples/deploy-guard", "./examples/ecr-guard", "./examples/patch-images", "./examples/continue-rollback")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return bin, fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

// root is the module's folder: tests change theirs.
var root, _ = filepath.Abs(filepath.Join("..", ".."))

func TestMain(m *testing.M) {
	code := m.Run()
	if wasBuilt.Load() {
		if bin, err := built(); err == nil {
			_ = os.RemoveAll(bin) // in the folder for temporary files
		}
	}
	os.Exit(code)
}

var wasBuilt atomic.Bool

// programs is the folder of the examples' programs.
func programs(t *testing.T) string {
	t.Helper()
	wasBuilt.Store(true)
	bin, err := built()
	require.NoError(t, err)
	return bin
}

// TestFilesForCI runs the scripts of the files for CI as shell, against an
// incident over HTTP: the guard stops, the diagnosis keeps the evidence.
func TestFilesForCI(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	in, err := rescuetest.ExpiredRollbackImage(t.Context(), func(o *rescuetest.IncidentOptions) { o.Speed = 100 })
	require.NoError(t, err)
	server := httptest.NewServer(in.Cloud.Handler())
	defer server.Close()
	bin := programs(t)
	run := func(script string, env ...string) (int, string, string) {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
		cmd.Dir, cmd.Env = dir, append(cloudEnv(bin, server.URL), env...)
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode(), string(out), dir
		}
		require.NoError(t, err, string(out))
		return 0, string(out), dir
	}
	read := func(name string, into any) {
		data, err := os.ReadFile(filepath.Join(root, "ci", name))
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(data, into), name)
	}
	var action struct {
		Runs struct {
			Using string
			Steps []struct{ Shell, Run string }
		}
	}
	read("github/action.yml", &action)
	require.Equal(t, "composite", action.Runs.Using)
	require.Equal(t, "bash", action.Runs.Steps[0].Shell)
	script := action.Runs.Steps[0].Run
	require.NotContains(t, script, "${{", "inputs come as environment")
	code, out, dir := run(script, "STACK="+in.Stack, "MODE=guard", "EVIDENCE=incident", "GITHUB_ACTIONS=true", "CI=true")
	require.Equal(t, 3, code, out)
	require.FileExists(t, filepath.Join(dir, "rollback.html"))
	code, out, _ = run(script, "STACK=", "MODE=guard", "EVIDENCE=incident")
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "input stack is empty")
	code, out, dir = run(script, "STACK="+in.Stack, "MODE=diagnose", "EVIDENCE=incident", "CI=true")
	require.Equal(t, 0, code, out)
	require.FileExists(t, filepath.Join(dir, "incident.html"))
	captures, err := filepath.Glob(filepath.Join(dir, "incident", "capture-*.json"))
	require.NoError(t, err)
	require.Len(t, captures, 1)

	var gitlab map[string]struct{ Script []string }
	read("gitlab.yml", &gitlab)
	code, out, _ = run(strings.Join(gitlab["rollback-works"].Script, "\n"), "STACK="+in.Stack)
	require.Equal(t, 3, code, out)
	var build struct {
		Phases map[string]struct{ Commands []string }
	}
	read("buildspec.yml", &build)
	code, out, _ = run("set -e\n"+strings.Join(build.Phases["pre_build"].Commands, "\n"), "STACK="+in.Stack)
	require.Equal(t, 3, code, out)
}

// TestNight is a stranger's night, as docs/night.md shows it: diagnosed, compared,
// reviewed by a second person, interrupted, run again, reported.
func TestNight(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	cryptotest.SetGlobalRandom(t, 1)
	t.Chdir(t.TempDir())
	var b strings.Builder
	b.WriteString("# A night, as it looks\n\n" +
		"The incident that this library began with, in a simulated account, on a screen of\n80 columns. A test writes this page and fails where it differs.\n")
	synctest.Test(t, func(t *testing.T) {
		a, in := incident(t)
		a.width = func() int { return 80 }
		step := func(say, stdin string, interrupt string, want int, args ...string) {
			var screen bytes.Buffer
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a.env = func(string) string { return "" }
			a.terminal = true
			out := &tap{at: interrupt, then: cancel}
			a.stdin, a.stdout, a.stderr = strings.NewReader(stdin), out, out
			code := a.main(ctx, append(args, "-progress", "plain"))
			require.Equal(t, want, code, out.String())
			screen.WriteString(out.String())
			fmt.Fprintf(&b, "\n%s\n\n```\n$ rescue-stack %s\n%s\n```\n", say, strings.Join(report.Wrap(strings.Join(args, " "), "    ", 64), " \\\n"), strings.TrimSpace(screen.String()))
		}
		step("It is three in the morning. What is wrong, and are users served? The evidence\ngoes to a folder before anything is concluded.", "", "", 0, "diagnose", "-stack", in.Stack, "-evidence", "incident")
		step("What are the ways out, and what does each cost?", "", "", 0, "plan", "-stack", in.Stack, "-freeze")
		step("Forward: the migration was applied, and a command of the image proves it. The\nplan goes to a file, for a second person.", "", "", 0, "plan", "-stack", in.Stack, "-direction", "forward", "-freeze", "-migration", "alembic", "-verify", "check-schema", "-out", "plan.json", "-evidence", "incident")
		step("It was reviewed, and is run. The laptop's lid closes in the middle of it.", "", "redeploy: in progress", 130, "run", "plan.json", "-yes", "-evidence", "incident")
		step("The same command again.", "", "", 0, "run", "plan.json", "-yes", "-evidence", "incident")
		step("The morning after, before the pipeline has run: it is too early.", "", "", 12, "finish", "-stack", in.Stack, "-evidence", "incident")
		step("The report, for everybody who was asleep; no access to the\naccount is needed.", "", "", 0, "report", "incident", "-html", "incident.html")
	})
	file := filepath.Join(root, "docs", "night.md")
	for line := range strings.SplitSeq(b.String(), "\n") {
		require.LessOrEqual(t, len([]rune(line)), 82, line)
	}
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

// TestLicencesAreListed compares docs/licences.md with what the modules require.
func TestLicencesAreListed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/licences.md")
	require.NoError(t, err)
	required := regexp.MustCompile(`(?m)^(?:require )?\t?([a-z0-9.-]+\.[a-z]+/\S+) v\S+`)
	n := 0
	for _, file := range []string{"../../go.mod", "../migrate-leader/go.mod"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range required.FindAllStringSubmatch(string(data), -1) {
			name := m[1]
			if strings.HasPrefix(name, "github.com/aws/aws-sdk-go-v2") {
				name = "github.com/aws/aws-sdk-go-v2"
			}
			if name == "github.com/stackrescue/stackrescue" {
				continue
			}
			n++
			require.Contains(t, string(page), "| "+name, file)
		}
	}
	require.Greater(t, n, 30)
}

// TestLinksOfTheDocs checks that what a page links to is there.
func TestLinksOfTheDocs(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	link := regexp.MustCompile(`\]\(([^)#]+)`)
	for _, page := range append(pages, "../../README.md") {
		data, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			if !strings.Contains(m[1], "://") && filepath.Base(page) != "night.md" {
				require.FileExists(t, dirOr(filepath.Join(filepath.Dir(page), m[1])), page)
			}
		}
	}
}

// dirOr is a file that is there if a folder is.
func dirOr(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		entries, err := os.ReadDir(path)
		if err == nil {
			for _, e := range entries {
				if !e.IsDir() {
					return filepath.Join(path, e.Name())
				}
			}
		}
	}
	return path
}
