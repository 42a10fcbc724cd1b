package clients

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// The CDK CLI: the first release that sends ForceRollback, and the last that
// reads events and sends ResourcesToSkip.
const (
	cdkForce = "2.1148.1"
	cdkSkips = "2.1148.0"
)

func findCDK(t *testing.T, version string) string {
	t.Helper()
	tools := os.Getenv("STACKRESCUE_TOOLS")
	if tools == "" {
		cache, err := os.UserCacheDir()
		require.NoError(t, err)
		tools = filepath.Join(cache, "stackrescue")
	}
	dir := filepath.Join(tools, "aws-cdk-"+version)
	bin := filepath.Join(dir, "node_modules", ".bin", "cdk")
	if _, err := exec.LookPath(bin); err != nil {
		skip(t, "no CDK CLI: npm install --prefix %s aws-cdk@%s", dir, version)
	}
	return bin
}

// assembly writes a cloud assembly of one stack, so that nothing is synthesised.
func assembly(t *testing.T, template string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"manifest.json":      `{"version":"36.0.0","artifacts":{"prod":{"type":"aws:cloudformation:stack","environment":"aws://123456789012/us-east-1","properties":{"templateFile":"prod.template.json","stackName":"prod"},"displayName":"prod"}}}`,
		"prod.template.json": template,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

var cdkEnvironment = []string{"CI=true", "CDK_DISABLE_CLI_TELEMETRY=true", "NODE_NO_WARNINGS=1"}

// rollbackRuns are the combinations of release, incident and switch.
func rollbackRuns() []rollbackRun {
	outputs := []struct {
		name  string
		value simtype.Switches
	}{
		{"kept", simtype.Switches{OutputsAfterSkip: "kept"}},
		{"dropped", simtype.Switches{OutputsAfterSkip: "dropped"}},
		{"stale", simtype.Switches{OutputsAfterSkip: "stale"}},
		{"child dropped", simtype.Switches{OutputsAfterSkip: "child-dropped"}},
	}
	var runs []rollbackRun
	for _, o := range outputs {
		runs = append(runs, rollbackRun{version: cdkForce, nested: false, switchName: o.name, sw: o.value},
			rollbackRun{version: cdkForce, nested: true, switchName: o.name, sw: o.value},
			rollbackRun{version: cdkSkips, nested: false, switchName: o.name, sw: o.value})
	}
	return append(runs,
		rollbackRun{version: cdkSkips, nested: true, switchName: "kept", sw: outputs[0].value},
		rollbackRun{version: cdkForce, nested: false, switchName: "force unknown", sw: simtype.Switches{ForceRollback: "unknown"}},
		rollbackRun{version: cdkForce, nested: false, switchName: "force failed only", sw: simtype.Switches{ForceRollback: "failed-only"}})
}

type rollbackRun struct {
	version    string
	nested     bool
	switchName string
	sw         simtype.Switches
}

func (r rollbackRun) String() string {
	shape := "flat"
	if r.nested {
		shape = "nested"
	}
	return fmt.Sprintf("%s %-6s %-18s", r.version, shape, r.switchName)
}

// TestCDKRollback runs "cdk rollback prod --force" of both releases. What is
// pinned is how the stacks end and which Outputs are lost, not the exit code nor
// the number of continues: the CLI also exits 0, and gives up, where it saw no
// error event in time (docs/aws/cfn.md 7). The log has both.
func TestCDKRollback(t *testing.T) {
	t.Parallel()
	bins := map[string]string{cdkForce: findCDK(t, cdkForce), cdkSkips: findCDK(t, cdkSkips)}
	// A run is a process of Node for ten seconds of CPU.
	runs := sample.Of(t, rollbackRuns(), 2, func(r rollbackRun) string { return r.version })
	lines := make([]string, len(runs))
	app := assembly(t, `{}`)
	env := environment(t, "", cdkEnvironment...)
	var wg sync.WaitGroup
	for i, r := range runs {
		wg.Go(func() {
			line, log, err := r.rollback(t.Context(), bins[r.version], app, env)
			if err != nil {
				line = err.Error()
			}
			lines[i] = r.String() + line
			t.Logf("%s\n%s", lines[i], log)
		})
	}
	wg.Wait()
	golden := filepath.Join("testdata", "cdk-rollback.golden")
	got := strings.Join(lines, "\n") + "\n"
	if os.Getenv("STACKRESCUE_UPDATE") == "1" && sample.Whole() {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	if sample.Whole() {
		require.Equal(t, string(want), got)
	}
	for _, line := range lines {
		require.Contains(t, strings.Split(string(want), "\n"), line)
	}
}

const speed = 60

func (r rollbackRun) rollback(ctx context.Context, bin, app string, env []string) (line, log string, err error) {
	var cloud *rescuetest.Cloud
	if r.nested {
		i, err := rescuetest.ExpiredRollbackImage(ctx, func(o *rescuetest.IncidentOptions) {
			o.Speed, o.Switches, o.SkippedDatabase = speed, r.sw, false
		})
		if err != nil {
			return "", "", err
		}
		cloud = i.Cloud
	} else if cloud, err = flat(ctx, r.sw, speed); err != nil {
		return "", "", err
	}
	if behind := time.Since(cloud.Now()); behind > 0 {
		cloud.Advance(behind) // clients drop events that are older than their own clock
	}
	before, err := outputs(ctx, cloud)
	if err != nil {
		return "", "", err
	}
	cloud.ForgetCalls()
	server := httptest.NewServer(cloud.Handler())
	defer server.Close()
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	begin := time.Now()
	cmd := exec.CommandContext(ctx, bin, "rollback", "prod", "--force", "--app", app, "--no-validate-bootstrap-version", "--no-color", "--no-notices")
	cmd.Env = append(slices.Clone(env), "AWS_ENDPOINT_URL="+server.URL)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return "", string(out), err
	}
	log = fmt.Sprintf("%s%.1f s, exit code %d\n%s", out, time.Since(begin).Seconds(), cmd.ProcessState.ExitCode(), rescuetest.CallCounts(cloud.Calls()))
	cloud.Advance(time.Hour) // what is still in progress ends
	after, err := outputs(ctx, cloud)
	if err != nil {
		return "", log, err
	}
	return fmt.Sprintf("%s: %s", before.status, after.since(before)), log, nil
}

// state is the statuses and Outputs of a tree of stacks.
type state struct {
	status string
	values map[string]string // "stack.Key"
}

func outputs(ctx context.Context, c *rescuetest.Cloud) (state, error) {
	s := state{values: map[string]string{}}
	out, err := cloudformation.NewFromConfig(c.Config()).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		return s, err
	}
	var statuses []string
	for _, x := range out.Stacks {
		name := aws.ToString(x.StackName)
		if f := strings.Split(name, "-"); len(f) > 1 {
			name = f[1]
		}
		if name == "prod" || name == "App" {
			statuses = append(statuses, name+" "+string(x.StackStatus))
		}
		for _, o := range x.Outputs {
			s.values[name+"."+aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
	}
	slices.Sort(statuses)
	s.status = strings.Join(statuses, ", ")
	return s, nil
}

func (s state) since(before state) string {
	var lost, changed []string
	for k, v := range before.values {
		if now, ok := s.values[k]; !ok {
			lost = append(lost, k)
		} else if now != v {
			changed = append(changed, k)
		}
	}
	slices.Sort(lost)
	slices.Sort(changed)
	return fmt.Sprintf("%s; Outputs lost %v, changed %v", s.status, lost, changed)
}
