package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// TestDeployTools runs ecspresso, ecsta and ecrm against the account of an
// incident, where they are installed: they read what is there, deploy, and delete
// nothing that is in use.
func TestDeployTools(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ecspresso", "ecsta", "ecrm"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not in PATH", name)
		}
	}
	i, err := rescuetest.NewIncident(t.Context(), "later-resource", func(o *rescuetest.IncidentOptions) { o.Speed = 120 })
	require.NoError(t, err)
	dir, env := t.TempDir(), environment(t, serve(t, i.Cloud))
	run := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%v\n%s", args, out)
		return string(out)
	}
	run("ecspresso", "init", "--cluster", i.Cluster, "--service", i.Service, "--config", "ecspresso.yml")
	require.FileExists(t, filepath.Join(dir, "ecs-service-def.json"))
	assert.Contains(t, run("ecspresso", "status"), "PRIMARY")
	assert.NotContains(t, run("ecspresso", "diff"), "\n-", "what was written is what runs")
	assert.Contains(t, run("ecspresso", "deploy"), "Service is stable now")
	assert.Contains(t, run("ecspresso", "revisions"), "PRIMARY deployment")
	run("ecspresso", "scale", "--tasks", "1")
	services, err := ecs.NewFromConfig(i.Cloud.Config()).DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: &i.Cluster, Services: []string{i.Service}})
	require.NoError(t, err)
	assert.EqualValues(t, 1, services.Services[0].RunningCount)

	tasks, err := ecs.NewFromConfig(i.Cloud.Config()).ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &i.Cluster, ServiceName: &i.Service})
	require.NoError(t, err)
	id := filepath.Base(tasks.TaskArns[0])
	assert.Contains(t, run("ecsta", "--cluster", i.Cluster, "list"), id)
	assert.Contains(t, run("ecsta", "--cluster", i.Cluster, "describe", "--id", id), tasks.TaskArns[0])
	assert.Contains(t, run("ecsta", "--cluster", i.Cluster, "trace", "--id", id), "LastStatus:RUNNING")

	run("ecrm", "generate")
	require.FileExists(t, filepath.Join(dir, "ecrm.yaml"))
	assert.Contains(t, run("ecrm", "plan"), "in use")
	_, err = os.Stat(filepath.Join(dir, "ecspresso.yml"))
	require.NoError(t, err)
}
